"""Every command of the README is run, in the order in which it stands there, in a copy of the project."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import h5py
import pytest

import models

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL) for line in block.splitlines()]
# These two make the environment that this test runs in.
INSTALLING = [command for command in COMMANDS if command.startswith("python3 -m venv")]
# Photos that the README's commands name, a few of each class.
PHOTOS = {"my_photos": 20, "new_photos": 4}


@pytest.fixture(scope="module")
def project(tmp_path_factory, coloured_photos, tiny_arrays):
    """A copy of the project, with the photos, the data sets and the old weights that the README speaks of."""
    folder = tmp_path_factory.mktemp("project")
    listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for seed, (name, count) in enumerate(PHOTOS.items()):
        coloured_photos(folder / name, {"cars": count, "elephants": count}, seed)
    shutil.copy(folder / "my_photos/cars/000.jpg", folder / "new.jpg")
    shutil.copy(folder / "my_photos/elephants/000.jpg", folder / "other.png")
    write_old_weights(folder / "50_epochs.h5")
    return folder


def write_old_weights(path):
    """Tutorial 1's network as Keras 2 saved it: `layer_names` on the root, `weight_names` on each layer's group."""
    model = models.elephants_cars((300, 300, 3), 2)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{number}" for number in range(len(layer.weights))]
            for number, weight in enumerate(layer.weights):
                group[f"{number}"] = weight.numpy()


def test_the_installing_commands_are_those_of_ci():
    user, developer = INSTALLING
    assert user.endswith("pip install -r requirements.txt && .venv/bin/python train.py")
    assert developer.endswith("pip install -r requirements-dev.txt && .venv/bin/python -m pytest")
    ci = (ROOT / ".ci/run").read_text()
    assert "install --quiet --disable-pip-version-check -r requirements-dev.txt" in ci
    assert ci.rstrip().endswith('python" -m pytest')


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in INSTALLING])
def test_command(project, run_in_project, command):
    program, script, *arguments = shlex.split(command)
    assert program == "python"
    if script == "train.py" and "--list" not in arguments:
        # Trainings are shortened to an epoch more than there is; everything else runs as it stands.
        epochs = "2" if "--resume" in arguments else "1"
        arguments = [*arguments, "--epochs", epochs]
    process = run_in_project(script, *arguments)
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr
    assert process.stdout.strip()


@pytest.fixture
def run_in_project(project, tiny_arrays):
    """Run a command of the copied project in its folder."""
    import os
    import sys

    def run(*arguments):
        variables = {**os.environ, "DATASETS_DIR": str(tiny_arrays), "CUDA_VISIBLE_DEVICES": "-1"}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=project, env=variables, capture_output=True, text=True, timeout=300, check=False
        )

    return run


def test_the_readmes_python_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names = {}
    exec(code, names)
    assert names["ImageDataGenerator"].__module__ == "image_kit.generator.image_generator"


def test_every_file_that_the_readme_names_exists():
    named = re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r"`((?:\w+/)*\w+\.py)`", README)
    rooms = ("", "data/", *(f"{path.relative_to(ROOT)}/" for path in (ROOT / "image_kit").glob("**/") if path.is_dir()))
    assert [name for name in named if not any((ROOT / room / name).exists() for room in rooms)] == []

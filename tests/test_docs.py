"""Every command and every piece of Python on every page is run, in order, in a copy of the project.

These are shortened; everything else runs unchanged:

- trainings get `--epochs 1`, resumed ones `--epochs 2`; heads on pretrained features are fitted as they are;
- benchmarks get the options of SMALLEST or of SHORTER; training.py times one of two presets, as its own test does, and
  accuracy.py leaves out those of LEFT_OUT;
- Pixabay is a server of this machine, and two training machines get free ports;
- `predict.py --serve` gets a free port and Ctrl-C once it is ready; it also runs beside the programs that ask it;
- contributing.md changes a copy of its own; the checks that .ci/run makes are not made again.

A command that appears on several pages is run once. Photos, data sets and old weights are made here.
"""

import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys

import h5py
import pytest
from PIL import Image

import models
from presets import PRESETS
from tests.fixtures.benchmarks import SMALLEST
from tests.fixtures.pages import EDIT, FENCE, PAGES, ROOT, Step, read_page, slug, steps_of
from tests.fixtures.serving import serving

CONTRIBUTING = "docs/contributing.md"
# In order and without repeats.
STEPS = list(dict.fromkeys(step for page in PAGES if page != CONTRIBUTING for step in steps_of(page)))
# These two make the environment that this test runs in.
INSTALLING = [step.text for step in STEPS if step.text.startswith("python3 -m venv")]
RUN = [step for step in STEPS if step.text not in INSTALLING]
CHECKS = [step.text for step in steps_of(CONTRIBUTING) if step.language == "sh" and "tests/" not in step.text]
CHANGED = [step for step in steps_of(CONTRIBUTING) if step.language == "sh" and "tests/" in step.text]
# Photos that the commands name, a few of each class.
PHOTOS = {"my_photos": 20, "new_photos": 4}
GROUPS = "shops.csv"  # of my_photos: four groups
SHORTER = {
    "benchmarks/accuracy.py": "--seeds 0 --epochs 1",
    "data/prepare.py demo": "--per-class 4 4 4",
    "benchmarks/feature_limits.py": "--per-class 4",
    "benchmarks/pretrained_fine_tuning.py": "--epochs 1 --folds 0",
    "benchmarks/one_file.py": "--photos 4",
    "tests/fuzz_files.py": "--cases 20",
}
# Presets like one that is trained anyway; the weights of one_conv take 800 MB.
LEFT_OUT = (" one_conv", " mnist_cnn", " cifar10_plain")
README_WORDS = 1_600
SECONDS = 300
SERVE, SERVED_AT = "python predict.py --serve", "127.0.0.1:8000"


def copy_project(folder):
    """The files of the project that git knows or would add."""
    listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory, coloured_photos, tiny_arrays):
    """A copy of the project, with the photos and the old weights that the pages mention."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    for seed, (name, count) in enumerate(PHOTOS.items()):
        coloured_photos(folder / name, {"cars": count, "elephants": count}, seed)
    photos = sorted((folder / "my_photos").glob("*/*.jpg"))
    rows = [f"{path.parent.name}/{path.name},shop {number % 4}\n" for number, path in enumerate(photos)]
    (folder / GROUPS).write_text("file,group\n" + "".join(rows))
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


@pytest.fixture(scope="module")
def changed_project(tmp_path_factory):
    """A copy of the project with all changes of contributing.md."""
    folder = copy_project(tmp_path_factory.mktemp("changed"))
    for edit in EDIT.finditer(read_page(CONTRIBUTING)):
        if edit["new"]:
            assert not (folder / edit["new"]).exists()
            (folder / edit["new"]).write_text(edit["code"])
            continue
        lines = (folder / edit["file"]).read_text().splitlines(keepends=True)
        (place,) = [number for number, line in enumerate(lines) if line.strip().startswith(edit["line"])]
        lines.insert(place + 1, edit["code"])
        (folder / edit["file"]).write_text("".join(lines))
    return folder


def start(line, folder, **environment):
    """Start a line of a page, `NAME=VALUE` in front of it included, in a folder."""
    words = shlex.split(line.removesuffix(" &"))
    variables = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **environment}
    while re.match(r"\w+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    assert words[0] == "python"
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *words[1:]], cwd=folder, env=variables, **pipes)


def shortened(line):
    """The line with what makes it short. Where an option is given twice, the last one counts."""
    command = whole = line.removesuffix(" &")
    if "benchmarks/accuracy.py" in command:
        for preset in LEFT_OUT:
            command = command.replace(preset, "")
    options = [options for start, options in SHORTER.items() if command.startswith(f"python {start}")]
    if "python train.py" in command and has_epochs(command):
        options.append("--epochs 2" if "--resume" in command else "--epochs 1")
    return " ".join([command, *options]) + line.removeprefix(whole)


def has_epochs(command):
    """Whether this call of train.py trains a network in epochs, and does not only fit a head."""
    (name,) = re.findall(r"train\.py (\S+)", command)
    return name == "--resume" or "--preset" in command or (name in PRESETS and not PRESETS[name].backbone)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def check_finished(process, statuses=(0,)):
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode in statuses, out + err
    assert "Traceback" not in err
    return out, err


@pytest.mark.slow
@pytest.mark.parametrize("step", RUN, ids=lambda step: str(step)[:80])
def test_step(project, tiny_arrays, smallest_run, server, step):
    if step.language == "python":
        step = Step("sh", f"python -c {shlex.quote(step.text)}")
    text = step.text
    if benchmark := re.match(rf"python benchmarks/({'|'.join(SMALLEST)})\.py", text):
        preset = "elephants_cars" if "elephants_cars" in text else "cifar10"
        done = smallest_run(benchmark[1], *[preset] * (benchmark[1] == "training"))
        assert done.returncode == 0, done.stderr
        return
    if text.startswith(SERVE):
        with serving(project, *shlex.split(text.removeprefix(SERVE))) as served:
            assert served.interrupt() == (130, "Interrupted.\n")
        return
    if "prepare.py pixabay --key" in text:
        server.totals |= {"elephants": 480, "cars": 480}
        text = text.replace("YOUR_KEY", server.key) + f" --base-url {server.url}"
    for port in set(re.findall(r"localhost:(\d+)", text)):
        text = text.replace(f"localhost:{port}", f"127.0.0.1:{free_port()}")
    with contextlib.ExitStack() as beside:
        if SERVED_AT in text:
            text = text.replace(SERVED_AT, f"127.0.0.1:{beside.enter_context(serving(project)).port}")
        lines = [text] if "python -c" in text else text.splitlines()
        running = [start(shortened(line), project, DATASETS_DIR=str(tiny_arrays)) for line in lines]
        statuses = (0, 1) if "check.py" in text else (0,)  # 1: something was found in these photos
        said = [check_finished(process, statuses) for process in running]
    assert any(out.strip() for out, _ in said) or "python -c" in text


@pytest.mark.slow
@pytest.mark.parametrize("step", CHANGED, ids=str)
def test_what_contributing_shows_passes_its_tests(changed_project, step):
    out, _ = check_finished(start(step.text, changed_project))
    assert re.search(r"^\d+ passed", out, re.MULTILINE)


def test_the_checks_of_contributing_are_those_of_ci():
    ci = (ROOT / ".ci/run").read_text()
    assert len(CHECKS) > 3
    assert [check for check in CHECKS if check.replace("python -m", "-m") not in ci.replace('"', "")] == []


def test_the_installing_commands_are_those_of_ci():
    user, developer = INSTALLING
    assert user.endswith("pip install -r requirements.txt && .venv/bin/python train.py")
    assert developer.endswith("pip install -r requirements-dev.txt && .venv/bin/python -m pytest -n 2")
    ci = (ROOT / ".ci/run").read_text()
    assert "install --quiet --disable-pip-version-check -r requirements-dev.txt" in ci
    assert ci.rstrip().endswith('python" -m pytest -n 2')


def test_the_readme_is_short():
    assert len(read_page("README.md").split()) <= README_WORDS


def test_every_page_is_tested_and_linked_from_the_readme():
    found = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert found == {page for page in PAGES if page.startswith("docs/")}
    assert [page for page in PAGES[1:] if f"]({page}" not in read_page("README.md")] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_in_blocks_that_are_run(page):
    others = [code for language, code in FENCE.findall(read_page(page)) if language not in ("sh", "python")]
    assert [line for code in others for line in code.splitlines() if line.startswith(("python ", "$ "))] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", read_page(page))
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in map(slug, re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)), target
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_the_project_that_is_named_exists(page):
    text = EDIT.sub("", read_page(page))
    named = re.findall(r"`((?:\w+/)*\w+\.py)`", text)
    folders = (ROOT, ROOT / "data", ROOT / "image_kit", *(ROOT / "image_kit").glob("*/"))
    assert [
        name for name in named if name != "__init__.py" and not any((each / name).exists() for each in folders)
    ] == []


def sections(page):
    """The sections of a page at its second level."""
    return re.split(r"^(?=## )", read_page(page), flags=re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_figures_come_with_a_command(page):
    """Wherever a table contains decimals, its section names the command that prints them."""
    with_figures = [part for part in sections(page) if re.search(r"^\|.*\d?\.\d", part, re.MULTILINE)]
    assert [part.splitlines()[0] for part in with_figures if "python " not in part] == []


def test_the_figures_of_the_presets_are_those_of_the_pages():
    for name, preset in PRESETS.items():
        figure = preset.measured.removesuffix(" (3 seeds)")
        assert figure
        for page in ("README.md", "docs/results.md"):
            (row, *_) = re.findall(rf"^\| `{name}` .*$", read_page(page), re.MULTILINE)
            assert figure in row, page
        (row, *_) = re.findall(rf"^\| `{name}` .*$", read_page("docs/results.md"), re.MULTILINE)
        assert row.endswith(f"| {preset.minutes} |")
        assert f"{preset.parameters:,}" in row or "the same" in row


def test_the_output_in_the_readme_is_that_of_the_command():
    demo, own = [code for language, code in FENCE.findall(read_page("README.md")) if language == "text"]
    results = " ".join(read_page("docs/results.md").split())
    for output, named in ((demo, "new drawings are named correctly"), (own, "photos are named correctly")):
        right, total, percent = re.search(r"(\d+) of (\d+) correct: ([\d.]+) %", output).groups()
        assert f"{right} of {total} {named} ({percent} %" in results

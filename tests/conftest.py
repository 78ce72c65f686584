"""What many tests share: processes, tiny photos that differ, folders of them, and names that break careless code."""

import os
import random
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from image_kit.cache_folder import FOLDER_VARIABLE

ROOT = Path(__file__).resolve().parents[1]
pytest_plugins = [
    "tests.fixtures.benchmarks",
    "tests.fixtures.browser",
    "tests.fixtures.engine",
    "tests.fixtures.heads",
    "tests.fixtures.one_file",
    "tests.fixtures.photo_sets",
    "tests.fixtures.pictures",
    "tests.fixtures.programs",
    "tests.fixtures.systems",
]

# How long an example takes depends on what else the machine does.
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")

# A shell may make background processes ignore Ctrl-C, and the commands that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def seed(request: pytest.FixtureRequest) -> None:
    """Derive one seed from the test's name for all draws that have none of their own, so that failures repeat."""
    number = zlib.crc32(request.node.nodeid.encode())
    random.seed(number)
    np.random.seed(number)
    if "keras" in sys.modules:  # its import takes 5 s, which tests of files alone do not need
        sys.modules["keras"].utils.set_random_seed(number)


each_module_draws_its_own = pytest.fixture(scope="module", autouse=True)(seed)
each_test_draws_its_own = pytest.fixture(autouse=True)(seed)


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """The cache of every command that a test runs; never the user's own."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ[FOLDER_VARIABLE] = str(folder)
    return folder


@pytest.fixture
def hard_names():
    """Class names that are too long, in scripts that the usual font does not have, or with formulas or controls."""
    return [
        "a_class_name_without_any_space_" * 8,
        "猫" * 40,
        "🦖",
        "US$ and A$",
        r"$\frac$",
        "%s {0}",
        "a\tb\x07",
        "قطة",
        "",
    ]


@pytest.fixture
def photo():
    """Write a small photo, in the format of its name, with a content decided by `seed`; returns its path.

    Photos of different seeds differ, also as JPEG: each has a mean colour of its own.
    """

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (16, 12), **options) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        noise = rng.integers(-40, 41, (size[1], size[0], 3)) + rng.integers(40, 216, 3)
        Image.fromarray(noise.astype(np.uint8)).save(path, **options)
        return path

    return write


@pytest.fixture
def photo_tree(photo):
    """`photo_tree(folder, {"cats": 3, "dogs": 3})` writes folder/cats/0.jpg ...; returns the folder.

    Keys may be paths such as "train/cats". All photos differ; those of `first_seed`, `first_seed` + 1, ...
    """

    def write(folder: Path, counts: dict[str, int], first_seed: int = 0, suffix: str = ".jpg") -> Path:
        seed = first_seed
        for name, count in counts.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                photo(folder / name / f"{number}{suffix}", seed)
                seed += 1
        return folder

    return write


def start_process(*command, folder: Path = ROOT, **environment: str | None) -> subprocess.Popen:
    """Start a program without waiting for it, its input empty, its output captured as text.

    Keyword arguments are environment variables; None removes one. TensorFlow sees no GPU.
    """
    variables = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **environment}
    variables = {name: value for name, value in variables.items() if value is not None}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*map(str, command)], cwd=folder, env=variables, **pipes)


def finish(process: subprocess.Popen, timeout: float) -> subprocess.CompletedProcess:
    """Wait for a process of `start_process`; kill it after `timeout` seconds."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def run_python():
    """Run Python code or a script in a process of its own, from the project's root; returns the completed process.

    Keyword arguments are environment variables; None removes one.
    """

    def run(*arguments: str, timeout: float = 120, **environment: str | None) -> subprocess.CompletedProcess:
        environment = {"PYTHONPATH": str(ROOT), **environment}
        return finish(start_process(sys.executable, *arguments, **environment), timeout)

    return run


@pytest.fixture(scope="session")
def run_script():
    """`run_script(folder, code)` runs Python code in a process of its own in `folder`; returns the process."""

    def run(folder: Path, code: str, timeout: float = 300) -> subprocess.CompletedProcess:
        return finish(start_process(sys.executable, "-c", code, folder=folder, PYTHONPATH=str(ROOT)), timeout)

    return run


def start_command(folder: Path, script: str, *arguments, **environment) -> subprocess.Popen:
    """Start a command in `folder` as a user would; see `start_process`.

    Only photos and files that a test names are found (no DATASETS_DIR).
    """
    # A user has neither variable; importing TensorFlow left the second in pytest's own process.
    environment = {"DATASETS_DIR": None, "TF_CPP_MIN_LOG_LEVEL": None, **environment}
    return start_process(sys.executable, ROOT / script, *arguments, folder=folder, **environment)


@pytest.fixture(scope="session")
def start():
    """`start_command`, as a fixture."""
    return start_command


@pytest.fixture(scope="session")
def run_command():
    """`run_command(folder, "train.py", ...)` runs a command as `start_command` does; returns the completed process."""

    def run(folder: Path, script: str, *arguments, timeout: float = 300, **environment) -> subprocess.CompletedProcess:
        return finish(start_command(folder, script, *arguments, **environment), timeout)

    return run


def write_coloured_photos(folder: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """Photos that a network learns in an epoch or two: reddish cats, bluish dogs, any other name greenish."""
    rng = np.random.default_rng(seed)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        strong = {"cats": 0, "dogs": 2}.get(Path(name).name, 1)
        for number in range(count):
            pixels = rng.integers(0, 120, (28, 36, 3), np.uint8)
            pixels[..., strong] += 130
            Image.fromarray(pixels).save(folder / name / f"{number:03}.jpg")
    return folder


@pytest.fixture(scope="session")
def coloured_photos():
    """`write_coloured_photos`, as a fixture."""
    return write_coloured_photos


@pytest.fixture(scope="session")
def trained(tmp_path_factory, run_command):
    """A folder in which tutorial 1 was trained once: photos/, runs/first/; returns (folder, completed process)."""
    folder = tmp_path_factory.mktemp("trained")
    write_coloured_photos(folder / "photos", {"cats": 50, "dogs": 40})
    (folder / "photos/cats/broken.jpg").write_bytes(b"no photo")
    options = (
        "--preset",
        "elephants_cars",
        "--image-size",
        32,
        "--epochs",
        3,
        "--batch-size",
        8,
        "--run",
        "first",
        "--score-each-epoch",
    )
    process = run_command(folder, "train.py", "photos", *options, "--class-weights", "balanced", "--tensorboard")
    process.left = {path.name for path in folder.iterdir()}  # before other tests write here too
    return folder, process


@pytest.fixture(scope="session")
def tiny_arrays(tmp_path_factory):
    """A DATASETS_DIR with 200 training and 60 test images of each array data set, of learnable noise."""
    folder = tmp_path_factory.mktemp("datasets")
    rng = np.random.default_rng(0)
    for name, shape in (("fashion_mnist", (28, 28)), ("cifar10", (32, 32, 3)), ("mnist", (28, 28))):
        arrays = {}
        for part, count in (("train", 200), ("test", 60)):
            labels = np.arange(count) % 10
            images = rng.integers(0, 20, (count, *shape)) + labels.reshape(-1, *[1] * len(shape)) * 23
            arrays |= {f"x_{part}": images.astype(np.uint8), f"y_{part}": labels.astype(np.uint8)}
        np.savez(folder / f"{name}.npz", **arrays)
    return folder

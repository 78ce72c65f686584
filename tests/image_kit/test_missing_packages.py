"""image_kit where TensorFlow or Keras is not installed: each test is a process in which their import fails."""

import importlib.util
import os

import numpy as np
import pytest

from image_kit.photos import Preprocessing
from image_kit.starting import COMMANDS
from image_kit.weights import Description, save_network
from tests.conftest import ROOT


def without(*packages: str) -> str:
    """Code after which these packages cannot be imported."""
    return f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""


@pytest.fixture
def run_without(run_python):
    """`run_without(("keras",), code)` runs code where these packages are missing; returns (status, stdout, stderr)."""

    def run(packages: tuple[str, ...], code: str, **environment) -> tuple[int, str, str]:
        process = run_python("-c", without(*packages) + code, **environment)
        return process.returncode, process.stdout, process.stderr

    return run


@pytest.mark.parametrize("command", [f"{name}.py" for name in COMMANDS])
def test_another_python_without_the_packages_is_one_line(run_python, command):
    path = ROOT / "data" / command if command == "prepare.py" else ROOT / command
    done = run_python("-S", str(path), "--help", PYTHONPATH=None)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{command}: error: the package ")
    assert done.stderr.endswith(" -m pip install -r requirements.txt\n")
    assert done.stderr.count("\n") == 1


def test_a_program_that_uses_the_library_keeps_its_tracebacks(run_without):
    status, _, errors = run_without(("PIL",), "import image_kit; image_kit.PhotoClassifier")
    assert status == 1
    assert errors.startswith("Traceback")


@pytest.mark.parametrize("missing", ["tensorflow", "keras"])
def test_the_generator_says_what_to_install(run_without, missing):
    code = """
import image_kit
try:
    image_kit.ImageDataGenerator
except image_kit.UserError as error:
    print(error)
"""
    status, said, errors = run_without((missing,), code, KERAS_BACKEND=None)
    assert status == 0, errors
    assert said == (
        f"ImageDataGenerator: Keras cannot start (No module named '{missing}'); run pip install keras tensorflow, or "
        "install JAX or Torch in place of TensorFlow and set KERAS_BACKEND to jax or torch before Python starts\n"
    )


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="needs JAX")
def test_the_generator_runs_on_jax(run_without):
    code = """
import numpy as np
from image_kit import ImageDataGenerator
images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.uint8)
batch, labels = next(ImageDataGenerator(rotation_range=20, rescale=1 / 255).flow(images, np.arange(8), seed=1))
print(batch.shape, batch.dtype, "jax" in sys.modules)
"""
    status, said, errors = run_without(("tensorflow",), code, KERAS_BACKEND="jax")
    assert (status, said) == (0, "(8, 32, 32, 3) float32 True\n"), errors


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["model.tflite", "", "best.weights.h5"])
def test_litert_answers_without_tensorflow(run_without, trained, weights):
    folder, _ = trained
    code = f"""
import image_kit
classifier = image_kit.load({str(folder / "runs/first" / weights)!r})
image = classifier.preprocessing.photo({str(folder / "photos/cats/000.jpg")!r})
probabilities = classifier.probabilities(image[None])
print(classifier.class_names[probabilities[0].argmax()], probabilities.shape)
"""
    status, said, errors = run_without(("tensorflow", "keras"), code)
    assert (status, said) == (0, "cats (1, 2)\n"), errors


@pytest.mark.slow
@pytest.mark.parametrize(("missing", "install"), [(("tensorflow",), "tensorflow"), (("tensorflow", "keras"), "keras")])
def test_weights_that_need_tensorflow_say_so(run_without, tmp_path, missing, install):
    """The kit's own writer for LiteRT knows no gelu, so Keras would have to make model.tflite."""
    weights = tmp_path / "alone.weights.h5"
    network = [
        {"class": "Flatten", "data_format": "channels_last"},
        {"class": "Dense", "units": 3, "activation": "gelu", "use_bias": False},
        {"class": "Dense", "units": 2, "activation": "softmax", "use_bias": False},
    ]
    description = Description("mine", ("a", "b"), Preprocessing((8, 8, 3)), network=network)
    arrays = [[], [np.ones((192, 3), np.float32)], [np.ones((3, 2), np.float32)]]
    save_network(weights, description, arrays, np.empty(0, np.uint64))
    code = f"""
import image_kit
try:
    image_kit.load({str(weights)!r})
except image_kit.UserError as error:
    print(error)
"""
    status, said, errors = run_without(missing, code)
    assert status == 0, errors
    assert said == f"{weights}: needs the package {install}, which is not installed; run: pip install {install}\n"


@pytest.mark.slow
def test_a_command_that_needs_tensorflow_is_one_line(run_script, trained, tmp_path):
    folder, _ = trained
    code = f"""{without("tensorflow", "keras")}
import runpy
sys.argv = ["train.py", {str(folder / "photos")!r}, "--preset", "elephants_cars"]
import train
from image_kit import terminal
terminal.run(train.main)
"""
    process = run_script(tmp_path, code)
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1].endswith("which is not installed; run: pip install tensorflow")
    assert "Traceback" not in process.stderr


def test_a_package_that_does_not_start_is_named(tmp_path, run_python):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('broken font library')")
    code = "from image_kit import pictures, terminal; terminal.run(lambda: pictures.AnswerSheet)"
    process = run_python("-c", code, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    said = (
        "the package matplotlib cannot be loaded (broken font library); run: pip install --force-reinstall matplotlib"
    )
    assert (process.returncode, process.stderr) == (2, f"-c: error: {said}\n")


@pytest.mark.slow
def test_training_does_without_pictures_that_cannot_be_drawn(tmp_path, run_command, coloured_photos):
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries/matplotlib.py").write_text("raise ImportError('broken font library')")
    coloured_photos(tmp_path / "photos", {"cats": 12, "dogs": 12})
    small = ("--preset", "elephants_cars", "--image-size", 32, "--epochs", 1, "--run", "small")
    process = run_command(tmp_path, "train.py", "photos", *small, PYTHONPATH=str(tmp_path / "libraries"))
    assert process.returncode == 0, process.stderr
    assert process.stderr.count("could not be written (") == 2  # first_batch.png, curves.png
    made = {path.name for path in (tmp_path / "runs/small").iterdir()}
    assert {"metrics.json", "report.html", "best.weights.h5"} <= made
    assert not {"first_batch.png", "curves.png"} & made

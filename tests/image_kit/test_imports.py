"""What importing image_kit does to a program, and what it needs: each test is a process of its own."""

import pkgutil

import pytest

import image_kit

MODULES = [module.name for module in pkgutil.walk_packages(image_kit.__path__, "image_kit.")]

# Everything that an import could change for the whole process.
STATE = """
import logging, os, random, signal, threading, warnings
import cv2, keras, numpy as np
from PIL import Image

def state():
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    loggers = {name: logging.getLogger(name).level for name in list(logging.root.manager.loggerDict)}
    return {
        "environment": dict(os.environ),
        "OpenCV's threads": cv2.getNumThreads(),
        "warning filters": list(warnings.filters),
        "Pillow's limit": Image.MAX_IMAGE_PIXELS,
        "NumPy's seed": [str(part) for part in np.random.get_state()],
        "NumPy's errors": np.geterr(),
        "Python's seed": random.getstate(),
        "Keras": [keras.config.backend(), keras.config.floatx(), keras.config.dtype_policy().name],
        "Keras's layout": keras.config.image_data_format(),
        "root logger": [logging.root.level, list(logging.root.handlers)],
        "loggers": {name: level for name, level in loggers.items() if not name.startswith("image_kit")},
        "signals": handlers,
        "folder": os.getcwd(),
    }

def changes(before, after):
    return [f"{key}: {before[key]} -> {after[key]}" for key in before if before[key] != after[key]]
"""


def run_code(run_script, folder, code: str) -> str:
    process = run_script(folder, code)
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


def test_using_the_generator_changes_nothing_of_the_program(run_script, tmp_path):
    code = f"""{STATE}
import scipy.ndimage, h5py  # image_kit imports these, too, and they may set what they like
before = state()
from image_kit import ImageDataGenerator, UserError, load
assert callable(load) and issubclass(UserError, Exception)
images = np.random.default_rng(0).integers(0, 256, (20, 120, 120, 3)).astype(np.uint8)
next(ImageDataGenerator(rotation_range=20).flow(images, np.arange(20), seed=3))
print(changes(before, state()))
"""
    assert run_code(run_script, tmp_path, code) == "[]\n"


def test_importing_every_module_changes_nothing_of_the_program(run_script, tmp_path):
    code = f"""{STATE}
import h5py, matplotlib.pyplot, scipy.ndimage, tensorflow, tqdm, ai_edge_litert.interpreter, waitress.server
before = state()
import importlib
for name in {MODULES}:
    importlib.import_module(name)
print(changes(before, state()))
"""
    assert run_code(run_script, tmp_path, code) == "[]\n"


def test_the_import_alone_loads_nothing_heavy(run_script, tmp_path):
    code = """
import sys
import image_kit
print([name for name in ("tensorflow", "keras", "numpy", "cv2", "PIL", "h5py", "scipy") if name in sys.modules])
"""
    assert run_code(run_script, tmp_path, code) == "[]\n"


def test_a_programs_own_modules_may_have_common_names(run_script, tmp_path):
    names = ["compute", "data", "errors", "files", "generator", "machine", "models", "options", "pipeline", "presets"]
    names += ["recipe", "terminal", "threads", "train", "training", "utils", "weights"]
    for name in names:
        (tmp_path / f"{name}.py").write_text(f"OWN = {name!r}\n")
    code = f"""
import importlib, sys
sys.path.insert(0, "")
from image_kit import ImageDataGenerator
import numpy as np
batch, labels = next(ImageDataGenerator(rescale=1 / 255).flow(np.ones((4, 8, 8, 3), np.uint8), np.arange(4)))
assert batch.shape == (4, 8, 8, 3)
for name in {MODULES}:
    importlib.import_module(name)
for name in {names}:
    assert importlib.import_module(name).OWN == name
print("done")
"""
    assert run_code(run_script, tmp_path, code) == "done\n"


def test_the_former_name_of_the_generator_still_works(run_python):
    code = """
import image_kit
from pipeline.image_generator import ImageDataGenerator
assert ImageDataGenerator is image_kit.ImageDataGenerator
print("done")
"""
    assert run_python("-c", code).stdout == "done\n"


def test_every_module_imports_without_posix(run_script, tmp_path):
    code = f"""
import ctypes, importlib, os, signal, sys
import matplotlib.pyplot, tensorflow, keras, cv2, h5py, scipy.ndimage, tqdm, ai_edge_litert.interpreter, platformdirs
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None  # an import of it fails, as on Windows
for module, names in (
    (os, "O_DIRECT sched_getaffinity fork register_at_fork getuid geteuid statvfs posix_fadvise".split()),
    (signal, "SIGALRM SIGPIPE SIGHUP SIGUSR1 SIGKILL".split()),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
load = ctypes.CDLL
def windows_load(name, *arguments, **options):
    if name is None:
        raise TypeError("LoadLibrary() argument 1 must be str, not None")
    return load(name, *arguments, **options)
ctypes.CDLL = windows_load
for name in {MODULES}:
    importlib.import_module(name)
print("done")
"""
    assert run_code(run_script, tmp_path, code) == "done\n"


def test_missing_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        image_kit.nothing  # noqa: B018

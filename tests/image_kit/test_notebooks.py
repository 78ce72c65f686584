"""A command that a notebook runs in its own process (%run) takes nothing of the notebook's, and leaves it as it was."""

import pytest

from tests.conftest import ROOT

RUN = f"""
import os, runpy, sys
def run(script, *arguments):
    sys.argv = [script, *arguments]
    sys.path.insert(0, {str(ROOT)!r})
    try:
        runpy.run_path(f"{ROOT}/{{script}}", run_name="__main__")
    except SystemExit as end:
        assert end.code in (None, 0), end.code
    finally:
        sys.path.remove({str(ROOT)!r})
"""


@pytest.fixture
def cells(tmp_path, run_script):
    """Run code where the folder has modules of its own that are called presets and models; returns what it prints."""
    for name in ("presets", "models"):
        (tmp_path / f"{name}.py").write_text(f"whose = 'own {name}'")

    def run(code):
        process = run_script(tmp_path, f"import sys\nsys.path.remove({str(ROOT)!r})\n{RUN}\n{code}")
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


@pytest.mark.parametrize("before", ["", "import presets, models"])
def test_modules_of_the_same_names_are_found_by_whom_they_belong_to(cells, before):
    said = cells(f"{before}\nrun('train.py', '--list')\nimport presets, models\nprint(presets.whose, models.whose)")
    assert said.startswith("preset ")
    assert said.endswith("own presets own models\n")


@pytest.mark.slow
def test_a_network_is_that_of_the_kit(cells, tmp_path, coloured_photos):
    coloured_photos(tmp_path / "photos", {"cats": 12, "dogs": 12})
    options = "'photos', '--preset', 'elephants_cars', '--image-size', '32', '--epochs', '1'"
    assert "weights: runs/" in cells(f"import presets, models\nrun('train.py', {options})")


@pytest.mark.parametrize("imported", ["", "import matplotlib"])
def test_what_draws_is_the_same_afterwards(cells, imported):
    """In a notebook, pictures appear below the cell through the backend that its kernel names."""
    code = f"""
os.environ["MPLBACKEND"] = "svg"
{imported}
run("augment_preview.py", "--help")
from image_kit import terminal
def main():
    import matplotlib.pyplot
    assert "MPLBACKEND" not in os.environ
terminal.run(main)
import matplotlib.pyplot
print(os.environ["MPLBACKEND"], matplotlib.rcParams["backend"], matplotlib.pyplot.get_backend())
"""
    assert cells(code).splitlines()[-1] == "svg svg svg"


def test_a_backend_that_is_not_installed_stays_in_the_environment(cells):
    code = """
os.environ["MPLBACKEND"] = "module://no_such_backend"
sys.path.append(ROOT)
from image_kit import terminal
def main():
    import matplotlib.pyplot
terminal.run(main)
print(os.environ["MPLBACKEND"])
"""
    assert cells(code.replace("ROOT", repr(str(ROOT)))) == "module://no_such_backend\n"


def test_warnings_of_libraries_end_no_command(cells):
    """PYTHONWARNINGS=error is for the user's own programs; Keras warns at each save."""
    code = """
import warnings
warnings.simplefilter("error")
warnings.filterwarnings("error", module="mine")
from image_kit import terminal
def main():
    for kind in (UserWarning, DeprecationWarning):
        warnings.warn("not of ours", kind)
    try:
        warnings.warn_explicit("asked for", UserWarning, "mine.py", 1, module="mine")
    except UserWarning as error:
        print(error)
terminal.run(main)
try:
    warnings.warn("as before")
except UserWarning as error:
    print(error)
"""
    assert cells(f"sys.path.append({str(ROOT)!r})\n{code}").splitlines() == ["asked for", "as before"]

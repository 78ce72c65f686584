"""Ctrl-C before a command has begun."""

import signal
import sys

import pytest

from image_kit import starting
from tests.conftest import ROOT

COMMANDS = ("train.py", "evaluate.py", "predict.py", "check.py", "export.py", "augment_preview.py", "data/prepare.py")
# Instead of NumPy, the first large package that each command imports.
CODE = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends the process there")
@pytest.mark.parametrize("script", COMMANDS)
def test_a_command_that_still_imports_ends_without_a_traceback(tmp_path, run_python, script):
    (tmp_path / "numpy.py").write_text(CODE)
    process = run_python(str(ROOT / script), "--help", PYTHONPATH=str(tmp_path))
    assert (process.returncode, process.stdout, process.stderr) == (130, "", "Interrupted.\n")


@pytest.mark.parametrize("version", [(3, 9, 6), (3, 10, 2)])
def test_an_older_python_is_named(tmp_path, run_script, version):
    code = f"import sys\nsys.version_info = {version}\nsys.argv = ['train.py', '--list']\nimport train\n"
    process = run_script(tmp_path, code)
    said = f"the kit needs Python 3.11 to 3.13, and {sys.executable} is {version[0]}.{version[1]}; call the Python of "
    assert process.returncode == 2
    assert process.stderr == f"{said}the kit's environment, such as .venv/bin/python\n"


def test_other_programs_keep_their_handling(monkeypatch):
    """A notebook runs a command with its arguments, but was started with others; a user's program is beside them."""
    before = signal.getsignal(signal.SIGINT)
    mine = str(ROOT / "mine.py")
    for arguments, started in (([], []), ([str(ROOT / "train.py")], ["notebook"]), ([mine], [mine]), (["-c"], ["-c"])):
        monkeypatch.setattr(sys, "argv", arguments)
        monkeypatch.setattr(sys, "orig_argv", [sys.executable, *started])
        starting.end_without_traceback()
        assert signal.getsignal(signal.SIGINT) is before
        assert sys.excepthook is not starting._name_missing_package
    monkeypatch.setattr(sys, "argv", [str(ROOT / "train.py")])
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, str(ROOT / "train.py")])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # is as before after the test
    try:
        starting.end_without_traceback()
        assert signal.getsignal(signal.SIGINT) is not before
        starting.has_begun()
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, before)

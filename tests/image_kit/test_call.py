"""Commands that messages recommend: copied and pasted, they work where the user is."""

import os
import shlex
import subprocess
import sys

import pytest

from image_kit import call as module
from image_kit.call import call
from tests.conftest import ROOT

NAME = 'Äpfel & "Kühe" (Sommer \'24) $HOME'


def typed(monkeypatch, script):
    monkeypatch.setattr(sys, "argv", [script])
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, script])


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_a_shell_takes_the_words_as_they_are():
    words = shlex.split(call("train.py", "--resume", f"runs/{NAME}"))
    assert words == ["python", "train.py", "--resume", f"runs/{NAME}"]
    assert call("train.py", "FOLDER", "--resume", "runs/quick-1") == "python train.py FOLDER --resume runs/quick-1"


def test_the_shells_of_windows_get_double_quotes(monkeypatch):
    monkeypatch.setattr(module, "IS_WINDOWS", True)
    said = call("train.py", "--resume", r"runs\Äpfel & Kühe", r"C:\runs\a_1")
    assert said == r'python train.py --resume "runs\Äpfel & Kühe" C:\runs\a_1'


def test_a_command_is_called_as_the_one_before(monkeypatch):
    monkeypatch.chdir(ROOT / "docs")
    for script, said in {
        "../train.py": "../train.py",
        "../data/prepare.py": "../train.py",
        str(ROOT / "check.py"): str(ROOT / "train.py"),
        "/elsewhere/train.py": "train.py",  # a program of others
    }.items():
        typed(monkeypatch, script)
        assert call("train.py") == f"python {shlex.quote(said)}"
    monkeypatch.chdir(ROOT / "data")
    typed(monkeypatch, "prepare.py")
    assert call("data/prepare.py", "split") == "python ../data/prepare.py split"


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_what_a_command_recommends_works_in_another_folder(tmp_path, run_command):
    done = run_command(tmp_path, "predict.py", "photo.jpg", "--weights", "missing.h5")
    recommended = done.stderr.rpartition("train one: ")[2].strip().replace("python ", f"{sys.executable} ", 1)
    again = subprocess.run(f"{recommended} --list", shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "elephants_cars" in again.stdout

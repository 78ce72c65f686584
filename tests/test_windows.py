"""Windows, as far as it can be played here; see tests/fixtures/windows.py."""

import errno
import os
import sys
from pathlib import Path

import pytest

from image_kit import files, windows
from image_kit.errors import UserError
from image_kit.photo_sets.pixabay_photos import class_folder
from image_kit.training.run_folder import check_new_name
from image_kit.windows import is_name_of_windows
from tests.conftest import ROOT, finish, start_process

PLAY = ROOT / "tests/fixtures/windows.py"
HARD = ["con", "AUX", "nul.txt", "com1", "LPT9.tar.gz", "a.", "a ", "a:b", "what?", "a\tb", "con .x"]


@pytest.fixture
def play(tmp_path, coloured_photos):
    """Run a command of the kit in a folder with photos/ of two classes; returns its output."""
    coloured_photos(tmp_path / "photos", {"cats": 12, "dogs": 12})

    def run(script, *arguments, status=0):
        process = finish(start_process(sys.executable, PLAY, ROOT / script, *arguments, folder=tmp_path), 200)
        assert process.returncode == status, process.stderr[-3000:]
        return process.stdout

    return run


@pytest.mark.slow
def test_training_and_predicting(play, tmp_path):
    assert "24 of 24 correct" in play("train.py", "photos", "--run", "first")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["first"]
    assert play("predict.py", "photos/*/000.jpg", "--show").startswith("photos/cats/000.jpg: cats\n")
    assert (tmp_path / "predictions/answers-1.png").is_file()


@pytest.mark.nightly
def test_every_command(play):
    play("train.py", "photos", "--run", "first")
    play("check.py", "photos", status=1)
    play("evaluate.py", "--list")
    play("export.py", "runs/first", "--to", "tflite", "html")
    play("augment_preview.py", "photos/cats/000.jpg")
    play("data/prepare.py", "split", "photos", "--output", "parts", "--fractions", "0.5", "0.25", "0.25")
    play("data/prepare.py", "demo", "--output", "drawn", "--per-class", "2", "1", "1")
    small = ("--preset", "elephants_cars", "--image-size", "32", "--epochs", "1", "--run", "small")
    assert "weights: " in play("train.py", "parts", *small)
    play("predict.py", "photos/cats/000.jpg", "--explain", "--weights", "runs/small")


@pytest.mark.parametrize("name", HARD)
def test_names_that_windows_refuses(name, monkeypatch):
    assert not is_name_of_windows(name)
    check_new_name(name)  # elsewhere they are names like others
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UserError, match=r"--run: .*choose another"):
        check_new_name(name)


@pytest.mark.parametrize("name", ["cats", "console", "com10", "a.b", "猫", ".hidden", "nulls.txt", "com"])
def test_names_that_windows_takes(name):
    assert is_name_of_windows(name)


def test_a_query_that_names_a_device_gets_a_folder(monkeypatch):
    assert class_folder("aux") == "aux"
    monkeypatch.setattr(sys, "platform", "win32")
    assert (class_folder("aux"), class_folder("cats")) == ("aux_", "cats")


def refuse(times: int, do):
    """`do`, which the system refuses some times before, as Windows does while a scanner has the file open."""
    left = iter(range(times))

    def act(*arguments):
        if next(left, None) is not None:
            raise PermissionError(errno.EACCES, "Access is denied", str(arguments[0]))
        return do(*arguments)

    return act


def test_a_file_that_is_open_for_a_moment_is_replaced_then(tmp_path, monkeypatch):
    monkeypatch.setattr(windows, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(os, "replace", refuse(3, os.replace))
    files.write_text(tmp_path / "a.json", "new")
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "new"
    monkeypatch.setattr(Path, "rename", refuse(3, Path.rename))
    with files.new_folder(tmp_path / "folder") as unfinished:
        (unfinished / "a").touch()
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["a"]


def test_a_file_that_stays_open_is_named_and_kept(tmp_path, monkeypatch):
    files.write_text(tmp_path / "a.json", "old")
    monkeypatch.setattr(windows, "PAUSES", (0, 0))
    monkeypatch.setattr(os, "replace", refuse(9, os.replace))
    with pytest.raises(PermissionError, match=r"another program has it open.*a\.json'$"):
        files.write_text(tmp_path / "a.json", "new")
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [("a.json", "old")]

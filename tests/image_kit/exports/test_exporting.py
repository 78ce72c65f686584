"""Where an export's files go."""

import errno

import pytest

from image_kit import durable
from image_kit.errors import UserError
from image_kit.exports import FORMATS, refuse_existing
from image_kit.exports.exporting import _move
from image_kit.leftovers import temporary_name


def make(folder, text):
    """An export that is a folder, with its record beside it."""
    (folder / "model").mkdir(parents=True)
    (folder / "model/weights").write_text(text)
    (folder / "export.json").write_text(text)
    return folder


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    before, new = make(tmp_path / "exports", "old"), make(tmp_path / "unfinished", "new")
    (before / "model/extra").touch()
    recorded = []
    _move(new, before / "model", lambda: recorded.append((before / "model/extra").exists()))
    assert recorded == [True]  # before the network, which says that all is there
    assert sorted(path.name for path in before.rglob("*")) == ["export.json", "model", "weights"]
    assert (before / "model/weights").read_text() == (before / "export.json").read_text() == "new"


def test_a_folder_that_cannot_be_replaced_stays(tmp_path):
    before = make(tmp_path / "exports", "old")
    (tmp_path / "unfinished").mkdir()  # the new one is missing
    with pytest.raises(FileNotFoundError):
        _move(tmp_path / "unfinished", before / "model", lambda: None)
    assert sorted(path.name for path in before.iterdir()) == ["export.json", "model"]
    assert (before / "model/weights").read_text() == "old"


@pytest.mark.parametrize("is_new", [False, True])
def test_a_network_that_cannot_be_put_there_leaves_what_belongs_to_the_others(tmp_path, is_new):
    """Another export of the folder goes on with its own classes.json; without one, no examples are left alone."""
    exports, new = tmp_path / "exports", tmp_path / "unfinished"
    (new / "examples").mkdir(parents=True)
    for name in ("classes.json", "examples/grey.png"):
        (new / name).write_text("new")
    exports.mkdir()
    if not is_new:
        for name in ("classes.json", "export.json", "other.tflite"):
            (exports / name).write_text("old")
    before = {path.name: path.read_text() for path in exports.iterdir()}
    with pytest.raises(FileNotFoundError):  # the network is missing
        _move(new, exports / "model.tflite", lambda: (exports / "export.json").write_text("new"))
    assert {path.name: path.read_text() for path in exports.iterdir()} == before


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_disk_that_fails_when_a_file_is_there_leaves_nothing(tmp_path, monkeypatch, failing):
    """One after another: examples/ is made, and the files in it and beside it have their names."""
    new, sync, calls = tmp_path / "unfinished", durable.sync, []
    (new / "examples").mkdir(parents=True)
    for name in ("classes.json", "examples/grey.png", "model.tflite"):
        (new / name).touch()
    (tmp_path / "exports").mkdir()

    def fail(path):
        if tmp_path / "exports" in (path, path.parent):
            calls.append(path)
        if len(calls) == failing:
            raise OSError(errno.EIO, "Input/output error", str(path))
        sync(path)

    monkeypatch.setattr(durable, "sync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        _move(new, tmp_path / "exports/model.tflite", lambda: None)
    assert list((tmp_path / "exports").iterdir()) == []


def test_what_a_killed_export_left_is_removed_by_one_that_finds_all_in_place(tmp_path):
    (tmp_path / "a.tflite").touch()
    place, process, start, _ = temporary_name("x").removeprefix(".tmp-").split(".")[0].split("-")
    (tmp_path / f".tmp-{place}-{process}-{int(start, 16) - 1:x}-0.a.tflite/examples").mkdir(parents=True)
    with pytest.raises(UserError, match=r"a\.tflite: exists; add --force to replace it"):
        refuse_existing(tmp_path / "a.tflite", FORMATS["tflite"], None, is_forced=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tflite"]


ASKS = """
import sys
from pathlib import Path
import numpy as np
from image_kit.exports import onnx
onnx.answer(Path(sys.argv[1]), np.zeros((1, 2, 2, 3), np.uint8))
"""


def test_onnxruntime_leaves_no_file_and_sends_nothing(run_python, tmp_path):
    """Its telemetry begins with a file .ses among the temporary ones."""
    pytest.importorskip("onnxruntime")
    process = run_python("-c", ASKS, str(tmp_path / "none.onnx"), TMPDIR=str(tmp_path), ORT_DISABLE_TELEMETRY=None)
    assert "none.onnx" in process.stderr.splitlines()[-1]  # the runtime was asked
    assert list(tmp_path.iterdir()) == []

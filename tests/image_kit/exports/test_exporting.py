"""Where an export's files go."""

import pytest

from image_kit.exports.exporting import _move


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

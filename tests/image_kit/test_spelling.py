"""Paths that look alike and have their accents in one letter or apart, as macOS stores them."""

from pathlib import Path

import pytest

from image_kit.terminal import CommandLine

ONE, APART = "b\u00fccher", "bu\u0308cher"


def parsed(*typed):
    parser = CommandLine()
    parser.add_argument("path", type=Path)
    parser.add_argument("--groups", type=Path)
    return parser.parse_args(typed)


@pytest.mark.parametrize(("stored", "typed"), [(ONE, APART), (APART, ONE)])
def test_a_path_is_found_however_its_accents_are_typed(tmp_path, monkeypatch, stored, typed):
    monkeypatch.chdir(tmp_path)
    assert parsed(typed).path == Path(typed)  # as long as nothing is there
    Path(stored).mkdir()
    Path(stored, "a.csv").touch()
    args = parsed(f"./{typed}", "--groups", f"{typed}/a.csv")
    assert args.path.is_dir()
    assert args.groups.is_file()
    assert parsed(".", f"--groups={typed}/a.csv").groups.is_file()


def test_each_folder_of_a_path_may_be_stored_in_another_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(APART, ONE).mkdir(parents=True)
    assert parsed(f"{ONE}/{APART}/").path.is_dir()
    assert parsed(f"{ONE}/{APART}/x").path == Path(ONE, APART, "x")


def test_where_both_are_there_each_is_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(ONE).mkdir()
    Path(APART).mkdir(exist_ok=True)  # one folder on macOS
    assert [str(parsed(name).path) for name in (ONE, APART)] == [ONE, APART]

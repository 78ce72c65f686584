import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from image_kit.files import fill_file, fill_folder, new_folder, replacing, write_json, write_text


def test_the_temporary_file_is_hidden_next_to_its_place_and_keeps_every_suffix(tmp_path):
    path = tmp_path / "runs" / "first" / "best.weights.h5"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
        assert temporary.name.endswith(".best.weights.h5")
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["best.weights.h5"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_body_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "scores.json"
    path.write_text("old")

    def interrupted():
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_body_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"


def test_a_folder_in_the_way_survives_and_nothing_is_left(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_text(tmp_path / "taken", "text")
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with replacing(tmp_path / "a.txt") as first, replacing(tmp_path / "a.txt") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.txt").read_text() == "first"


def test_text_keeps_its_line_ends_and_is_utf8(tmp_path):
    write_text(tmp_path / "a.txt", "Überraschung\n猫\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "Überraschung\n猫\r\n".encode()


def test_the_file_is_readable_by_the_same_people_as_any_other(tmp_path):
    write_text(tmp_path / "ours.txt", "a")
    (tmp_path / "usual.txt").write_text("a")
    assert (tmp_path / "ours.txt").stat().st_mode == (tmp_path / "usual.txt").stat().st_mode


def test_json_of_numpy_values_nan_and_their_order(tmp_path):
    value = {
        "z": np.float32(0.5),
        "a": np.arange(4).reshape(2, 2),
        "nan": [float("nan"), np.float64("inf"), np.array([1.0, np.nan])],
        "flag": np.bool_(True),
        np.int64(3): (1, None),
    }
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text()
    assert text.startswith('{\n  "z": 0.5,\n  "a": [\n')
    assert text.endswith("}\n")
    assert json.loads(text, parse_constant=pytest.fail) == {
        "z": 0.5,
        "a": [[0, 1], [2, 3]],
        "nan": [None, None, [1.0, None]],
        "flag": True,
        "3": [1, None],
    }


def test_json_keeps_letters_readable_and_survives_names_that_are_not_text(tmp_path):
    write_json(tmp_path / "a.json", ["кошка"])
    assert "кошка" in (tmp_path / "a.json").read_text(encoding="utf-8")
    write_json(tmp_path / "b.json", ["caf\udce9"])
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8")) == ["caf\udce9"]


def test_a_value_without_json_form_is_refused_before_anything_is_written(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"path": Path("x")})
    assert (tmp_path / "a.json").read_text() == "1\n"


def test_a_new_folder_is_there_whole_or_not_at_all(tmp_path):
    with new_folder(tmp_path / "below" / "new") as unfinished:
        (unfinished / "a.txt").write_text("a")
        assert not (tmp_path / "below/new").exists()
    assert [path.name for path in (tmp_path / "below/new").iterdir()] == ["a.txt"]

    def stop_half_way():
        with new_folder(tmp_path / "half") as unfinished:
            (unfinished / "a.txt").write_text("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert [path.name for path in tmp_path.iterdir()] == ["below"]


def put(text):
    """A function that fills a new folder with one file."""
    return lambda folder: (folder / "a.txt").write_text(text)


@pytest.mark.parametrize("inside", ["scores.json", "deep/scores.json"])
def test_an_error_in_a_new_folder_names_it_as_it_will_be_called(tmp_path, inside):
    def fill():
        with new_folder(tmp_path / "evaluation") as folder:
            (folder / inside / "in_the_way").mkdir(parents=True)
            write_text(folder / inside, "{}")

    with pytest.raises(OSError, match="Is a directory") as caught:
        fill()
    assert caught.value.filename == str(tmp_path / "evaluation" / inside)


def test_names_count_from_1(tmp_path):
    (tmp_path / "x-1").mkdir()
    (tmp_path / "x-3").touch()
    assert [fill_folder(None, tmp_path / "x", put("a")).name for _ in range(3)] == ["x-2", "x-4", "x-5"]

    def second_first(path):
        assert fill_file(None, tmp_path / "a", ".png", lambda other: other.write_bytes(b"2"), "_").name == "a_1.png"
        path.write_bytes(b"1")

    assert fill_file(None, tmp_path / "a", ".png", second_first, "_").name == "a_2.png"
    assert [path.read_bytes() for path in sorted(tmp_path.glob("a*"))] == [b"2", b"1"]


def test_many_at_once_get_names_of_their_own(tmp_path):
    def take(number: int) -> tuple[Path, Path]:
        written = fill_file(None, tmp_path / "a", ".txt", lambda path: path.write_text(str(number)))
        return written, fill_folder(None, tmp_path / "b", put(str(number)))

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(64)))
    assert [path.read_text() for path, _ in taken] == [str(number) for number in range(64)]
    assert [(folder / "a.txt").read_text() for _, folder in taken] == [str(number) for number in range(64)]
    assert len(list(tmp_path.iterdir())) == 128


def test_a_chosen_name_that_another_command_takes_meanwhile_gets_a_number(tmp_path):
    def fill(folder):
        fill_folder(tmp_path / "x", tmp_path / "unused", put("first"))
        put("second")(folder)

    def write(path):
        fill_file(tmp_path / "b.png", tmp_path / "unused", ".png", lambda other: other.write_text("first"))
        path.write_text("second")

    assert fill_folder(tmp_path / "x", tmp_path / "unused", fill) == tmp_path / "x-1"
    assert fill_file(tmp_path / "b.png", tmp_path / "unused", ".png", write) == tmp_path / "b-1.png"
    texts = {path.name: path.read_text() for path in (*tmp_path.glob("*/a.txt"), *tmp_path.glob("*.png"))}
    assert texts == {"a.txt": texts["a.txt"], "b.png": "first", "b-1.png": "second"}
    assert [(tmp_path / name / "a.txt").read_text() for name in ("x", "x-1")] == ["first", "second"]


def test_a_taken_folder_becomes_the_new_one_or_goes(tmp_path):
    path = fill_folder(None, tmp_path / "x", put("a"))
    assert [each.name for each in path.iterdir()] == ["a.txt"]

    def stop(folder):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill_folder(None, tmp_path / "x", stop)
    with pytest.raises(KeyboardInterrupt):
        fill_file(None, tmp_path / "x", ".png", stop)
    assert [each.name for each in tmp_path.iterdir()] == ["x-1"]


def test_a_disk_without_hard_links_has_numbered_files_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a-1.txt").touch()
    assert fill_file(None, tmp_path / "a", ".txt", lambda path: path.write_text("a")).name == "a-2.txt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-1.txt", "a-2.txt"]


def test_a_name_as_long_as_the_disk_allows_is_written(tmp_path):
    name = "ä" * 120 + ".weights.h5"  # 251 bytes of 255
    write_text(tmp_path / name, "a")
    assert [path.name for path in tmp_path.iterdir()] == [name]

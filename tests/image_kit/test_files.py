import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from image_kit.files import new_folder, replacing, take_folder, taking_file, write_json, write_text


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


def test_names_count_from_1(tmp_path):
    (tmp_path / "x-1").mkdir()
    (tmp_path / "x-3").touch()
    assert [take_folder(tmp_path / "x").name for _ in range(3)] == ["x-2", "x-4", "x-5"]
    with taking_file(tmp_path / "a", ".png", "_") as first, taking_file(tmp_path / "a", ".png", "_") as second:
        assert (first.name, second.name) == ("a_1.png", "a_2.png")
        second.write_bytes(b"2")
    assert {path.name for path in tmp_path.glob("a*")} == {"a_2.png"}  # nothing was written into the first one


def test_many_at_once_get_names_of_their_own(tmp_path):
    def take(number: int) -> tuple[Path, Path]:
        with taking_file(tmp_path / "a", ".txt") as path:
            write_text(path, str(number))
        return path, take_folder(tmp_path / "b")

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(64)))
    assert [path.read_text() for path, _ in taken] == [str(number) for number in range(64)]
    assert len({folder for _, folder in taken}) == 64


def test_a_taken_folder_becomes_the_new_one_or_goes(tmp_path):
    path = take_folder(tmp_path / "x")
    with new_folder(path) as unfinished:
        (unfinished / "a.txt").write_text("a")
    assert [each.name for each in path.iterdir()] == ["a.txt"]

    def stop_half_way():
        with new_folder(take_folder(tmp_path / "x")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert [each.name for each in tmp_path.iterdir()] == ["x-1"]

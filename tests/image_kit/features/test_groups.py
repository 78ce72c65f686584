from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from image_kit.errors import UserError
from image_kit.features.groups import merge_groups, read_groups

FILES = ("cat/a.jpg", "cat/b, c.png", "dog/é.jpg")
ROWS = 'cat/a.jpg,anna\n"cat/b, c.png",ben\ndog/é.jpg,anna\n'


def read(tmp_path, content, files=FILES):
    path = tmp_path / "groups.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_groups(path, tmp_path / "photos", [tmp_path / "photos" / file for file in files])


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        "file,group\n" + ROWS,
        "File,Sender\r\n" + ROWS.replace("\n", "\r\n"),
        ROWS.rstrip(),
        "\n" + ROWS.replace("\n", "\n\n"),
        ROWS.encode("utf-8-sig"),
        ROWS.encode("utf-16"),
        b"\xfe\xff" + ROWS.encode("utf-16-be"),
        "cat/b, c.png;ben\ncat/a.jpg;anna\ndog/é.jpg;anna\n",
        "file;group\n" + "cat/a.jpg;anna\ndog/é.jpg;anna\ncat/b, c.png;ben",
        "file\tgroup\ncat\\a.jpg\tanna\n.\\cat\\b, c.png\tben\ndog\\é.jpg\tanna\n",
        ROWS.replace("é", "e\u0301"),
        ROWS + "cat/a.jpg,anna\n",
        ROWS.replace(",anna", ", anna "),
    ],
    ids=[
        *("plain", "header", "crlf", "no_last_line_end", "empty_rows", "bom", "utf16", "utf16_be"),
        *("semicolons", "semicolons_and_header", "tabs_and_backslashes", "accent_apart", "twice_the_same", "spaces"),
    ],
)
def test_groups_are_read_in_the_order_of_the_photos(tmp_path, content):
    assert read(tmp_path, content) == ["anna", "ben", "anna"]
    assert read(tmp_path, content, FILES[::-1]) == ["anna", "ben", "anna"][::-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ROWS + "dog/x.jpg,ben\n", r"1 photo is not in .*photos: dog/x\.jpg; each photo"),
        (ROWS + "Dog/É.jpg,ben\n", r"1 photo is not in .*photos: 'Dog/É\.jpg' \(there is 'dog/é\.jpg'\); each photo"),
        (ROWS + "cat/a\u200b.jpg,ben\n", r": 'cat/a\\u200b\.jpg' \(there is 'cat/a\.jpg'\); each photo"),
        (ROWS + "dog/x.jpg,ben\ndog/y.jpg,ben\n", r"2 photos are not in .*photos: dog/x\.jpg and others;"),
        ("cat/a.jpg,anna\n", r"2 photos are missing, though in .*photos: cat/b, c\.png and others;"),
        ("", "3 photos are missing"),
        (ROWS + "cat/a.jpg,ben\n", r"line 4: cat/a\.jpg is in two groups, anna and ben; keep one"),
        (ROWS + "cat/a.jpg,\n", r"line 4: cat/a\.jpg has no group"),
        ("cat/a.jpg\n", "line 1 has 1 cell; a row needs two"),
        ("cat/a.jpg,anna,x\n", "line 1 has 3 cells"),
        ('cat/a.jpg,"anna\n', "not a CSV file"),
        (b"cat/\xff\xf3.jpg,anna\n", "neither UTF-8 nor UTF-16"),
        (b"\xff\xfea", "neither UTF-8 nor UTF-16"),
    ],
)
def test_a_wrong_file_gets_one_line(tmp_path, content, message):
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path, content)
    assert "groups.csv: " in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: cannot be read \(No such file"):
        read_groups(tmp_path / "none.csv", tmp_path, [])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = Path(tmp_path_factory.getbasetemp()) / "any.csv"
    path.write_bytes(data)
    with pytest.raises(UserError):
        read_groups(path, path.parent, [path.parent / "name of a photo that is in no such file.jpg"])


def test_near_copies_join_groups():
    assert merge_groups(None, [], 3).tolist() == [0, 1, 2]
    assert merge_groups(None, [(4, 1), (1, 2)], 5).tolist() == [0, 1, 1, 2, 1]
    assert merge_groups(["b", "a", "b", "c", "d"], [(3, 2)], 5).tolist() == [0, 1, 0, 0, 2]


@given(st.data(), st.integers(1, 12))
def test_joined_groups_are_the_connected_photos(data, n):
    photo = st.integers(0, n - 1)
    groups = data.draw(st.lists(st.sampled_from("abcdef"), min_size=n, max_size=n))
    pairs = data.draw(st.lists(st.tuples(photo, photo), max_size=8))
    together = np.equal.outer(groups, groups)
    for one, other in pairs:
        together[one, other] = together[other, one] = True
    for _ in range(n):  # whoever is joined to a photo is joined to those joined to it
        together = together @ together
    merged = merge_groups(groups, pairs, n)
    assert np.array_equal(np.equal.outer(merged, merged), together)
    assert merged[0] == 0

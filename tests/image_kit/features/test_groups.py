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
        ',file,group\n0,cat/a.jpg,anna\n1,"cat/b, c.png",ben\n2,dog/é.jpg,anna\n',
        '"","file","group"\n"1","cat/a.jpg","anna"\n"2","cat/b, c.png","ben"\n"3","dog/é.jpg","anna"\n',
        'group,width,file\nanna,640,cat/a.jpg\nben,640,"cat/b, c.png"\nanna,,dog/é.jpg\n',
        "file;group;;\ncat/a.jpg;anna;;\ncat/b, c.png;ben\ndog/é.jpg;anna;\n",
        "sep=;\r\nfile;group\r\ncat/a.jpg;anna\r\ncat/b, c.png;ben\r\ndog/é.jpg;anna\r\n".encode("utf-16"),
        "sep=|\ncat/a.jpg|anna\ncat/b, c.png|ben\ndog/é.jpg|anna\n",
        'file, group\n"cat/a.jpg", "anna"\n"cat/b, c.png", "ben"\n"dog/é.jpg", "anna"\n',
        ROWS.replace("cat/", "/home/anna/photos/cat/").replace("dog/", "/home/anna/photos/dog/"),
        ROWS.replace("cat/", "C:\\photos\\cat\\").replace("dog/", "C:\\photos\\dog\\"),
        ROWS.replace("cat/", "https://x.org/p/cat/").replace("dog/", "https://x.org/p/dog/"),
        ROWS.replace("cat/", "photos//cat//").replace("dog/", "photos//dog//"),
    ],
    ids=[
        *("plain", "header", "crlf", "no_last_line_end", "empty_rows", "bom", "utf16", "utf16_be"),
        *("semicolons", "semicolons_and_header", "tabs_and_backslashes", "accent_apart", "twice_the_same", "spaces"),
        *("pandas", "r", "other_order", "cells_left_out", "sep", "sep_of_another_kind", "quotes_after_spaces"),
        *("another_machine", "drive", "address", "own_folder"),
    ],
)
def test_groups_are_read_in_the_order_of_the_photos(tmp_path, content):
    assert read(tmp_path, content) == ["anna", "ben", "anna"]
    assert read(tmp_path, content, FILES[::-1]) == ["anna", "ben", "anna"][::-1]


def test_a_group_in_two_unicode_forms_or_with_other_spaces_is_one(tmp_path):
    table = "cat/a.jpg,caf\u00e9 1\ncat/b.jpg,cafe\u0301 1\ndog/c.jpg,caf\u00e9\u00a01\n"
    assert len(set(read(tmp_path, table, ("cat/a.jpg", "cat/b.jpg", "dog/c.jpg")))) == 1


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
        ("cat/a.jpg|anna\n", "with a comma, semicolon or tab between them; or the first row names the columns"),
        ("a.jpg,anna\n", r"1 photo is not in .*photos: 'a\.jpg' \(there is 'cat/a\.jpg'\)"),
        ("/x/cat/a.jpg,anna\n/y/dog/é.jpg,anna\n", r"2 photos are not in .*photos: '?/x/cat/a\.jpg"),
        (b"PK\x03\x04\x14\0\x06\0", "a workbook or an archive and not a CSV file; save its sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "a workbook or an archive and not a CSV file"),
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

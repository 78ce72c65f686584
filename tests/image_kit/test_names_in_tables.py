"""Tables that name photos by bytes that are no UTF-8."""

import os

import pytest

from image_kit.checks import apply_findings, read_accepted
from image_kit.errors import UserError
from image_kit.features import read_groups


def test_names_that_are_not_utf_8_are_found_in_tables_and_other_encodings_are_named(tmp_path):
    name = os.fsdecode(b"a/n\xff.jpg")
    for file in (name, "a/1.jpg", "b/1.jpg"):
        (tmp_path / "p" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / file).write_text(file, encoding="utf-8", errors="surrogateescape")
    table, paths = tmp_path / "t.csv", [tmp_path / "p" / name]
    table.write_bytes(b"file,action,accept\na/n\xff.jpg,drop,yes\n")
    accepted = read_accepted(table)
    assert apply_findings(accepted, tmp_path / "p", tmp_path / "cleaned").dropped == 1
    assert sorted(path.name for path in (tmp_path / "cleaned/a").iterdir()) == ["1.jpg"]
    table.write_bytes(b"a/n\xff.jpg,K\xf6ln\n")
    assert len(read_groups(table, tmp_path / "p", paths)) == 1
    table.write_bytes("a/é.jpg,g\n".encode("latin-1"))
    with pytest.raises(UserError, match="neither UTF-8 nor UTF-16 text"):
        read_groups(table, tmp_path / "p", paths)
    table.write_bytes("file,action,accept\na/é.jpg,drop,yes\n".encode("latin-1"))
    with pytest.raises(UserError, match="neither UTF-8 nor UTF-16 text"):
        apply_findings(read_accepted(table), tmp_path / "p", tmp_path / "again")

import json

import pytest

from image_kit.checks.findings import Finding
from image_kit.checks.findings_file import FIELDS, find_checked_folder, read_accepted, write_findings
from image_kit.errors import UserError

FINDINGS = [
    Finding("hat/a, b.jpg", "wrong_label", "high", 'It says "hat"; the others say shoes.', "Look.", "", "move shoes"),
    Finding("hat/\udcff.jpg", "copy", "low", "The same file.", "Drop one.", "hat/é.jpg", "drop"),
    Finding("", "balance", "medium", "hat has 3 photos.", "Add photos."),
]


def accept(path, *answers, delimiter=",", order=FIELDS, encoding="utf-8-sig"):
    """Fill the column accept as a spreadsheet would, with its own delimiter, order of columns and encoding."""
    rows = [
        {"file": each.file, "evidence": each.evidence, "action": each.action, "accept": answer}
        for each, answer in zip(FINDINGS, answers, strict=True)
    ]
    lines = [order, *([row.get(name, "") for name in order] for row in rows)]
    text = "\r\n".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    path.write_bytes(text.encode(encoding, errors="replace"))
    return read_accepted(path)


def test_what_is_written_is_read_and_nothing_is_accepted_yet(tmp_path):
    path = tmp_path / "findings.csv"
    write_findings(path, FINDINGS[:1])
    assert path.read_text(encoding="utf-8-sig") == (
        "file,finding,severity,evidence,related file,suggestion,action,accept\n"
        '"hat/a, b.jpg",wrong_label,high,"It says ""hat""; the others say shoes.",,Look.,move shoes,\n'
    )
    accepted = read_accepted(path)
    assert (accepted.dropped, accepted.moved, accepted.without_action) == (frozenset(), {}, 0)


def test_a_name_that_is_not_utf8_is_written_byte_for_byte(tmp_path):
    write_findings(tmp_path / "findings.csv", FINDINGS)
    assert b"hat/\xff.jpg" in (tmp_path / "findings.csv").read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheet_may_change_the_form(tmp_path, delimiter, encoding):
    order = ("accept", "evidence", "action", "mine", "file")
    accepted = accept(tmp_path / "f.csv", "Yes", "x", "1", delimiter=delimiter, order=order, encoding=encoding)
    assert accepted.moved == {"hat/a, b.jpg": "shoes"}
    assert len(accepted.dropped) == 1
    assert accepted.without_action == 1


@pytest.mark.parametrize(
    "table",
    [
        "file;evidence;action;accept\na.jpg;so;drop;yes\nb.jpg;so;drop\nc.jpg;so;drop;yes\n",
        "file\tevidence\taction\taccept\r\na.jpg\tso\tDrop\tyes\r\nb.jpg\r\nc.jpg\tso\tDROP\tYES\r\n",
        "sep=;\nfile;evidence;action;accept\na.jpg;so, so;drop;yes\nb.jpg;so;drop;\nc.jpg;so;drop;yes\n",
        'file, action, accept\n"a.jpg", "drop", "yes"\n"b.jpg", "drop", ""\n"c.jpg", "drop", "yes"\n',
    ],
    ids=["short_rows", "short_rows_and_capitals", "sep", "quotes_after_spaces"],
)
def test_other_forms_of_spreadsheets(tmp_path, table):
    (tmp_path / "f.csv").write_text(table, encoding="utf-8")
    assert read_accepted(tmp_path / "f.csv").dropped == frozenset({"a.jpg", "c.jpg"})


@pytest.mark.parametrize("action", ["move vo\u0308gel", "Move\u00a0v\u00f6gel"])
def test_a_class_in_another_unicode_form_or_after_another_space(tmp_path, action):
    (tmp_path / "f.csv").write_text(f"file,action,accept\na.jpg,{action},yes\n", encoding="utf-8")
    assert read_accepted(tmp_path / "f.csv").moved == {"a.jpg": "v\u00f6gel"}


def test_a_photo_that_is_dropped_does_not_move(tmp_path):
    (tmp_path / "f.csv").write_text("file,action,accept\na.jpg,move x,yes\na.jpg,drop,yes\n", encoding="utf-8")
    accepted = read_accepted(tmp_path / "f.csv")
    assert (accepted.dropped, accepted.moved) == (frozenset({"a.jpg"}), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'file'"),
        ("file,action\na.jpg,drop\n", "has no column 'accept'; give the findings.csv that check.py wrote"),
        ("file,action,accept\na.jpg,drop,perhaps\n", "line 2: accept is 'perhaps'; write yes, or leave it empty"),
        ("file,action,accept\na.jpg,shred,yes\n", "line 2: 'shred' is no action"),
        ("file,action,accept\na.jpg,move ,yes\n", "line 2: 'move' is no action"),
        ("file,action,accept\na,move x,y\na,move y,y\n", "line 3: a cannot move to x and to y; accept one"),
    ],
)
def test_a_wrong_file_gets_one_line(tmp_path, text, message):
    path = tmp_path / "findings.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_accepted(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_the_checked_folder_stands_beside_the_findings(tmp_path):
    (tmp_path / "check.json").write_text(json.dumps({"folder": "/photos"}), encoding="utf-8")
    assert str(find_checked_folder(tmp_path / "findings.csv")) == "/photos"
    for broken in ("{", "[]", "{}", '{"folder": 3}'):
        (tmp_path / "check.json").write_text(broken, encoding="utf-8")
        with pytest.raises(UserError, match=r"no check\.json beside it says which folder was checked; give --photos"):
            find_checked_folder(tmp_path / "findings.csv")

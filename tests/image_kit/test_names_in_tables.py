"""Tables that name photos by bytes that are no UTF-8."""

import codecs
import csv
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from image_kit.answering.answers import Answer, write_csv
from image_kit.answering.compared_runs import RunAnswers, compare_runs, write_differences
from image_kit.answering.predictions import write_predictions
from image_kit.checks import apply_findings, films, read_accepted
from image_kit.checks.findings import Finding
from image_kit.checks.findings_file import write_findings
from image_kit.datasets import ImageSet
from image_kit.errors import UserError
from image_kit.features import read_groups
from image_kit.tables import cell_of_class, cell_of_name, file_name
from tests.fixtures.checked import checked


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


FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1")
SAFE = ("a=1/b.jpg", "./=1", "é/1.jpg", "-")


def first_cells(path, *columns):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return [row[column] for row in list(csv.reader(file))[1:] for column in columns]


def test_a_name_is_no_formula_in_a_spreadsheet_and_is_found_again(tmp_path):
    names = [f"{formula}/1.jpg" for formula in FORMULAS]
    assert [cell_of_name(name) for name in SAFE] == list(SAFE)
    findings = [Finding(name, "copy", "low", "It is a copy.", "Drop it.", names[-1], "drop") for name in names]
    write_findings(tmp_path / "findings.csv", findings)
    photos = checked(np.zeros((len(names), 2)), [0] * len(names), ("a", "b"))
    photos = replace(photos, files=names)
    films.write_groups(tmp_path / "groups.csv", photos, np.zeros(len(names), int))
    probabilities, labels = np.full((len(names), 2), 0.5), np.zeros(len(names), np.int32)
    images = ImageSet(np.zeros(1), labels, names)
    write_predictions(tmp_path / "predictions.csv", probabilities, images, ("=A(1)", "b"))
    with open(tmp_path / "answers.csv", "w", encoding="utf-8", newline="") as file:
        write_csv([Answer(name, "@a(1)", 0.5) for name in names], file)
    written = {"findings.csv": (0, 4), "groups.csv": (0, 1), "predictions.csv": (0, 1, 2), "answers.csv": (0, 1)}
    for name, columns in written.items():
        cells = first_cells(tmp_path / name, *columns)
        assert len(cells) == len(columns) * len(names)
        assert all(cell.startswith(("./", "'")) for cell in cells), cells
    text = (tmp_path / "findings.csv").read_text(encoding="utf-8-sig")
    (tmp_path / "findings.csv").write_text(text.replace(",drop,", ",drop,yes"), encoding="utf-8")
    assert read_accepted(tmp_path / "findings.csv").dropped == frozenset(map(file_name, names))
    groups = read_groups(tmp_path / "groups.csv", "photos", [Path("photos", name) for name in names])
    assert len(set(groups)) == 1


def test_a_class_keeps_its_name_unless_it_is_a_formula_that_could_do_harm():
    for name in ("-1", "+0.5", "+", "-", "=", "+positive", "@home", "a (b)"):
        assert cell_of_class(name) == name
    for name in ("=HYPERLINK(1)", "+cmd|' /C calc'!A0", "@SUM(A1)"):
        assert cell_of_class(name) == f"'{name}"


@pytest.mark.parametrize(("name", "class_name"), [("K\xf6ln.jpg", "a"), ("1.jpg", "\u732b"), ("1.jpg", "a")])
def test_excel_reads_names_with_other_letters(tmp_path, name, class_name):
    """Without a byte order mark it takes UTF-8 for the system's code page."""
    images = ImageSet(np.zeros(1), np.zeros(1, np.int32), [name])
    write_predictions(tmp_path / "predictions.csv", np.full((1, 2), 0.5), images, (class_name, "b"))
    answers = {run: RunAnswers([name], np.zeros(1, int), np.eye(2)[[run]], (class_name, "b")) for run in (0, 1)}
    write_differences(tmp_path / "differences.csv", compare_runs(answers))
    for file in ("predictions.csv", "differences.csv"):
        data = (tmp_path / file).read_bytes()
        assert data.startswith(codecs.BOM_UTF8) != data.isascii()
        assert first_cells(tmp_path / file, 0) == [name]

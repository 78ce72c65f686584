"""findings.csv: what a check writes, and what a person accepts in it."""

import csv
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image_kit.checks.findings import Finding
from image_kit.errors import UserError
from image_kit.files import replacing
from image_kit.json_files import read_json
from image_kit.tables import cell_of_name, file_name, read_table

FIELDS = ("file", "finding", "severity", "evidence", "related file", "suggestion", "action", "accept")
SUMMARY = "check.json"  # beside findings.csv; says which folder was checked
NEEDED = ("file", "action", "accept")  # what `read_accepted` reads; a spreadsheet may drop or reorder the others
YES, NO = ("yes", "y", "x", "1", "true"), ("", "no", "n", "0", "false")


@dataclass(frozen=True)
class Accepted:
    """What a person has accepted in findings.csv.

    Attributes:
        dropped: photos to leave out, relative to the folder.
        moved: {photo: the class that it belongs to}, without those to drop.
        without_action: how many accepted rows ask for nothing that can be done to a photo.
    """

    dropped: frozenset[str]
    moved: dict[str, str]
    without_action: int


def write_findings(path: Path, findings: Sequence[Finding]) -> None:
    """Write a row for each finding, in their order; the column accept is left for the reader.

    Raises:
        OSError: the file cannot be written.
    """
    with (
        replacing(path) as unfinished,
        # The byte order mark tells Excel that this is UTF-8. Names that are not UTF-8 are written byte for byte.
        open(unfinished, "w", newline="", encoding="utf-8-sig", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for each in findings:
            words = (each.evidence, cell_of_name(each.related), each.suggestion, each.action)
            writer.writerow((cell_of_name(each.file), each.kind, each.severity, *words, ""))


def read_accepted(path: Path) -> Accepted:
    """Read what a person has accepted. The file may have been through a spreadsheet: see `read_table`.

    Raises:
        UserError: the file is no findings file, an answer is neither yes nor no, or a photo shall be moved to two
            classes.
    """
    rows = read_table(path, None, "apply", keeps_bytes=True)
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if missing := [name for name in NEEDED if name not in header]:
        raise UserError(f"{path}: has no column {missing[0]!r}; give the findings.csv that check.py wrote")
    columns = [header.index(name) for name in NEEDED]
    dropped: set[str] = set()
    moved: dict[str, str] = {}
    without_action = 0
    for line, row in rows[1:]:
        file, action, answer = (row[column].strip() if column < len(row) else "" for column in columns)
        if not _is_yes(path, line, answer):
            continue
        verb, class_name = _split_action(action)
        if verb == "drop":
            dropped.add(file_name(file))
        elif verb == "move" and class_name:
            other = moved.setdefault(file_name(file), class_name)
            if other != class_name:
                raise UserError(f"{path}: line {line}: {file} cannot move to {other} and to {class_name}; accept one")
        elif action:
            raise UserError(f"{path}: line {line}: {action!r} is no action; drop, or move and the name of a class")
        else:
            without_action += 1
    moved = {file: class_name for file, class_name in moved.items() if file not in dropped}
    return Accepted(frozenset(dropped), moved, without_action)


def find_checked_folder(findings: Path) -> Path:
    """The folder that was checked, from the check.json beside a findings file.

    Raises:
        UserError: there is no such file, or it does not say.
    """
    try:
        return Path(read_json(findings.parent / SUMMARY)["folder"])
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(f"{findings}: no {SUMMARY} beside it says which folder was checked; give --photos") from None


def _split_action(action: str) -> tuple[str, str]:
    """The word and the class of "move cats", however a spreadsheet spells them: with capitals, or accents apart."""
    verb, class_name = (*re.split(r"\s", action, maxsplit=1), "")[:2]
    return verb.lower(), unicodedata.normalize("NFC", class_name)


def _is_yes(path: Path, line: int, answer: str) -> bool:
    if answer.lower() not in (*YES, *NO):
        raise UserError(f"{path}: line {line}: accept is {answer!r}; write yes, or leave it empty")
    return answer.lower() in YES

"""What a check found: one row of findings.csv each."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "unreadable",
    "odd",
    "contradiction",
    "copy",
    "leak",
    "wrong_label",
    "stranger",
    "shortcut",
    "balance",
    "split",
    "confused",
]
Severity = Literal["high", "medium", "low"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that may be.

    Attributes:
        file: the photo, relative to the checked folder, with /; empty if it concerns a class or the whole folder.
        kind: what it is.
        severity: high: an answer of a trained network will be wrong because of it, or a score too good; low: worth a
            look.
        evidence: one sentence of plain fact, with a number.
        suggestion: one sentence of advice.
        related: another photo, relative to the folder, such as the one that it is a copy of; or empty.
        action: what `data/prepare.py apply` does if the reader accepts it: "drop", "move CLASS", or nothing ("").
        certainty: 0 to 1; ranks findings of one kind.
    """

    file: str
    kind: Kind
    severity: Severity
    evidence: str
    suggestion: str
    related: str = ""
    action: str = ""
    certainty: float = 1.0

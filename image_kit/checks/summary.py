"""What a check found, in at most 25 lines for a terminal: the worst first, each with what to do."""

from collections import Counter
from collections.abc import Sequence

from image_kit.checks.findings import Finding, Kind, Severity
from image_kit.terminal import visible

MOST_LINES = 25  # one screen; two for each of the 11 kinds, and three around them
WIDEST = 200  # letters of a line, about two rows of a terminal
ORDER: tuple[Severity, ...] = ("high", "medium", "low")
# What each kind is, for one finding and for more.
WORDS: dict[Kind, tuple[str, str]] = {
    "unreadable": ("photo that cannot be read", "photos that cannot be read"),
    "odd": ("odd file", "odd files"),
    "contradiction": ("photo with two labels", "photos with two labels"),
    "copy": ("copy of another photo", "copies of other photos"),
    "leak": ("photo or film that a split may divide", "photos or films that a split may divide"),
    "wrong_label": ("label that may be wrong", "labels that may be wrong"),
    "stranger": ("photo unlike all others", "photos unlike all others"),
    "shortcut": ("shortcut around the subject", "shortcuts around the subject"),
    "balance": ("question of balance", "questions of balance"),
    "split": ("fault of the split", "faults of the split"),
    "confused": ("pair of classes that is confused", "pairs of classes that are confused"),
}


def rank_findings(findings: Sequence[Finding]) -> list[Finding]:
    """The worst first: by severity, then kind by kind, the most certain of each first."""
    kinds = list(WORDS)
    return sorted(findings, key=lambda each: (ORDER.index(each.severity), kinds.index(each.kind), -each.certainty))


def count_kinds(findings: Sequence[Finding]) -> dict[Kind, int]:
    """How many findings there are of each kind, the kind with the worst finding first."""
    return dict(Counter(each.kind for each in rank_findings(findings)))


def summarise(findings: Sequence[Finding]) -> list[str]:
    """Two lines for each kind of finding: how many and the worst of them, and what to do about it."""
    ranked = rank_findings(findings)
    lines = []
    for kind, count in count_kinds(findings).items():
        worst = next(each for each in ranked if each.kind == kind)
        example = f"{worst.file}: " if worst.file else ""
        lines.append(_shortened(f"{count:,} {WORDS[kind][count > 1]}. {example}{worst.evidence}"))
        lines.append(_shortened(f"    {worst.suggestion}"))
    return lines


def _shortened(line: str) -> str:
    line = visible(line.replace("\n", " "))
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 4]} ..."

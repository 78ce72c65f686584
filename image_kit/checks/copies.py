"""Copies as findings: one photo under two labels, in two parts of the folder, or twice in one class."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.file_facts import FileFacts
from image_kit.checks.findings import Finding, Kind, Severity
from image_kit.checks.near_copies import NearCopy
from image_kit.features import merge_groups, unit_length
from image_kit.photos import PARTS

COMPARED = 2**22  # similarities at once: 16 MB
ASKED = 10  # nearest photos that are no copies, whose classes tell which of two labels is the more likely


def find_copies(photos: CheckedPhotos, facts: FileFacts, copies: Sequence[NearCopy]) -> list[Finding]:
    """What copies of one photo spoil: contradictions first, then leaks, then copies inside a class.

    Of each set of copies one photo is kept, and each other one is a finding. The kept one is of the most likely class,
    then of the last part (a test set should stay as it is), then the largest. So dropping all findings leaves no copy.

    Args:
        photos, facts: of the same photos.
        copies: what `find_near_copies` found.
    """
    links = {(pair.one, pair.other): pair for pair in copies}
    groups = merge_groups(None, [(pair.one, pair.other) for pair in copies], len(photos.paths))
    sets = defaultdict(list)
    for index in sorted({index for pair in links for index in pair}):
        sets[groups[index]].append(index)
    rows, pixels = unit_length(photos.features), facts.sizes.prod(axis=1)
    found = [each for members in sets.values() for each in _judge_set(photos, rows, pixels, members, links)]
    order = ("contradiction", "leak", "copy")
    return sorted(found, key=lambda each: (order.index(each.kind), -each.certainty, each.file))


def _judge_set(
    photos: CheckedPhotos,
    rows: np.ndarray,
    pixels: np.ndarray,
    members: list[int],
    links: dict[tuple[int, int], NearCopy],
) -> list[Finding]:
    label = _most_likely_label(photos, rows, members)
    ranks = {part: rank for rank, part in enumerate((None, *PARTS))}

    def rank(index: int) -> tuple[bool, int, int, int]:
        return photos.labels[index] == label, ranks[photos.parts[index]], int(pixels[index]), -index

    kept = max(members, key=rank)
    return [
        _describe(photos, index, kept, links.get((min(index, kept), max(index, kept))))
        for index in members
        if index != kept
    ]


def _most_likely_label(photos: CheckedPhotos, rows: np.ndarray, members: list[int]) -> int:
    """The label of the copies that most of the photos have that look like them; between equals, the more frequent."""
    labels, counts = np.unique(photos.labels[members], return_counts=True)
    if len(labels) == 1:
        return int(labels[0])
    alike = np.empty(len(rows), np.float32)
    size = max(1, COMPARED // len(members))  # thousands of copies under two labels would take gigabytes at once
    for start in range(0, len(rows), size):
        alike[start : start + size] = (rows[start : start + size] @ rows[members].T).max(axis=1)
    alike[members] = -np.inf
    nearest = np.argsort(-alike, kind="stable")[:ASKED]
    votes = [(photos.labels[nearest[alike[nearest] > -np.inf]] == label).sum() for label in labels]
    return int(labels[max(range(len(labels)), key=lambda each: (votes[each], counts[each], -each))])


def _describe(photos: CheckedPhotos, index: int, kept: int, pair: NearCopy | None) -> Finding:
    file, other = photos.files[index], photos.files[kept]
    own, wanted = (photos.class_names[photos.labels[each]] for each in (index, kept))
    certainty = pair.likeness if pair else 0.9  # found through a third photo that is a copy of both
    kind: Kind = "copy"
    severity: Severity = "low"
    where = f"and both are in the class {own}"
    advice = "Drop it: a copy teaches nothing new, and split at random it makes the score too good."
    if own != wanted:
        kind, severity = "contradiction", "high"
        where = f"but this one is in the class {own} and that one in {wanted}"
        advice = "Look at both, keep the one whose class is right and drop the other."
    elif photos.parts[index] != photos.parts[kept]:
        kind, severity = "leak", "high"
        where = f"but this one is in {photos.parts[index]} and that one in {photos.parts[kept]}"
        advice = "Drop one of the two: a network that is tested on a photo it learned gets too good a score."
    evidence = f"{_describe_likeness(pair, other)}, {where}."
    return Finding(file, kind, severity, evidence, advice, other, "drop", certainty)


def _describe_likeness(pair: NearCopy | None, other: str) -> str:
    if pair is None:
        return f"It shows the same picture as {other}, since both are copies of a third photo"
    if pair.is_exact:
        return f"It is the same file as {other}, byte for byte"
    how = "mirrored, " if pair.is_mirrored else ""
    return f"It shows the same picture as {other} ({how}{100 * pair.likeness:.0f} % of the details agree)"

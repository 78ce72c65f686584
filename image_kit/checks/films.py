"""Films and bursts: photos in a row that show nearly the same. Split at random, they make a score too good."""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.file_facts import FileFacts
from image_kit.checks.findings import Finding
from image_kit.checks.near_copies import NearCopy
from image_kit.features import merge_groups, unit_length
from image_kit.tables import cell_of_name

# Cosine of the features. In clothing and in elephants and cars, fewer than 1 in 1,000 pairs of photos of one class are
# as similar (99.9 % are below .84 and .83), so two photos that also follow each other hardly are by chance.
SAME_SCENE = 0.85
NUMBERS_APART = 3  # frames whose names are further apart are not in a row; some may have been sorted out
SECONDS_APART = 10.0  # between the shots of a burst
SHORTEST_FILM = 3  # photos; two alike are grouped, but not worth a finding
_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*)$")


def find_films(photos: CheckedPhotos, facts: FileFacts, copies: Sequence[NearCopy]) -> tuple[np.ndarray, list[Finding]]:
    """Find which photos belong together: copies of one photo, and those in a row that show nearly the same.

    In a row are photos of one folder whose names end in numbers at most 3 apart, or that one camera took within 10 s.

    Args:
        photos, facts: of the same photos.
        copies: what `find_near_copies` found.

    Returns:
        The group of each photo, int (n,); and a finding for each film of 3 photos or more, the longest first.
    """
    rows = unit_length(photos.features)
    links = [
        (one, other) for one, other in _list_neighbours(photos, facts) if float(rows[one] @ rows[other]) >= SAME_SCENE
    ]
    films = merge_groups(None, links, len(photos.paths))
    groups = merge_groups(None, links + [(pair.one, pair.other) for pair in copies], len(photos.paths))
    found = [_describe(photos, members) for members in _list_members(films) if len(members) >= SHORTEST_FILM]
    return groups, sorted(found, key=lambda each: -each.certainty)


def write_groups(csv_path: Path, photos: CheckedPhotos, groups: np.ndarray) -> None:
    """Write which photos belong together as the file that `train.py --groups` takes: columns file and group.

    Each photo has a row, one that cannot be read, too. A group has the name of its first photo.
    """
    names = {}
    for members in _list_members(groups):
        first = photos.files[members[0]]
        for index in members:
            names[photos.files[index]] = first if len(members) == 1 else f"{first} and {len(members) - 1} more"
    names |= {file: file for file in photos.unreadable}
    # Names of files that are not valid UTF-8 are written byte for byte.
    with csv_path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "group"))
        writer.writerows((cell_of_name(file), cell_of_name(group)) for file, group in sorted(names.items()))


def _list_members(groups: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if len(groups) else []


def _list_neighbours(photos: CheckedPhotos, facts: FileFacts) -> list[tuple[int, int]]:
    """Pairs of photos that follow each other by name or by time."""
    by_name: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    by_time: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for index, (file, header) in enumerate(zip(photos.files, facts.headers, strict=True)):
        folder, name = file.rpartition("/")[::2]
        if match := _LAST_NUMBER.match(Path(name).stem):
            by_name[folder, match[1], match[3]].append((int(match[2]), index))
        if np.isfinite(header.taken):
            by_time[folder, header.camera].append((header.taken, index))
    rows = ((by_name.values(), NUMBERS_APART), (by_time.values(), SECONDS_APART))
    return [pair for lists, apart in rows for each in lists for pair in _pair_in_row(each, apart)]


def _pair_in_row(row: Sequence[tuple[float, int]], apart: float) -> list[tuple[int, int]]:
    row = sorted(row)
    return [(one, other) for (at, one), (then, other) in zip(row, row[1:], strict=False) if then - at <= apart]


def _describe(photos: CheckedPhotos, members: np.ndarray) -> Finding:
    first, last = photos.files[members[0]], photos.files[members[-1]]
    parts = sorted({part for part in (photos.parts[index] for index in members) if part})
    across = f", and they are in {' and '.join(parts)}" if len(parts) > 1 else ""
    return Finding(
        first,
        "leak",
        "high" if across else "low",
        f"{len(members)} photos in a row, to {Path(last).name}, show nearly the same{across}.",
        "Keep them in one part: give train.py --groups the groups file of this check.",
        last,
        certainty=1 - 1 / len(members),
    )

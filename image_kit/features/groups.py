"""Which photos belong together: of one film, person or shop. A head is not tested on photos like those it learned.

A score of photos whose neighbours were learned flatters: see the measurements in docs/results.md.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from image_kit.errors import UserError
from image_kit.photos import is_photo_name
from image_kit.tables import file_name, read_table, refuse_other_text, tell_apart

COLUMNS = ("file", "group")


def read_groups(csv_path: Path | str, folder: Path | str, paths: Sequence[Path]) -> list[str]:
    """The group of each photo, from a CSV file with the columns file and group.

    The header is optional: a first row whose first cell is not the name of a photo is one. Where it has the names file
    and group, there may be other columns. See `read_table`.

    Args:
        csv_path: the CSV file; each file in it is relative to `folder`, with / or \\, or all to one other folder,
            as on another machine.
        folder: the folder of photos.
        paths: the photos, each below `folder`.

    Returns:
        One group for each of `paths`, in their order.

    Raises:
        UserError: the file cannot be read, is no such table, gives a photo two groups or none, names a photo that is
            not in the folder, or leaves one out.
    """
    group_of: dict[str, str] = {}
    for line, file, group in _read_rows(Path(csv_path)):
        if not group:
            raise UserError(f"{csv_path}: line {line}: {file} has no group; write one after it")
        known = group_of.setdefault(file, group)
        if known != group:
            raise UserError(f"{csv_path}: line {line}: {file} is in two groups, {known} and {group}; keep one")
    files = [file_name(path.relative_to(folder).as_posix()) for path in paths]
    present = set(files)
    group_of = _without_common_start(group_of, present)
    refuse_other_text(csv_path, (file for file in group_of if file not in present))
    unknown = [file for file in group_of if file not in present]
    _refuse(csv_path, "not in", folder, unknown, tell_apart(unknown[0], files) if unknown else "")
    missing = [file for file in files if file not in group_of]
    _refuse(csv_path, "missing, though in", folder, missing, missing[0] if missing else "")
    return [group_of[file] for file in files]


def _refuse(csv_path: Path | str, what: str, folder: Path | str, files: list[str], first: str) -> None:
    if files:
        photos = "1 photo is" if len(files) == 1 else f"{len(files)} photos are"
        raise UserError(
            f"{csv_path}: {photos} {what} {folder}: {first}{' and others' * (len(files) > 1)}; "
            "each photo of the folder needs one row, file and group, and no other file may have one"
        )


def _read_rows(csv_path: Path) -> Iterable[tuple[int, str, str]]:
    """Line, file and group of each row, without the header."""
    rows = read_table(csv_path, 2, "--groups", keeps_bytes=True)
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if set(COLUMNS) <= set(header):
        file, group = map(header.index, COLUMNS)
        for line, row in rows[1:]:
            filled = row + [""] * len(header)
            yield line, file_name(filled[file]), _group_name(filled[group])
        return
    for number, (line, row) in enumerate(rows):
        if len(row) < 2 or any(cell.strip() for cell in row[2:]):
            cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            raise UserError(
                f"{csv_path}: line {line} has {cells}; a row needs two, the file and its group, with a comma, "
                "semicolon or tab between them; or the first row names the columns file and group"
            )
        if number or is_photo_name(Path(row[0].strip())):
            yield line, file_name(row[0]), _group_name(row[1])


def _group_name(cell: str) -> str:
    """One spelling for each group: accents as one letter, and any space as one."""
    return " ".join(unicodedata.normalize("NFC", cell).split())


def _without_common_start(group_of: dict[str, str], present: set[str]) -> dict[str, str]:
    """The groups without the folder that all files begin with, if the folder of photos has the file that is left.

    As /home/anna/photos/cat/1.jpg, photos/cat/1.jpg, or an address.
    """
    first = next((file for file in group_of if file not in present), "")
    ends = [first[cut + 1 :] for cut, letter in enumerate(first) if letter == "/"]
    end = next((end for end in ends if end in present), first)
    start = first.removesuffix(end)
    if not all(file.startswith(start) for file in group_of):
        return group_of
    return {file.removeprefix(start): group for file, group in group_of.items()}


def merge_groups(groups: Sequence[str] | None, near_copies: Iterable[tuple[int, int]], n: int) -> np.ndarray:
    """Join the groups of photos that are near copies of each other, directly or through others.

    Args:
        groups: the group of each of the `n` photos; None: each photo on its own.
        near_copies: pairs of photos, by index.
        n: number of photos.

    Returns:
        int (n,): the group of each photo, numbered from 0 in the order in which they appear.
    """
    parent = list(range(n))

    def root(photo: int) -> int:
        while parent[photo] != photo:
            parent[photo] = photo = parent[parent[photo]]  # halves the way for the next search
        return photo

    first_of: dict[str, int] = {}
    same_group = [(first_of.setdefault(group, photo), photo) for photo, group in enumerate(groups or ())]
    for one, other in (*same_group, *near_copies):
        low, high = sorted((root(one), root(other)))
        parent[high] = low  # so the root of a group is its first photo
    return np.unique([root(photo) for photo in range(n)], return_inverse=True)[1]

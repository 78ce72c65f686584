"""Splits the photos of a folder into train, validation and test by their content."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from image_kit.errors import UserError
from image_kit.photos.folders import LAYOUT_HELP, PARTS, VALIDATION_FRACTION, PhotoFolder

# The first 8 bytes of a photo's hash, read as a number from 0 to 1, fall below one of these: 70 % of photos are for
# train, 15 % for validation, 15 % for test.
SPLIT_BELOW = {"train": 0.70, "validation": 0.85, "test": 1.0}
MINIMUM_PHOTOS = {"train": 2, "validation": 1, "test": 0}  # of each class


def assign_parts(photos: PhotoFolder, hashes: Sequence[str | None]) -> tuple[list[str | None], list[str]]:
    """Assign every photo to a part by its content, so that equal photos are never in two parts.

    A photo's part depends on its content only, so adding a photo moves no other one. Where the folder
    itself has equal photos in two parts, they are kept in the later one (test before validation before train).
    Photos that are in two classes are left out.

    Args:
        photos: what `scan_folder` found.
        hashes: `content_hash` of each photo's file; None for one that could not be read, which is left out.

    Returns:
        The part of each photo, None if it is left out; and notes for the user on what was left out.

    Raises:
        UserError: a class has too few photos in a part.
    """
    cuts_validation = "validation" not in photos.parts and None not in photos.parts
    parts = [
        None if digest is None else _choose_part(digest, stated, cuts_validation)
        for digest, stated in zip(hashes, photos.parts, strict=True)
    ]
    copies = defaultdict(list)
    for index, digest in enumerate(hashes):
        if digest is not None:
            copies[digest].append(index)
    notes = []
    for same in copies.values():
        notes += _leave_out_copies(photos, parts, same)
    _check_counts(photos, parts)
    return parts, notes


def _choose_part(digest: str, stated: str | None, cuts_validation: bool) -> str:
    position = int(digest[:16], 16) / 2**64  # uniformly distributed in 0..1
    if stated is None:
        return next(part for part, below in SPLIT_BELOW.items() if position < below)
    if stated == "train" and cuts_validation and position < VALIDATION_FRACTION:
        return "validation"
    return stated


def _leave_out_copies(photos: PhotoFolder, parts: list[str | None], same: list[int]) -> list[str]:
    """Set the part of superfluous copies to None; returns a note if there were any."""
    names = " = ".join(str(photos.paths[index]) for index in same)
    if len({photos.labels[index] for index in same}) > 1:
        for index in same:
            parts[index] = None
        return [f"the same photo is in two classes, left out of both: {names}"]
    kept = max((part for index in same if (part := parts[index])), key=PARTS.index)
    moved = [index for index in same if parts[index] != kept]
    for index in moved:
        parts[index] = None
    return [f"the same photo is in two parts, kept in {kept} only: {names}"] if moved else []


def _check_counts(photos: PhotoFolder, parts: list[str | None]) -> None:
    counts = Counter(zip(parts, photos.labels, strict=True))
    for part, minimum in MINIMUM_PHOTOS.items():
        for label, name in enumerate(photos.class_names):
            if counts[part, label] < minimum:
                raise UserError(
                    f"class {name!r} has {counts[part, label]} readable photos for {part}, at least {minimum} needed; "
                    f"add photos, or choose the counts (see python data/prepare.py split --help). {LAYOUT_HELP}"
                )

"""Splits the photos of a folder into train, validation and test by their content."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from image_kit.errors import UserError
from image_kit.photos.folders import LAYOUT_HELP, VALIDATION_FRACTION, PhotoFolder
from image_kit.photos.part_names import PARTS
from image_kit.terminal import first_lines, name_some

# The first 8 bytes of a photo's hash, read as a number from 0 to 1, fall below one of these: 70 % of photos are for
# train, 15 % for validation, 15 % for test.
SPLIT_BELOW = {"train": 0.70, "validation": 0.85, "test": 1.0}
MINIMUM_PHOTOS = {"train": 2, "validation": 1, "test": 0}  # of each class
# From here on a test part is cut for a head on features. Of fewer photos, cross-validation says more than 15 % of them.
FEWEST_TO_CUT_TEST = 1_000
FEWEST_GROUPS_TO_CUT_TEST = 20  # 15 % of fewer groups, such as shops, are three or less: their score says little
MOST_NAMED, MOST_SHORT = 10, 5  # classes in a message; those with a sentence of their own
MOST_COPIES = 3  # of one photo in a note
IN_TWO_CLASSES = "the same photo is in two classes, left out of both: "  # then the names
FEWEST_TO_VALIDATE = 2  # of each class: one is held out, one is learned


def assign_parts(photos: PhotoFolder, hashes: Sequence[str | None]) -> tuple[list[str | None], list[str]]:
    """Assign every photo to a part by its content, so that equal photos are never in two parts.

    A photo's part depends on its content only, so adding a photo moves no other one. Only where that leaves too few
    photos of a class in train or validation, `_fill_parts` moves the next ones by hash. Where the folder itself has
    equal photos in two parts, they are kept in the later one (test before validation before train).
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
    notes = _leave_out_all_copies(photos, parts, hashes)
    _fill_parts(photos, parts, hashes, cuts_validation)
    _check_counts(photos, parts, hashes)
    return parts, notes


def assign_cross_validated_parts(
    photos: PhotoFolder, hashes: Sequence[str | None], keys: Sequence[str | None]
) -> tuple[list[str | None], list[str]]:
    """Assign every photo to train or test, for a head that is cross-validated and needs no validation part.

    The validation part of a folder is added to train. A folder that is not divided into parts gets a test part only
    from FEWEST_TO_CUT_TEST photos and FEWEST_GROUPS_TO_CUT_TEST groups on. The cut leaves at least FEWEST_TO_VALIDATE
    photos of each class in train.

    Args:
        photos, hashes: as in `assign_parts`.
        keys: what decides the part of each photo, 16 hexadecimal digits or more. Photos that belong together have the
            same key. None where the hash is None.

    Returns:
        As `assign_parts`.

    Raises:
        UserError: a class has too few photos in train.
    """
    known = [key for digest, key in zip(hashes, keys, strict=True) if digest is not None]
    cuts_test = len(known) >= FEWEST_TO_CUT_TEST and len(set(known)) >= FEWEST_GROUPS_TO_CUT_TEST
    parts: list[str | None] = []
    for digest, key, stated in zip(hashes, keys, photos.parts, strict=True):
        if digest is None or key is None:
            parts.append(None)
        elif stated is None and cuts_test:
            parts.append("test" if _choose_part(key, None, False) == "test" else "train")
        else:
            parts.append("test" if stated == "test" else "train")
    notes = _leave_out_all_copies(photos, parts, hashes)
    if cuts_test:
        _return_to_train(photos, parts, keys)
    _check_head_counts(photos, parts, hashes)
    return parts, notes


def _fill_parts(
    photos: PhotoFolder, parts: list[str | None], hashes: Sequence[str | None], cuts_validation: bool
) -> None:
    """Where the hashes leave too few photos of a class in train or validation, move the next ones by hash there.

    Train and validation give to each other first, so that a photo that more photos send back was never scored. Stated
    parts are not changed.
    """
    can_move = [stated is None or (stated == "train" and cuts_validation) for stated in photos.parts]
    of_class: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))  # label -> hash -> its copies
    for index, (label, digest) in enumerate(zip(photos.labels, hashes, strict=True)):
        if parts[index] and digest:
            of_class[label][digest].append(index)
    for copies in of_class.values():
        count = Counter(part for same in copies.values() for index in same if (part := parts[index]))
        for part, minimum in MINIMUM_PHOTOS.items():
            while count[part] < minimum and (moved := _find_next(part, copies, parts, can_move, count)):
                for index in moved:
                    count[parts[index] or ""] -= 1
                    count[part] += 1
                    parts[index] = part


def _find_next(
    wanted: str, copies: dict[str, list[int]], parts: list[str | None], can_move: list[bool], count: Counter[str]
) -> list[int]:
    """The photo of one class, with its copies, that moves to the part `wanted`; empty if no part can spare one.

    It is the one whose hash is the nearest to the border between the two parts.
    """
    for giver in ("validation", "train", "test"):
        given = [(digest, same) for digest, same in copies.items() if parts[same[0]] == giver and can_move[same[0]]]
        nearest_first = sorted(given, reverse=PARTS.index(giver) < PARTS.index(wanted))
        for _, same in nearest_first:
            if giver != wanted and count[giver] - len(same) >= MINIMUM_PHOTOS[giver]:
                return same
    return []


def _return_to_train(photos: PhotoFolder, parts: list[str | None], keys: Sequence[str | None]) -> None:
    """Where the cut has left too few photos of a class in train, move groups of it back, those with small keys first.

    So a rare class never makes the cut fail. Stated parts are not changed.
    """
    of_key: dict[str | None, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        of_key[key].append(index)
    for every in _photos_of_classes(photos):
        own = [index for index in every if parts[index]]
        lost = sorted({keys[index] or "" for index in own if parts[index] == "test" and photos.parts[index] is None})
        while lost and sum(parts[index] == "train" for index in own) < FEWEST_TO_VALIDATE:
            for index in of_key[lost.pop(0)]:
                if parts[index] == "test":
                    parts[index] = "train"


def _photos_of_classes(photos: PhotoFolder) -> list[list[int]]:
    """The photos of each class, by index."""
    found: list[list[int]] = [[] for _ in photos.class_names]
    for index, label in enumerate(photos.labels):
        found[label].append(index)
    return found


def _check_head_counts(photos: PhotoFolder, parts: list[str | None], hashes: Sequence[str | None]) -> None:
    short = []
    for name, own in zip(photos.class_names, _photos_of_classes(photos), strict=True):
        count = sum(parts[index] == "train" for index in own)
        if count < FEWEST_TO_VALIDATE:
            copies = sum(parts[index] is None and hashes[index] is not None for index in own)
            also = f" ({copies} are left out as copies of photos in another class or in test)" if copies else ""
            short.append(f"class {name!r} has {count} readable {'photo' if count == 1 else 'photos'} to train on{also}")
    if short:
        needed = f"at least {FEWEST_TO_VALIDATE} are needed, and 20 or more help; add photos"
        raise UserError(f"{name_some(short, MOST_SHORT)}; {needed}")


def _choose_part(digest: str, stated: str | None, cuts_validation: bool) -> str:
    position = int(digest[:16], 16) / 2**64  # uniformly distributed in 0..1
    if stated is None:
        return next(part for part, below in SPLIT_BELOW.items() if position < below)
    if stated == "train" and cuts_validation and position < VALIDATION_FRACTION:
        return "validation"
    return stated


def _leave_out_all_copies(photos: PhotoFolder, parts: list[str | None], hashes: Sequence[str | None]) -> list[str]:
    copies = defaultdict(list)
    for index, digest in enumerate(hashes):
        if digest is not None:
            copies[digest].append(index)
    notes = [note for same in copies.values() for note in _leave_out_copies(photos, parts, same)]
    return first_lines(notes, "more photos are in two classes or parts; check.py lists them all")


def _leave_out_copies(photos: PhotoFolder, parts: list[str | None], same: list[int]) -> list[str]:
    """Set the part of superfluous copies to None; returns a note if there were any."""
    # Those in different places first, since one class may have several.
    places: dict[object, int] = {}
    for index in same:
        places.setdefault((photos.labels[index], parts[index]), index)
    shown = [*places.values(), *(index for index in same if index not in places.values())][:MOST_COPIES]
    names = " = ".join(str(photos.paths[index]) for index in shown)
    if len(same) > len(shown):
        names += f" and {len(same) - len(shown):,} more"
    if len({photos.labels[index] for index in same}) > 1:
        for index in same:
            parts[index] = None
        return [IN_TWO_CLASSES + names]
    kept = max((part for index in same if (part := parts[index])), key=PARTS.index)
    moved = [index for index in same if parts[index] != kept]
    for index in moved:
        parts[index] = None
    return [f"the same photo is in two parts, kept in {kept} only: {names}"] if moved else []


def _check_counts(photos: PhotoFolder, parts: list[str | None], hashes: Sequence[str | None]) -> None:
    counts = Counter(zip(parts, photos.labels, strict=True))
    left_out = [part is None and digest is not None for part, digest in zip(parts, hashes, strict=True)]
    copies = Counter(label for label, is_copy in zip(photos.labels, left_out, strict=True) if is_copy)
    short = [
        f"{name!r} ({counts[part, label]} for {part}{_also(copies[label])})"
        for label, name in enumerate(photos.class_names)
        for part, minimum in MINIMUM_PHOTOS.items()
        if counts[part, label] < minimum
    ]
    if short:
        needed = " and ".join(f"{minimum} for {part}" for part, minimum in MINIMUM_PHOTOS.items() if minimum)
        raise UserError(
            f"too few readable photos of {name_some(short, MOST_NAMED)}; each class needs at least {needed}: "
            f"add photos, or choose the counts (see python data/prepare.py split --help). {LAYOUT_HELP}"
        )


def _also(copies: int) -> str:
    return f"; {copies} left out, being in another class or part too" if copies else ""

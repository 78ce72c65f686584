"""A folder of class sub-folders: its layout recognised, its photos listed and split."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image_kit.errors import UserError
from image_kit.photos.photo import is_hidden, is_photo_name

# What people call the parts of a data set, by the name that the project uses.
PART_NAMES = {
    "train": ("train", "training", "training_set"),
    "validation": ("validation", "val", "valid", "validation_set"),
    "test": ("test", "testing", "test_set"),
}
PARTS = tuple(PART_NAMES)
# A photo's hash, read as a number from 0 to 1, falls below one of these: 70 % train, 15 % validation, 15 % test.
SPLIT_BELOW = {"train": 0.70, "validation": 0.85, "test": 1.0}
VALIDATION_SHARE = 0.15  # cut from a training part that comes without validation
MINIMUM_PHOTOS = {"train": 2, "validation": 1, "test": 0}  # of each class

LAYOUT_HELP = """Expected one of
  FOLDER/train/CLASS/photo.jpg, FOLDER/validation/CLASS/..., and if you like FOLDER/test/CLASS/...
  FOLDER/training_set/CLASS/photo.jpg and FOLDER/test_set/CLASS/...
  FOLDER/CLASS/photo.jpg (then split 70/15/15)
with at least two classes."""


@dataclass(frozen=True)
class PhotoFolder:
    """What stands in a folder, before any photo is opened.

    Attributes:
        layout: one sentence for the user.
        class_names: sorted; a label is an index into it.
        paths: every photo found.
        labels: its class, one a path.
        parts: "train", "validation" or "test" as the folder says, None where it does not; one a path.
    """

    layout: str
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    parts: tuple[str | None, ...]


def list_classes(folder: Path) -> dict[str, list[Path]]:
    """The class sub-folders of `folder` and their photos at any depth, both sorted by name.

    Hidden files and folders and names that are no photos are passed over; a class without photos is kept.
    Raises UserError if `folder` does not exist or is no folder.
    """
    return {child.name: list_photos(child) for child in _sub_folders(folder)}


def _sub_folders(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir() and not is_hidden(child))
    except FileNotFoundError:
        raise UserError(f"{folder}: no such folder; give a folder of photos") from None
    except NotADirectoryError:
        raise UserError(f"{folder}: is a file; give the folder that holds a sub-folder for each class") from None
    except OSError as error:  # no permission, a name too long, a disk that fails
        raise UserError(f"{folder}: cannot be read ({error.strerror}); give a folder of photos") from None


def _raise_unreadable(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be read ({error.strerror}); photos in it would be lost") from None


def list_photos(folder: Path) -> list[Path]:
    """Every photo at any depth below `folder`, sorted; hidden files and folders are passed over.

    Linked folders count; one that is reached a second time, as by a link in a circle, does not.
    """
    found, visited = [], set()
    for where, folders, names in os.walk(folder, onerror=_raise_unreadable, followlinks=True):
        real = os.path.realpath(where)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not is_hidden(Path(name)))
        found += [Path(where, name) for name in names if is_photo_name(Path(name))]
    return sorted(found)


def passed_over(folder: Path, paths: Sequence[Path]) -> list[str]:
    """A note on files below `folder` that are not among `paths`, if there are any: other types, or outside a class."""
    known = set(map(str, paths))
    others = Counter()
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(Path(name))]
        for name in names:
            if not is_hidden(Path(name)) and os.path.join(where, name) not in known:
                others[Path(name).suffix.lower() or "without suffix"] += 1
    kinds = ", ".join(
        f"{count} {suffix}" for suffix, count in sorted(others.items(), key=lambda item: (-item[1], item[0]))[:5]
    )
    return [f"{others.total()} files are no photos of a class and were passed over: {kinds}"] if others else []


def find_parts(folder: Path) -> dict[str, Path]:
    """The sub-folders of `folder` that are parts of a data set, by the project's name for them; {} if none is.

    Raises UserError if parts and classes stand side by side, or if a part is there under two names.
    """
    found: dict[str, Path] = {}
    others = []
    for child in _sub_folders(folder):
        part = next((part for part, names in PART_NAMES.items() if child.name.lower() in names), None)
        if part is None:
            others.append(child.name)
        elif part in found:
            raise UserError(f"{folder}: holds both {found[part].name}/ and {child.name}/; keep one of them")
        else:
            found[part] = child
    if found and others:
        raise UserError(
            f"{folder}: holds {next(iter(found.values())).name}/ beside {others[0]}/; a folder has either parts "
            f"(train, validation, test) or classes in it, so move or rename one of the two. {LAYOUT_HELP}"
        )
    return found


def find_test_folder(folder: Path) -> Path:
    """The test part of `folder`, or itself if it holds classes; raises UserError if it holds other parts only."""
    parts = find_parts(folder)
    if parts and "test" not in parts:
        raise UserError(f"{folder}: has no test photos (no test/ or test_set/); give a folder of class folders")
    return parts.get("test", folder)


def scan_folder(folder: Path) -> PhotoFolder:
    """Recognise the layout of `folder` and list its photos, without opening any.

    Raises:
        UserError: no such folder, no photo in it, fewer than two classes, no training part, or a part
            with a class that the training part does not have.
    """
    parts = find_parts(folder)
    if not parts:
        return _photo_folder(folder, {None: list_classes(folder)}, "class folders, split 70/15/15 by content")
    if "train" not in parts:
        raise UserError(f"{folder}: has no training photos (no train/ or training_set/). {LAYOUT_HELP}")
    listed = {part: list_classes(parts[part]) for part in PARTS if part in parts}
    # A part without a photo is none: an empty validation/ is filled from the training part.
    listed = {part: classes for part, classes in listed.items() if part == "train" or any(classes.values())}
    layout = " ".join(f"{parts[part].name}/" for part in listed)
    if "validation" not in listed:
        layout += f", with {VALIDATION_SHARE:.0%} of {parts['train'].name}/ cut off for validation by content"
    return _photo_folder(folder, listed, layout)


def _photo_folder(folder: Path, listed: dict[str | None, dict[str, list[Path]]], layout: str) -> PhotoFolder:
    class_names = tuple(sorted(name for name, photos in next(iter(listed.values())).items() if photos))
    if not class_names:
        raise UserError(f"{folder}: has no photo in any class folder. {LAYOUT_HELP}")
    if len(class_names) == 1:
        raise UserError(f"{folder}: has photos of one class only, {class_names[0]!r}. {LAYOUT_HELP}")
    rows = []
    for part, classes in listed.items():
        for name, photos in sorted(classes.items()):
            if photos and name not in class_names:
                raise UserError(f"{folder}: {part} has a class {name!r} that the training photos do not have")
            rows += [(path, class_names.index(name), part) for path in photos]
    paths, labels, parts = zip(*rows, strict=True)
    return PhotoFolder(layout, class_names, paths, labels, parts)


def assign_parts(photos: PhotoFolder, hashes: list[str | None]) -> tuple[list[str | None], list[str]]:
    """Give every photo its part by its content, so that equal photos never straddle two.

    A photo's part depends on nothing but its content, so adding a photo moves no other. Where the folder
    itself puts equal photos into two parts, they stay in the later one (test before validation before train).
    Photos that stand in two classes are left out.

    Args:
        photos: what `scan` found.
        hashes: `content_hash` of each photo's file; None for one that could not be read, which is left out.

    Returns:
        The part of each photo, or None if it is left out; and notes for the user on what was left out.

    Raises:
        UserError: a class has too few photos in a part.
    """
    cuts_validation = "validation" not in photos.parts and None not in photos.parts
    parts = [
        None if digest is None else _part_of(digest, stated, cuts_validation)
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


def _part_of(digest: str, stated: str | None, cuts_validation: bool) -> str:
    position = int(digest[:16], 16) / 2**64  # uniform in 0..1
    if stated is None:
        return next(part for part, below in SPLIT_BELOW.items() if position < below)
    if stated == "train" and cuts_validation and position < VALIDATION_SHARE:
        return "validation"
    return stated


def _leave_out_copies(photos: PhotoFolder, parts: list[str | None], same: list[int]) -> list[str]:
    """Set the part of superfluous copies to None; returns a note for each group that was touched."""
    names = " = ".join(str(photos.paths[index]) for index in same)
    if len({photos.labels[index] for index in same}) > 1:
        for index in same:
            parts[index] = None
        return [f"the same photo stands in two classes, left out of both: {names}"]
    kept = max((parts[index] for index in same), key=PARTS.index)
    moved = [index for index in same if parts[index] != kept]
    for index in moved:
        parts[index] = None
    return [f"the same photo stands in two parts, kept in {kept} only: {names}"] if moved else []


def _check_counts(photos: PhotoFolder, parts: list[str | None]) -> None:
    counts = Counter(zip(parts, photos.labels, strict=True))
    for part, minimum in MINIMUM_PHOTOS.items():
        for label, name in enumerate(photos.class_names):
            if counts[part, label] < minimum:
                raise UserError(
                    f"class {name!r} has {counts[part, label]} readable photos for {part}, at least {minimum} needed; "
                    f"add photos, or choose the counts with: python data/prepare.py split --help. {LAYOUT_HELP}"
                )

"""Recognises the layout of a folder of photos, and lists its classes and photos."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from image_kit.errors import UserError
from image_kit.photos.photo_files import is_hidden, is_photo_name

# The project's name for each part of a data set -> the folder names that people use for it.
PART_NAMES = {
    "train": ("train", "training", "training_set"),
    "validation": ("validation", "val", "valid", "validation_set"),
    "test": ("test", "testing", "test_set"),
}
PARTS = tuple(PART_NAMES)
VALIDATION_FRACTION = 0.15  # cut from a training part that comes without a validation part

LAYOUT_HELP = """Expected one of
  FOLDER/train/CLASS/photo.jpg, FOLDER/validation/CLASS/..., and optionally FOLDER/test/CLASS/...
  FOLDER/training_set/CLASS/photo.jpg and FOLDER/test_set/CLASS/...
  FOLDER/CLASS/photo.jpg (then split 70/15/15)
with at least two classes."""


@dataclass(frozen=True)
class PhotoFolder:
    """The photos of a folder, before any is opened.

    Attributes:
        layout: a description of the layout for the user.
        class_names: sorted; a label is an index into it.
        paths: every photo found.
        labels: the class of each photo.
        parts: "train", "validation" or "test" for each photo, None where the folder is not divided into parts.
    """

    layout: str
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    parts: tuple[str | None, ...]


def list_classes(folder: Path) -> dict[str, list[Path]]:
    """The class sub-folders of `folder` and their photos at any depth, both sorted by name.

    Hidden files and folders are ignored, and files that do not have a photo's name. A class without photos is kept.

    Raises:
        UserError: `folder` does not exist, is not a folder, or cannot be read.
    """
    return {child.name: list_photos(child) for child in _sub_folders(folder)}


def _sub_folders(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir() and not is_hidden(child))
    except FileNotFoundError:
        raise UserError(f"{folder}: no such folder; give a folder of photos") from None
    except NotADirectoryError:
        raise UserError(f"{folder}: is a file; give the folder that contains a folder for each class") from None
    except OSError as error:  # no permission, a name that is too long, a disk that fails
        raise UserError(f"{folder}: cannot be read ({error.strerror}); give a folder of photos") from None


def _raise_unreadable(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be read ({error.strerror}); photos in it would be lost") from None


def list_photos(folder: Path) -> list[Path]:
    """Every photo at any depth below `folder`, sorted; hidden files and folders are ignored.

    Links to folders are followed. A folder that is reached a second time, as through a circle of links, is skipped.

    Raises:
        UserError: a folder cannot be read.
    """
    found: list[Path] = []
    visited = set()
    for where, folders, names in os.walk(folder, onerror=_raise_unreadable, followlinks=True):
        real = os.path.realpath(where)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not is_hidden(Path(name)))
        found += [Path(where, name) for name in names if is_photo_name(Path(name))]
    return sorted(found)


def note_other_files(folder: Path, paths: Iterable[Path]) -> list[str]:
    """A note for the user on files below `folder` that are not among `paths`; no note if there are none.

    Such files have another type, or are not in a class folder.
    """
    known = set(map(str, paths))
    counts: Counter[str] = Counter()
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(Path(name))]
        for name in names:
            if not is_hidden(Path(name)) and os.path.join(where, name) not in known:
                counts[Path(name).suffix.lower() or "without suffix"] += 1
    if not counts:
        return []
    most_frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in most_frequent)
    return [f"files ignored, since they are not photos in a class folder: {counts.total()} ({kinds})"]


def find_parts(folder: Path) -> dict[str, Path]:
    """The sub-folders of `folder` that are parts of a data set, by the project's name for them; {} if there are none.

    Raises:
        UserError: `folder` contains both parts and classes, or one part under two names.
    """
    found: dict[str, Path] = {}
    others = []
    for child in _sub_folders(folder):
        part = next((part for part, names in PART_NAMES.items() if child.name.lower() in names), None)
        if part is None:
            others.append(child.name)
        elif part in found:
            raise UserError(f"{folder}: contains both {found[part].name}/ and {child.name}/; keep one of them")
        else:
            found[part] = child
    if found and others:
        raise UserError(
            f"{folder}: contains {next(iter(found.values())).name}/ and {others[0]}/; a folder contains either parts "
            f"(train, validation, test) or classes, so move or rename one of the two. {LAYOUT_HELP}"
        )
    return found


def find_test_folder(folder: Path) -> Path:
    """The test part of `folder`, or `folder` itself if it contains classes.

    Raises:
        UserError: `folder` contains other parts only, or see `find_parts`.
    """
    parts = find_parts(folder)
    if parts and "test" not in parts:
        raise UserError(f"{folder}: has no test photos (no test/ or test_set/); give a folder of class folders")
    return parts.get("test", folder)


def scan_folder(folder: Path) -> PhotoFolder:
    """Recognise the layout of `folder` and list its photos, without opening any.

    Raises:
        UserError: there is no such folder, no photo in it, fewer than two classes, no training part, or a
            part has a class that the training part does not have.
    """
    parts = find_parts(folder)
    if not parts:
        return _list_labels(folder, {None: list_classes(folder)}, "class folders, split 70/15/15 by content")
    if "train" not in parts:
        raise UserError(f"{folder}: has no training photos (no train/ or training_set/). {LAYOUT_HELP}")
    listed = {part: list_classes(parts[part]) for part in PARTS if part in parts}
    # A part without photos counts as missing: an empty validation/ is filled from the training part.
    listed = {part: classes for part, classes in listed.items() if part == "train" or any(classes.values())}
    layout = " ".join(f"{parts[part].name}/" for part in listed)
    if "validation" not in listed:
        layout += f", with {VALIDATION_FRACTION:.0%} of {parts['train'].name}/ cut off for validation by content"
    return _list_labels(folder, listed, layout)


def _list_labels(
    folder: Path, listed: Mapping[str, dict[str, list[Path]]] | Mapping[None, dict[str, list[Path]]], layout: str
) -> PhotoFolder:
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

"""Recognises the layout of a folder of photos, and lists its classes and photos."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from image_kit.errors import UserError, name_disk_failure
from image_kit.photos.part_names import (
    PARTS,
    class_name,
    is_division_name,
    is_unlabelled_name,
    part_of_name,
    refuse_look_alike_names,
)
from image_kit.photos.photo_files import is_hidden, is_hidden_name, is_photo_name
from image_kit.retries import read_again
from image_kit.terminal import name_some

VALIDATION_FRACTION = 0.15  # cut from a training part that comes without a validation part

DETECTION = ("images", "jpegimages")  # beside labels/ or Annotations/, in each part

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
    Folders whose names differ only in how accents are stored are one class.

    Raises:
        UserError: `folder` does not exist, is not a folder, or cannot be read; or two classes have names that look
            the same.
    """
    found: dict[str, list[Path]] = {}
    for child in _sub_folders(folder):
        found.setdefault(class_name(child.name), []).extend(list_photos(child))
    refuse_look_alike_names(folder, list(found))
    return dict(sorted(found.items()))


@read_again
def _sub_folders(folder: Path) -> list[Path]:
    """The user's folders in `folder`, sorted."""
    with _entries(folder) as entries:
        return sorted(folder / entry.name for entry in entries if entry.is_dir() and not is_hidden_name(entry.name))


@read_again
def _has_photos(folder: Path) -> bool:
    """Whether there are photos in the folder itself."""
    with _entries(folder) as entries:
        return any(is_photo_name(Path(entry.name)) for entry in entries)


@contextlib.contextmanager
def _entries(folder: Path) -> Iterator[Iterator[os.DirEntry]]:
    """What is in a folder. Asking each path whether it is a folder would take a second for 100,000 photos."""
    try:
        with os.scandir(folder) as entries:
            yield entries
    except FileNotFoundError:
        raise UserError(f"{folder}: no such folder; give a folder of photos") from None
    except NotADirectoryError:
        raise UserError(f"{folder}: is a file; give the folder that contains a folder for each class") from None
    except OSError as error:  # no permission, a name that is too long, a disk that fails
        why = name_disk_failure(error) or f"{error.strerror}; give a folder of photos"
        raise UserError(f"{folder}: cannot be read ({why})") from None


def _raise_unreadable(error: OSError) -> None:
    why = name_disk_failure(error) or error.strerror
    raise UserError(f"{error.filename}: cannot be read ({why}); photos in it would be lost") from None


@read_again
def list_photos(folder: Path) -> list[Path]:
    """Every photo at any depth below `folder`, sorted; hidden files and folders are ignored.

    Links to folders are followed. One that is reached a second time or contains `folder`, as in a circle, is skipped.

    Raises:
        UserError: a folder cannot be read.
    """
    found: list[Path] = []
    visited = set(map(str, Path(os.path.realpath(folder)).parents))
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
    """Notes for the user on files below `folder` that are not among `paths`; no note if there are none.

    Such files have another type, are not in a class folder, or belong to the system or another program.
    """
    known = set(map(str, paths))
    counts: Counter[str] = Counter()
    systems: Counter[str] = Counter()
    for where, folders, names in os.walk(folder):
        systems.update(name for name in folders if is_hidden(Path(name)))
        folders[:] = [name for name in folders if not is_hidden(Path(name))]
        for name in names:
            if not is_hidden(Path(name)) and os.path.join(where, name) not in known:
                counts[Path(name).suffix.lower() or "without suffix"] += 1
    notes = []
    if counts:
        kinds = _most_frequent(counts)
        notes.append(f"files ignored, since they are not photos in a class folder: {counts.total()} ({kinds})")
    if systems:
        kinds = _most_frequent(systems)
        notes.append(f"folders of the system and of other programs, passed over: {systems.total()} ({kinds})")
    return notes


def _most_frequent(counts: Counter[str]) -> str:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {name}" for name, count in ranked[:5])


def find_parts(folder: Path) -> dict[str, Path]:
    """The sub-folders of `folder` that are parts of a data set, by the project's name for them; {} if there are none.

    A part holds class folders. A folder with a part's name that holds photos is a class, such as "train" beside "car".
    The parts may lie in a folder of their own, and each in a second folder of its name, as archives are unpacked.

    Raises:
        UserError: `folder` contains both parts and classes, one part under two names, or parts without class folders;
            or its classes contain parts.
    """
    children = _sub_folders(folder)
    if any(part_of_name(child.name) for child in children):
        children = [child for child in children if not is_unlabelled_name(child.name)]
    if len(children) == 1 and not part_of_name(children[0].name) and not _has_photos(children[0]):
        inner = {part_of_name(child.name) for child in _sub_folders(children[0])}
        if "train" in inner:
            return find_parts(children[0])
    named = {child: part for child in children if (part := part_of_name(child.name))}
    flat = [child for child in named if _has_photos(child) and not _sub_folders(child)]
    if len(flat) < len(named):  # the others are parts, so these are too; loose photos in a part are passed over
        flat = []
    if len({named[child] for child in flat}) > 1:
        one, other = flat[:2]
        raise UserError(
            f"{folder}: {one.name}/ and {other.name}/ look like parts of a data set, and hold photos without a folder "
            f"for each class. {LAYOUT_HELP}"
        )
    found: dict[str, Path] = {}
    for child in (each for each in named if each not in flat):
        if named[child] in found:
            both = sorted((found[named[child]].name, child.name))
            raise UserError(f"{folder}: contains both {both[0]}/ and {both[1]}/; keep one of them")
        found[named[child]] = _unpacked(child, named[child])
    if others := [child for child in children if child not in named or child in flat]:
        _refuse_mixed(folder, found, others)
    return found


def _refuse_mixed(folder: Path, parts: dict[str, Path], others: list[Path]) -> None:
    """Raise UserError if there are parts beside classes, or parts within each class."""
    if parts:
        raise UserError(
            f"{folder}: contains {next(iter(parts.values())).name}/ and {others[0].name}/; a folder contains either "
            f"parts (train, validation, test) or classes, so move or rename one of the two. {LAYOUT_HELP}"
        )
    inside = ({part_of_name(child.name) for child in _sub_folders(other)} - {None} for other in others)
    _refuse_divisions(folder, others)
    # images/train/ beside labels/train/: only one of them has photos, and is no class.
    if all(len(found) > 1 for found in inside) and sum(bool(list_photos(other)) for other in others) > 1:
        name = others[0].name
        raise UserError(
            f"{folder}: each class contains parts, as {name}/train/; the parts have to be outside: train/{name}/. "
            f"{LAYOUT_HELP}"
        )


def _refuse_divisions(folder: Path, children: list[Path]) -> None:
    """Raise UserError if the folders are no classes but divisions of the data, each with the same class folders."""
    if len(children) < 2 or not any(is_division_name(child.name) for child in children):
        return
    inside = [{each.name for each in _sub_folders(child)} for child in children]
    same = sorted(set.intersection(*inside))
    if len(same) > 1 and not any(_has_photos(child) for child in children):
        one, other = children[0].name, children[1].name
        raise UserError(
            f"{folder}: {one}/ and {other}/ both contain {same[0]}/ and {same[1]}/, so they look like divisions of the "
            f"data and not like classes; name those to train on train/, one to test on test/, or give {folder / one}. "
            f"{LAYOUT_HELP}"
        )


def _unpacked(folder: Path, part: str) -> Path:
    """The folder, or the only one in it if that has the part's name too (seg_train/seg_train/)."""
    children = _sub_folders(folder)
    if len(children) == 1 and part_of_name(children[0].name) == part and not _has_photos(children[0]):
        return children[0]
    return folder


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
        hint = _suggest_inner(folder / class_names[0])
        if not hint and class_names[0].lower() in DETECTION:
            hint = ", as data sets for detection have it: make a folder for each class, and put the photos there"
        raise UserError(f"{folder}: has photos of one class only, {class_names[0]!r}{hint}. {LAYOUT_HELP}")
    label_of = {name: label for label, name in enumerate(class_names)}
    rows = []
    for part, classes in listed.items():
        if strange := sorted(repr(name) for name, photos in classes.items() if photos and name not in label_of):
            which = "a class" if len(strange) == 1 else f"{len(strange)} classes"
            raise UserError(f"{folder}: {part} has {which} that the training photos do not have: {name_some(strange)}")
        for name, photos in sorted(classes.items()):
            rows += [(path, label_of[name], part) for path in photos]
    paths, labels, parts = zip(*rows, strict=True)
    return PhotoFolder(layout, class_names, paths, labels, parts)


def _suggest_inner(folder: Path) -> str:
    """A hint where the classes lie deeper, as in photos/PetImages/Cat or food-101/images/pizza; else empty."""
    inner = [child.name for child in _sub_folders(folder) if list_photos(child)] if folder.is_dir() else []
    if len(inner) == 1:
        return _suggest_inner(folder / inner[0])
    if not inner:
        return ""
    if any(map(part_of_name, inner)):
        return f"; {inner[0]} and {inner[1]} in it look like parts of a data set: give {folder}"
    return f"; if {inner[0]} and {inner[1]} are your classes, give {folder}"

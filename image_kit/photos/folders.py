"""Recognises the layout of a folder of photos, and lists its classes and photos."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from image_kit.errors import UserError
from image_kit.photos.folder_notes import describe_other_files
from image_kit.photos.part_names import (
    PARTS,
    are_photos_and_masks,
    class_name,
    is_division_name,
    is_filler_name,
    is_unlabelled_name,
    parts_of_names,
    quote_unknown,
    refuse_divided_download,
    refuse_look_alike_names,
    refuse_masks_inside,
)
from image_kit.photos.walking import has_photos, list_photos, photos_below, sub_folders
from image_kit.retries import is_folder
from image_kit.terminal import counting, name_some

VALIDATION_FRACTION = 0.15  # cut from a training part that comes without a validation part

DETECTION = ("images", "jpegimages")  # beside labels/ or Annotations/, in each part

LAYOUT_HELP = (
    "Expected FOLDER/CLASS/photo.jpg (then split 70/15/15); or FOLDER/train/CLASS/photo.jpg, FOLDER/validation/CLASS/ "
    "and optionally FOLDER/test/CLASS/; or FOLDER/training_set/CLASS/ and FOLDER/test_set/CLASS/; with at least two "
    "classes."
)


@dataclass(frozen=True)
class PhotoFolder:
    """The photos of a folder, before any is opened.

    Attributes:
        layout: a description of the layout for the user.
        class_names: sorted; a label is an index into it.
        paths: every photo found.
        labels: the class of each photo.
        parts: "train", "validation" or "test" for each photo, None where the folder is not divided into parts.
        empty: folders beside the classes that are none, since no photo is in them.
    """

    layout: str
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    parts: tuple[str | None, ...]
    empty: tuple[str, ...] = ()


def list_classes(folder: Path) -> dict[str, list[Path]]:
    """The class sub-folders of `folder` and their photos at any depth, both sorted by name.

    Hidden files and folders are ignored, and files that do not have a photo's name. A class without photos is kept.
    Folders whose names differ only in how accents are stored are one class.

    Raises:
        UserError: `folder` does not exist, is not a folder, or cannot be read; or two classes have names that look
            the same.
    """
    found: dict[str, list[Path]] = {}
    with counting("listing photos") as count:
        for child in sub_folders(folder):
            found.setdefault(class_name(child.name), []).extend(photos_below(child, count))
    refuse_look_alike_names(folder, list(found))
    refuse_masks_inside(folder, found)
    return dict(sorted(found.items()))


def find_parts(folder: Path) -> dict[str, Path]:
    """The sub-folders of `folder` that are parts of a data set, by the project's name for them; {} if there are none.

    A part holds class folders. A folder with a part's name that holds photos is a class, such as "train" beside "car".
    The parts may lie in a folder of their own, and each in a second folder of its name, as archives are unpacked.

    Raises:
        UserError: `folder` contains both parts and classes, one part under two names, or parts without class folders;
            or its classes contain parts.
    """
    children = sub_folders(folder)
    refuse_divided_download(folder, (child.name for child in children))
    part_of = _parts_of(children)
    if part_of:
        children = [child for child in children if not is_unlabelled_name(child.name)]
    elif len(children) == 1 and "train" in _parts_of(sub_folders(children[0])).values() and not has_photos(children[0]):
        return find_parts(children[0])
    classes = [each.name for child, part in part_of.items() if part == "train" for each in sub_folders(child)]
    named = {child: _unpacked(child, part, classes) for child, part in part_of.items()}
    bare = [child for child, inner in named.items() if has_photos(inner) and not sub_folders(inner)]
    if len(bare) < len(named):  # the others are parts, so these are too; loose photos in a part are passed over
        bare = []
    if len({part_of[child] for child in bare}) > 1:
        one, other = bare[:2]
        raise UserError(
            f"{folder}: {one.name}/ and {other.name}/ look like parts of a data set, and hold photos without a folder "
            f"for each class. {LAYOUT_HELP}"
        )
    flat = [child for child in bare if named[child] == child]  # and not test/test/: no class has such a folder
    found: dict[str, Path] = {}
    for child in (each for each in named if each not in flat):
        if part_of[child] in found:
            both = sorted((found[part_of[child]].name, child.name))
            raise UserError(f"{folder}: contains both {both[0]}/ and {both[1]}/; keep one, or put all photos into one")
        found[part_of[child]] = named[child]
    if others := [child for child in children if child not in named or child in flat]:
        _refuse_twice(folder, children)
        _refuse_mixed(folder, found, others)
    return found


def _parts_of(children: list[Path]) -> dict[Path, str]:
    """Those of some folders that have the names of parts, with their parts."""
    parts = parts_of_names(child.name for child in children)
    return {child: parts[child.name] for child in children if child.name in parts}


def _refuse_mixed(folder: Path, parts: dict[str, Path], others: list[Path]) -> None:
    """Raise UserError if there are parts beside classes, or parts within each class."""
    if parts:
        if with_photos := [other for other in others if list_photos(other)]:  # papers/, models/ do no harm
            raise UserError(
                f"{folder}: contains {next(iter(parts.values())).name}/ and {with_photos[0].name}/; a folder contains "
                f"either parts (train, validation, test) or classes, so move or rename one of the two. {LAYOUT_HELP}"
            )
        return
    _refuse_divisions(folder, others)
    inside = [_innermost(other) for other in others]
    # images/train/ beside labels/train/: only one of them has photos, and is no class.
    have_parts = all(len(set(_parts_of(sub_folders(inner)).values())) > 1 for inner in inside)
    if have_parts and sum(bool(list_photos(other)) for other in others) > 1:
        name = others[0].name
        raise UserError(
            f"{folder}: each class contains parts, as {name}/train/; the parts have to be outside: train/{name}/. "
            f"If {name} is a data set and no class, give {inside[0]}. {LAYOUT_HELP}"
        )


def _innermost(folder: Path) -> Path:
    """The folder, or the one at the end if each contains a single folder and no photo, as archives are unpacked."""
    children = sub_folders(folder)
    return _innermost(children[0]) if len(children) == 1 and not has_photos(folder) else folder


def _refuse_twice(folder: Path, children: list[Path]) -> None:
    """Raise UserError if one of the folders contains the others once more, as flowers/ in flowers/."""
    names = {child.name for child in children}
    for child in children:
        others = names - {child.name}
        is_twice = len(names) > 2 and others <= {each.name for each in sub_folders(child)}
        if is_twice and list_photos(child) and any(list_photos(folder / other) for other in others):
            one, other = sorted(others)[:2]
            raise UserError(
                f"{folder}: contains {one}/ and {other}/, and {child.name}/ contains them once more, so all photos "
                f"would count twice; give {child}, or move it away"
            )


def _refuse_divisions(folder: Path, children: list[Path]) -> None:
    """Raise UserError if the folders are no classes but divisions of the data, each with the same class folders."""
    if len(children) < 2 or not any(is_division_name(child.name) for child in children):
        return
    inside = [{each.name for each in sub_folders(child)} for child in children]
    same = sorted(set.intersection(*inside))
    if len(same) > 1 and not any(has_photos(child) for child in children):
        one, other = children[0].name, children[1].name
        raise UserError(
            f"{folder}: {one}/ and {other}/ both contain {same[0]}/ and {same[1]}/, so they look like divisions of the "
            f"data and not like classes; name those to train on train/, one to test on test/, or give {folder / one}. "
            f"{LAYOUT_HELP}"
        )


def _unpacked(folder: Path, part: str, classes: list[str]) -> Path:
    """The folder, or the only one in it if that has the part's name too (seg_train/seg_train/), or is images/.

    The latter unless it is one of several folders, `classes`, in the training part.
    """
    children = sub_folders(folder)
    if len(children) != 1 or has_photos(folder):
        return folder
    inner = children[0]
    is_same = inner.name == folder.name or part in _parts_of(children).values()
    is_class = len(classes) > 1 and inner.name in classes
    return inner if is_same or (is_filler_name(inner.name) and sub_folders(inner) and not is_class) else folder


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
    names = {part: parts[part].relative_to(folder).as_posix() for part in listed}
    layout = " ".join(f"{name}/" for name in names.values())
    if "validation" not in listed:
        layout += f", with {VALIDATION_FRACTION:.0%} of {names['train']}/ cut off for validation by content"
    return _list_labels(folder, listed, layout)


def _list_labels(
    folder: Path, listed: Mapping[str, dict[str, list[Path]]] | Mapping[None, dict[str, list[Path]]], layout: str
) -> PhotoFolder:
    class_names = tuple(sorted(name for name, photos in next(iter(listed.values())).items() if photos))
    if not class_names:
        raise UserError(f"{folder}: has no photo in any class folder{describe_other_files(folder)}. {LAYOUT_HELP}")
    if are_photos_and_masks(class_names):
        names = name_some([f"{name}/" for name in class_names])
        raise UserError(
            f"{folder}: {names} look like photos and what was marked in them, not like classes; make a folder for each "
            f"class, and put its photos there. {LAYOUT_HELP}"
        )
    if len(class_names) == 1:
        hint = _suggest_inner(folder / class_names[0])
        empty = sorted(name for name in next(iter(listed.values())) if name not in class_names)
        is_marked = not empty or are_photos_and_masks([*class_names, *empty])
        if not hint and is_marked and class_names[0].lower() in DETECTION:
            hint = ", as data sets for detection have it: make a folder for each class, and put the photos there"
        elif not hint and empty:
            hint = f"; no photo is in {empty[0]}/{describe_other_files(folder / empty[0])}"
        hint = hint or describe_other_files(folder)
        raise UserError(f"{folder}: has photos of one class only, {class_names[0]!r}{hint}. {LAYOUT_HELP}")
    label_of = {name: label for label, name in enumerate(class_names)}
    rows = []
    for part, classes in listed.items():
        if strange := sorted(name for name, photos in classes.items() if photos and name not in label_of):
            told = [quote_unknown(name, class_names) for name in strange]
            which = "a class" if len(strange) == 1 else f"{len(strange)} classes"
            raise UserError(
                f"{folder}: {part} has {which} that the training photos do not have: {name_some(told)}; "
                "name it as in the training photos, or move it away"
            )
        for name, photos in sorted(classes.items()):
            rows += [(path, label_of[name], part) for path in photos]
    paths, labels, parts = zip(*rows, strict=True)
    without = tuple(name for name in next(iter(listed.values())) if name not in label_of)
    return PhotoFolder(layout, class_names, paths, labels, parts, without)


def _suggest_inner(folder: Path) -> str:
    """A hint where the classes lie deeper, as in photos/PetImages/Cat or food-101/images/pizza; else empty."""
    inner = [child.name for child in sub_folders(folder) if list_photos(child)] if is_folder(folder) else []
    if len(inner) == 1:
        return _suggest_inner(folder / inner[0])
    if not inner:
        return ""
    if parts_of_names(inner):
        return f"; {inner[0]} and {inner[1]} in it look like parts of a data set: give {folder}"
    return f"; if {inner[0]} and {inner[1]} are your classes, give {folder}"

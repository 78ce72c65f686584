"""A cleaned copy of a folder: without the photos to drop, and with those of a wrong label in their class."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from image_kit.checks.findings_file import Accepted
from image_kit.errors import UserError
from image_kit.files import free_paths, new_folder
from image_kit.photos import PhotoError, class_name, folder_name, is_image, read_file, scan_folder
from image_kit.tables import file_name, refuse_other_text, tell_apart


@dataclass(frozen=True)
class Cleaned:
    """How many photos a cleaned copy has, and how many were moved or dropped; and what is no file, or no photo.

    `left_out` has the names of pipes, devices and links to nothing, and of links out of the folder that lead to no
    image: a folder from somebody else could have a private file copied so.
    """

    copied: int
    moved: int
    dropped: int
    left_out: tuple[str, ...] = ()


def apply_findings(
    accepted: Accepted, folder: Path, output: Path, show_progress: Callable[[Iterable], Iterable] = iter
) -> Cleaned:
    """Copy the photos of `folder` to `output`, with what was accepted done to the copies. The folder never changes.

    Links are copied as the photos that they lead to.

    Args:
        accepted: see `read_accepted`.
        folder: the folder that was checked.
        output: a new folder; it is there complete or not at all.
        show_progress: wraps the iterable of photos, to show a progress bar.

    Raises:
        UserError: `output` exists or lies in `folder`, an accepted photo is not in `folder`, or a class does not exist.
        OSError: a photo cannot be read, or a copy cannot be written.
    """
    _check_folders(folder, output)
    photos = scan_folder(folder)
    label_of = dict(zip(photos.paths, photos.labels, strict=True))
    first = 0 if photos.parts[0] is None else 1  # a part comes before the class: train/cats/1.jpg
    names = {path: file_name(path.relative_to(folder).as_posix()) for path in photos.paths}
    _check_accepted(accepted, folder, set(names.values()), photos.class_names)
    _refuse_same_names(accepted, folder, names)
    wanted = [path for path in photos.paths if names[path] not in accepted.dropped]
    root = os.path.realpath(folder)
    kept = [path for path in wanted if _is_to_copy(path, root)]
    with new_folder(output) as unfinished:
        # Those that stay where they are first, so that a photo that moves gives way.
        for path in show_progress(sorted(kept, key=lambda path: names[path] in accepted.moved)):
            parts = list(path.relative_to(folder).parts)
            if names[path] in accepted.moved:
                place = [*map(class_name, parts)].index(photos.class_names[label_of[path]], first)
                parts[place] = folder_name(accepted.moved[names[path]])
            target = unfinished.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, _free(target))
    left_out = sorted(names[path] for path in set(wanted) - set(kept))
    moved = sum(names[path] in accepted.moved for path in kept)
    return Cleaned(len(kept), moved, len(accepted.dropped), tuple(left_out))


def _is_to_copy(path: Path, root: str) -> bool:
    """Whether a path is a file, and in the folder `root` or at least an image."""
    if not os.path.isfile(path):
        return False
    real = os.path.realpath(path)
    if real.startswith(os.path.join(root, "")):
        return True
    try:
        return is_image(read_file(path))
    except PhotoError:
        return False


def _check_accepted(accepted: Accepted, folder: Path, files: set[str], class_names: Sequence[str]) -> None:
    listed = sorted((*accepted.dropped, *accepted.moved))
    refuse_other_text("the table of findings", (file for file in listed if file not in files))
    refuse_other_text("the table of findings", (name for name in accepted.moved.values() if name not in class_names))
    for file in listed:
        if file not in files:
            was = "it was moved or deleted since the check, so check again"
            raise UserError(f"{tell_apart(file, files)}: is not in {folder}; {was}")
    for file, new in accepted.moved.items():
        if new not in class_names:
            known = ", ".join(class_names[:5]) + ", ..." * (len(class_names) > 5)
            raise UserError(f"{file}: cannot move to {new!r}, which is no class of {folder} ({known})")


def _refuse_same_names(accepted: Accepted, folder: Path, names: Mapping[Path, str]) -> None:
    """Raise UserError if an accepted row means two photos, such as with accents in one letter and in two."""
    first: dict[str, Path] = {}
    for path, name in names.items():
        other = first.setdefault(name, path)
        if other != path and (name in accepted.dropped or name in accepted.moved):
            one, two = (ascii(each.relative_to(folder).as_posix()) for each in (other, path))
            raise UserError(f"{folder}: {one} and {two} are one name in a table; rename one, and check again")


def _check_folders(folder: Path, output: Path) -> None:
    if os.path.lexists(output):
        raise UserError(f"--output {output}: exists and is never overwritten; choose another name")
    inner, outer = output.resolve(), folder.resolve()
    if outer in inner.parents or inner in outer.parents:
        raise UserError(f"--output {output}: must be outside {folder}, and must not contain it; give another folder")


def _free(path: Path) -> Path:
    """The path itself, or with a number if the class has a photo of this name already."""
    return next(free_paths(path.with_suffix(""), path.suffix)) if path.exists() else path

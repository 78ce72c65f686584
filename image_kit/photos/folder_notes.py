"""What is in a folder of photos and is not used, for the user."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from image_kit.photos.part_names import are_divisions, parts_of_names
from image_kit.photos.photo_files import is_hidden, is_photo_name
from image_kit.photos.walking import is_passed_over, walk
from image_kit.terminal import name_some

MASKS_END = re.compile(r"[_-](mask|seg|segmentation|trimap|gt)s?([_-]\d+)?$", re.IGNORECASE)
# What systems add to the name of a folder that is copied, downloaded or unpacked once more, and Dropbox to one that is
# there twice but for capitals or the form of accents.
COPYS_END = re.compile(
    r" (\(\d{1,2}\)|\((case|unicode encoding) conflict( \d+)?\)|\([^()]*conflicted copy[^()]*\)"
    r"|- (Copy|Kopie|Copie|Copia|Cópia|Kopia|コピー|副本)( \(\d+\))?)$",
    re.IGNORECASE,
)
IN_ICLOUD = ".icloud"  # .IMG_1.jpg.icloud stands for a photo that macOS has moved to Apple's servers


def note_other_files(folder: Path, paths: Sequence[Path], empty: Sequence[str] = ()) -> list[str]:
    """Notes for the user on what below `folder` is not used; no note if there is nothing.

    Such files have another type, are not in a class folder, or belong to the system or a program, such as this kit.

    Args:
        folder: the folder of photos.
        paths: the photos that are used.
        empty: the folders that are no classes, since no photo is in them.
    """
    known = set(map(str, paths))
    counts: Counter[str] = Counter()
    systems: Counter[str] = Counter()
    in_icloud = 0
    for where, folders, names in walk(folder, on_error=lambda _: None):  # these are notes only
        passed_over = {name for name in folders if is_passed_over(Path(where, name))}
        systems.update(passed_over)
        folders[:] = [name for name in folders if name not in passed_over]
        in_icloud += sum(name.endswith(IN_ICLOUD) for name in names)
        spelled = "" if where == "." else str(Path(where))  # as the paths are, without ./
        for name in names:
            if not is_hidden(Path(name)) and os.path.join(spelled, name) not in known:
                counts[Path(name).suffix.lower() or "without suffix"] += 1
    notes = [*_note_same_folders(folder, known), *_note_masks(known)]
    if empty:
        notes.append(f"folders without a photo, so they are no classes: {name_some(sorted(empty))}")
    if in_icloud:
        notes.append(f"photos that are in iCloud and not on this machine, left out: {in_icloud}; download them")
    if counts:
        kinds = _most_frequent(counts)
        notes.append(f"files ignored, since they are not photos in a class folder: {counts.total()} ({kinds})")
    if systems:
        kinds = _most_frequent(systems)
        notes.append(f"folders of the system and of programs, passed over: {systems.total()} ({kinds})")
    return notes


def _note_same_folders(folder: Path, paths: Iterable[str]) -> list[str]:
    """A note if what is taken for classes may be none: all have the same folders in them (color/cats/, gray/cats/).

    Or all have names as divisions of a data set have (images_001/, images_002/).
    """
    inside: dict[str, set[str]] = defaultdict(set)
    start = len(str(folder / "x")) - 1  # Path.relative_to would take a second for 100,000 photos
    for path in paths:
        top, *below = path[start:].split(os.sep)
        inside[top].add(os.sep.join(below[:-1]))
    if len(inside) < 2 or parts_of_names(inside):
        return []
    one, other = sorted(inside)[:2]
    taken = f"{one}/ and {other}/ are taken for classes"
    starts = {top: os.path.commonpath(below) for top, below in inside.items()}  # images/ of siteA/images/cats/
    names = {top: {each[len(starts[top]) :].strip(os.sep).split(os.sep)[0] for each in inside[top]} for top in inside}
    same = sorted(names[one])
    if len(same) > 1 and "" not in same and all(each == names[one] for each in names.values()):
        return [
            f"{taken}, and all classes have the same folders in them ({name_some(same)}); if {same[0]} and {same[1]} "
            f"are your classes, put all photos of each into one folder, or give one part: {folder / one / starts[one]}"
        ]
    lower = {name.lower() for name in inside}
    if copies := sorted(name for name in inside if COPYS_END.sub("", name.lower()) in lower - {name.lower()}):
        return [f"classes that may be second copies of others: {name_some(copies)}; if they are, join the folders"]
    if are_divisions(inside):
        return [f"{taken}; if they are only divisions of the photos, make a folder for each class instead"]
    return []


def _note_masks(paths: Iterable[str]) -> list[str]:
    """A note if photos lie beside others of the same name with _mask at its end, which show what was marked in them."""
    stems = {os.path.splitext(path)[0]: path for path in paths}
    ends = {stem: end for stem in stems if (end := MASKS_END.search(stem)) and stem[: end.start()] in stems}
    if not ends:
        return []
    first = min(ends)
    return [
        f"photos that may be masks of others, and count as photos: {len(ends)}, such as {stems[first]} beside "
        f"{stems[first[: ends[first].start()]]}; move them away if they are"
    ]


def describe_other_files(folder: Path) -> str:
    """What a folder has instead of photos, for an error: " (files in it: 2 .zip, 1 .csv)"; empty if there is none."""
    counts: Counter[str] = Counter()
    for where, folders, names in walk(folder, on_error=lambda _: None):
        folders[:] = [name for name in folders if not is_passed_over(Path(where, name))]
        others = (path for path in map(Path, names) if not (is_hidden(path) or is_photo_name(path)))
        counts.update(path.suffix.lower() or "without suffix" for path in others)
    return f" (files in it: {_most_frequent(counts)})" if counts else ""


def _most_frequent(counts: Counter[str]) -> str:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {name}" for name, count in ranked[:5])

"""Splits class folders of photos into train, validation and test by the photos' content, not by their names."""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from image_kit.errors import UserError, describe_os_error
from image_kit.files import write_new
from image_kit.leftovers import remove_leftovers
from image_kit.photos import (
    PARTS,
    PhotoError,
    class_name,
    content_hash,
    folder_name,
    list_classes,
    open_photo,
    part_of_name,
    read_file,
)
from image_kit.retries import is_folder, is_there, read_again
from image_kit.terminal import SomeMessages, name_some, progress
from image_kit.threads import threads

FRACTIONS = (0.7, 0.15, 0.15)  # of each class, if neither counts nor fractions are given
# Photos are decoded to find damaged ones. A JPEG is decoded at 1/8 of its size if that leaves this many pixels a side,
# which still reads all of its data.
CHECKED_PIXELS = 32


@dataclass
class SplitReport:
    """What `split_photos` did.

    Attributes:
        counts: number of photos by class and part.
        copied: how many of them were copied by this call.
        present: how many of them were in the output before.
        duplicates: number of photos left out because another photo of the class has the same bytes.
        unreadable: number of photos left out because they cannot be decoded.
    """

    counts: dict[str, dict[str, int]]
    copied: int
    present: int
    duplicates: int
    unreadable: int


def split_photos(source: Path, output: Path, counts: Sequence[int] | None, fractions: Sequence[float]) -> SplitReport:
    """Copy source/CLASS/* to output/PART/CLASS/; a photo's content decides its part.

    The photos of each class are ranked by the SHA-256 of their bytes. The first ranks become train, the next ones
    validation, the next ones test. So the split does not depend on names or order, and equal photos cannot get into
    two parts.

    Args:
        source: class folders with photos at any depth.
        output: the folder for the parts; may contain an earlier split with the same settings.
        counts: number of photos of each class for (train, validation, test), or None to use `fractions`.
        fractions: of each class for (train, validation, test); their sum is at most 1.

    Raises:
        UserError: the folders, the counts or the photos do not allow it, and nothing was copied; or a copy cannot be
            written.
    """
    _check_folders(source, output)
    hash_by_path, unreadable = _hash_photos(_list_source(source))
    unique, duplicates = _find_unique(hash_by_path, source)
    part_by_hash = _assign_parts_by_rank(unique, counts, fractions)
    plan, present = _plan_copies(unique, part_by_hash, output)
    _copy_photos(plan)
    result = {name: dict.fromkeys(PARTS, 0) for name in unique}
    for name, photos in unique.items():
        result[name].update(Counter(part_by_hash[digest] for digest in photos if digest in part_by_hash))
    return SplitReport(result, len(plan), present, duplicates, unreadable)


def _check_folders(source: Path, output: Path) -> None:
    inner, outer = output.resolve(), source.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise UserError(f"--output {output}: must be outside {source}, and must not contain it; give another folder")
    if is_there(output) and not is_folder(output):
        raise UserError(f"--output {output}: is a file; give a folder")


def _list_source(source: Path) -> list[Path]:
    classes = {name: photos for name, photos in list_classes(source).items() if photos}
    parts = {part_of_name(name) for name in classes}
    if "train" in parts and None not in parts:
        raise UserError(f"{source}: is split already ({', '.join(sorted(classes))}); give a folder of class folders")
    if len(classes) < 2:
        found = f"photos in {next(iter(classes))}/ only" if classes else "no class folder with photos"
        raise UserError(f"{source}: has {found}; at least two class folders are needed, as {source}/CLASS/photo.jpg")
    return [path for photos in classes.values() for path in photos]


def _hash_photos(paths: Sequence[Path]) -> tuple[dict[Path, str], int]:
    """The content hash of each photo that can be decoded, and how many cannot; these are named on stderr."""
    hash_by_path = {}
    messages = SomeMessages("more cannot be read; check.py lists them all")
    results = progress(threads().map(_decode_and_hash, paths), total=len(paths), label="reading")
    for path, result in zip(paths, results, strict=True):
        if isinstance(result, PhotoError):
            messages.say(f"{path}: left out: {result}")
        else:
            hash_by_path[path] = result
    messages.end()
    return hash_by_path, len(paths) - len(hash_by_path)


def _decode_and_hash(path: Path) -> str | PhotoError:
    try:
        data = read_file(path)
        open_photo(data, smallest=CHECKED_PIXELS)
    except PhotoError as error:
        return error
    return content_hash(data)


def _find_unique(hash_by_path: dict[Path, str], source: Path) -> tuple[dict[str, dict[str, Path]], int]:
    """{class: {hash: first path}} and the number of further copies within a class."""
    unique: dict[str, dict[str, Path]] = {name: {} for name in list_classes(source)}
    first: dict[str, tuple[str, Path]] = {}
    for path, digest in hash_by_path.items():
        name = class_name(path.relative_to(source).parts[0])
        other, other_path = first.setdefault(digest, (name, path))
        if other != name:
            raise UserError(f"{other_path} and {path}: the same photo in two classes; delete it from one of them")
        unique[name].setdefault(digest, path)
    return unique, len(hash_by_path) - len(first)


def _assign_parts_by_rank(
    unique: dict[str, dict[str, Path]], counts: Sequence[int] | None, fractions: Sequence[float]
) -> dict[str, str]:
    """The part of each photo, by its hash; photos beyond the counts are not in it."""
    part_by_hash: dict[str, str] = {}
    too_few = []
    for name, photos in unique.items():
        sizes = counts or _sizes(len(photos), fractions)
        if sum(sizes) > len(photos):
            too_few.append(f"{name!r} has {len(photos)} ({sum(sizes)} asked for)")
        elif not counts and any(fraction and not size for fraction, size in zip(fractions, sizes, strict=True)):
            too_few.append(f"{name!r} has {len(photos)}")
        part_of_rank = [part for part, size in zip(PARTS, sizes, strict=True) for _ in range(size)]
        part_by_hash.update(zip(sorted(photos), part_of_rank, strict=False))
    if too_few:
        option = "--counts" if counts else "--fractions"
        asked = " ".join(str(number) for number in counts or fractions)
        rule = f"too few different readable photos{'' if counts else ', which leaves a part empty'}"
        raise UserError(f"{option} {asked}: {rule}: class {name_some(too_few)}; add photos or ask for fewer")
    return part_by_hash


def _sizes(total: int, fractions: Sequence[float]) -> list[int]:
    """The size of each part: cut at the rounded cumulative sums, so that fractions that sum to 1 use every photo.

    A part that this leaves empty gets a photo of one that has more than its fraction, if there is such a part.
    """
    cuts = [0] + [round(total * min(1.0, sum(fractions[: end + 1]))) for end in range(len(fractions))]
    sizes = [end - start for start, end in pairwise(cuts)]
    for part, fraction in enumerate(fractions):
        surplus = [size - total * each if size > 1 else -1 for size, each in zip(sizes, fractions, strict=True)]
        if fraction and not sizes[part] and max(surplus) >= 0:
            sizes[surplus.index(max(surplus))] -= 1
            sizes[part] = 1
    return sizes


def _plan_copies(
    unique: dict[str, dict[str, Path]], part_by_hash: dict[str, str], output: Path
) -> tuple[list[tuple[Path, Path]], int]:
    """The (from, to) pairs still to be copied, and how many photos are in their place already."""
    there = _hash_output(output)
    plan, present = [], 0
    for name, photos in unique.items():
        taken: set[str] = set()
        for digest, path in photos.items():
            file_name = _free_name(path, digest, taken)
            if digest not in part_by_hash:
                continue
            folder = output / part_by_hash[digest] / folder_name(name)
            for other in there.get(digest, ()):
                if folder not in other.parents:
                    advice = "give another --output, or the settings that made this one"
                    raise UserError(f"{other}: the photo {path} belongs in {folder}; {advice}")
            if digest in there:
                present += 1
            elif os.path.lexists(folder / file_name) and _hash_file(folder / file_name) != digest:
                raise UserError(f"{folder / file_name}: is another photo with this name; give another --output")
            else:
                plan.append((path, folder / file_name))
    return plan, present


def _free_name(path: Path, digest: str, taken: set[str]) -> str:
    """The photo's own name; if a photo of another sub-folder has it, with part of the hash appended."""
    names = (path.name, f"{path.stem}_{digest[:8]}{path.suffix}", f"{digest}{path.suffix}")
    name = next(name for name in names if name.lower() not in taken)  # some file systems ignore case
    taken.add(name.lower())
    return name


def _hash_output(output: Path) -> dict[str, list[Path]]:
    """Every photo in the output, by its content hash."""
    found = defaultdict(list)
    if is_there(output):
        paths = [path for photos in list_classes(output).values() for path in photos]
        for folder in {path.parent for path in paths}:  # to a complete one nothing is copied, so nobody else does it
            remove_leftovers(folder)
        hashes = progress(threads().map(_hash_file, paths), total=len(paths), label="reading the output")
        for path, digest in zip(paths, hashes, strict=True):
            found[digest].append(path)
    return found


def _hash_file(path: Path) -> str:
    try:
        return content_hash(read_file(path))
    except PhotoError as error:
        advice = "give another --output, or make it readable"
        raise UserError(f"{path}: cannot be read: {error}; {advice}") from None


def _copy_photos(plan: Sequence[tuple[Path, Path]]) -> None:
    for path, target in progress(plan, label="copying"):
        try:
            is_free = write_new(target, partial(read_again(shutil.copy2), path))
        except OSError as error:
            raise UserError(f"{target}: cannot be written: {describe_os_error(error)}; then run again") from None
        if not is_free and _hash_file(target) != _hash_file(path):  # else the same command has copied it meanwhile
            raise UserError(f"{target}: is another photo with this name; give another --output")

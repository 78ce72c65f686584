"""Splits class folders of photos into train, validation and test by what the photos hold, not by their names."""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from image_kit.errors import UserError
from image_kit.files import replacing
from image_kit.machine import cpu_cores
from image_kit.photos import PART_NAMES, PARTS, PhotoError, content_hash, list_classes, open_photo
from image_kit.terminal import progress, say

FRACTIONS = (0.7, 0.15, 0.15)  # of each class, where neither counts nor fractions are given
# A JPEG is checked at 1/8 of its size where that leaves this many pixels: all of its data is read all the same.
CHECKED_PIXELS = 32


@dataclass
class SplitReport:
    """What `split` did.

    Attributes:
        counts: photos by class and part.
        copied, present: of these, copied now, and there already.
        duplicates: photos left out because another of the class has the same bytes.
        unreadable: photos left out because they cannot be decoded.
    """

    counts: dict[str, dict[str, int]]
    copied: int
    present: int
    duplicates: int
    unreadable: int


def split_photos(source: Path, output: Path, counts: Sequence[int] | None, fractions: Sequence[float]) -> SplitReport:
    """Copy source/CLASS/* to output/PART/CLASS/, each photo to the part that its content says.

    The photos of a class are ranked by the SHA-256 of their bytes, and the ranks cut into train, validation
    and test. So the split depends on no name and no order, and equal photos cannot come into two parts.

    Args:
        source: class folders of photos, at any depth below them.
        output: where the parts shall be; may hold an earlier, equal split.
        counts: photos of each class for (train, validation, test), or None to use `fractions`.
        fractions: shares of each class for (train, validation, test).

    Raises:
        UserError: before anything is copied.
    """
    _check_folders(source, output)
    hash_by_path, unreadable = _read_photos(_source_photos(source))
    unique, duplicates = _unique_photos(hash_by_path, source)
    part_by_hash = _assign_parts(unique, counts, fractions)
    plan, present = _plan_copies(unique, part_by_hash, output)
    _copy(plan)
    result = {name: dict.fromkeys(PARTS, 0) for name in unique}
    for name, photos in unique.items():
        result[name].update(Counter(part_by_hash[digest] for digest in photos if digest in part_by_hash))
    return SplitReport(result, len(plan), present, duplicates, unreadable)


def _check_folders(source: Path, output: Path) -> None:
    inner, outer = output.resolve(), source.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise UserError(f"--output {output}: must lie outside {source}, and not around it; give another folder")
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file; give a folder")


def _source_photos(source: Path) -> list[Path]:
    classes = {name: photos for name, photos in list_classes(source).items() if photos}
    names, of_parts = {name.lower() for name in classes}, {name for part in PART_NAMES.values() for name in part}
    if names & set(PART_NAMES["train"]) and names <= of_parts:
        raise UserError(f"{source}: is split already ({', '.join(sorted(classes))}); give a folder of class folders")
    if len(classes) < 2:
        found = f"only {next(iter(classes))}/" if classes else "no folder"
        raise UserError(f"{source}: holds {found}; at least two class folders are needed, as {source}/CLASS/photo.jpg")
    return [path for photos in classes.values() for path in photos]


def _read_photos(paths: Sequence[Path]) -> tuple[dict[Path, str], int]:
    """The content hash of each photo that can be decoded, and how many cannot; these are named on stderr."""
    hash_by_path = {}
    for path, digest, error in _in_threads(_hash_and_decode, paths, "reading"):
        if error:
            say(f"{path}: left out: {error}")
        else:
            hash_by_path[path] = digest
    return hash_by_path, len(paths) - len(hash_by_path)


def _in_threads(work: Callable, paths: Sequence[Path], label: str) -> Iterable:
    pool = ThreadPoolExecutor(cpu_cores())
    try:
        yield from progress(pool.map(work, paths), total=len(paths), label=label)
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C need not wait for thousands of photos


def _hash_and_decode(path: Path) -> tuple[Path, str, str | None]:
    try:
        data = path.read_bytes()
        open_photo(data, smallest=CHECKED_PIXELS)
    except PhotoError as error:
        return path, "", str(error)
    except OSError as error:
        return path, "", error.strerror or "cannot be read"
    return path, content_hash(data), None


def _hash(path: Path) -> tuple[Path, str]:
    try:
        return path, content_hash(path.read_bytes())
    except OSError as error:
        reason = f"{error.strerror}; give another --output, or make it readable"
        raise UserError(f"{path}: cannot be read: {reason}") from None


def _unique_photos(hash_by_path: dict[Path, str], source: Path) -> tuple[dict[str, dict[str, Path]], int]:
    """{class: {hash: first path}} and the number of further copies within a class."""
    unique = {name: {} for name in list_classes(source)}
    first: dict[str, tuple[str, Path]] = {}
    for path, digest in hash_by_path.items():
        name = path.relative_to(source).parts[0]
        other, other_path = first.setdefault(digest, (name, path))
        if other != name:
            raise UserError(f"{other_path} and {path}: the same photo in two classes; delete it from one of them")
        unique[name].setdefault(digest, path)
    return unique, len(hash_by_path) - len(first)


def _assign_parts(
    unique: dict[str, dict[str, Path]], counts: Sequence[int] | None, fractions: Sequence[float]
) -> dict[str, str]:
    """The part of each photo, by its hash; photos beyond the counts are in none."""
    part_by_hash, too_few = {}, []
    for name, photos in unique.items():
        sizes = counts or _sizes(len(photos), fractions)
        if sum(sizes) > len(photos):
            too_few.append(f"{name!r} has {len(photos)} different readable photos, {sum(sizes)} asked for")
        elif not counts and any(share and not size for share, size in zip(fractions, sizes, strict=True)):
            too_few.append(f"{name!r} has {len(photos)} different readable photos, which leaves a part without any")
        part_of_rank = [part for part, size in zip(PARTS, sizes, strict=True) for _ in range(size)]
        part_by_hash.update(zip(sorted(photos), part_of_rank, strict=False))
    if too_few:
        option = "--counts" if counts else "--fractions"
        asked = " ".join(str(number) for number in counts or fractions)
        raise UserError(f"{option} {asked}: class {'; class '.join(too_few)}; add photos or ask for fewer")
    return part_by_hash


def _sizes(total: int, fractions: Sequence[float]) -> list[int]:
    """Cuts at the rounded running sums, so that fractions that sum to 1 use every photo."""
    cuts = [0] + [round(total * min(1.0, sum(fractions[: end + 1]))) for end in range(len(fractions))]
    return [end - start for start, end in pairwise(cuts)]


def _plan_copies(
    unique: dict[str, dict[str, Path]], part_by_hash: dict[str, str], output: Path
) -> tuple[list[tuple[Path, Path]], int]:
    """The (from, to) pairs still to be copied, and how many photos are in their place already."""
    there = _photos_there(output)
    plan, present = [], 0
    for name, photos in unique.items():
        taken: set[str] = set()
        for digest, path in photos.items():
            file_name = _free_name(path, digest, taken)
            if digest not in part_by_hash:
                continue
            folder = output / part_by_hash[digest] / name
            for other in there.get(digest, ()):
                if folder not in other.parents:
                    advice = "give another --output, or the settings that made this one"
                    raise UserError(f"{other}: the photo {path} belongs in {folder}; {advice}")
            if digest in there:
                present += 1
            elif os.path.lexists(folder / file_name):
                raise UserError(f"{folder / file_name}: there is another photo of this name; give another --output")
            else:
                plan.append((path, folder / file_name))
    return plan, present


def _free_name(path: Path, digest: str, taken: set[str]) -> str:
    """The photo's own name, or if a photo of another sub-folder has it, with some of the hash added to it."""
    names = (path.name, f"{path.stem}_{digest[:8]}{path.suffix}", f"{digest}{path.suffix}")
    name = next(name for name in names if name.lower() not in taken)  # some disks take x.jpg and X.JPG for one
    taken.add(name.lower())
    return name


def _photos_there(output: Path) -> dict[str, list[Path]]:
    """Every photo that the output holds already, by its content hash."""
    there = defaultdict(list)
    if output.exists():
        paths = [path for photos in list_classes(output).values() for path in photos]
        for path, digest in _in_threads(_hash, paths, "reading the output"):
            there[digest].append(path)
    return there


def _copy(plan: Sequence[tuple[Path, Path]]) -> None:
    for path, target in progress(plan, label="copying"):
        try:
            with replacing(target) as unfinished:
                shutil.copy2(path, unfinished)
        except OSError as error:
            raise UserError(f"{target}: cannot be written: {error.strerror}; make room and run again") from None

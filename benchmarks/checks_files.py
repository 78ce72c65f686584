"""What the checks of files, copies and shortcuts find of what was planted in real photos, and what they cost.

Parts of benchmarks/checks.py, which take about five minutes on 2 cores. Thresholds were chosen on clothing and photos
(elephants and cars); fruit (train and validation) was asked afterwards. But for shortcuts it had a say: a mark has to
be on .18 of a class, because .15 gave false alarms on fruit, and classes are smoothed less, because small ones were
missed.
"""

import argparse
import dataclasses
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import common  # noqa: F401  puts the project on the path
import numpy as np
from checks_planted import COPIES, SHORTCUTS
from common import median_and_range
from PIL import Image
from pretrained_data import backbone_of

from image_kit.checks import (
    CheckedPhotos,
    FileFacts,
    find_copies,
    find_films,
    find_imbalance,
    find_near_copies,
    find_odd_files,
    find_shortcuts,
    find_unlike_parts,
    load_checked_photos,
    read_file_facts,
)
from image_kit.photos import Signatures, open_photo
from image_kit.threads import one_thread_for_algebra

Row = tuple[object, ...]
SETS = ("clothing", "photos", "fruit")
PLANTED_PART = 0.2  # of one class, by each shortcut
CLEAN_FOLDERS = 20
LARGE = 20_000  # photos


def link_set(data: Path, name: str, folder: Path) -> Path:
    """A folder of links to the photos of a set; of fruit without its test part."""
    sources = [data / name / part for part in ("train", "validation")] if name == "fruit" else [data / name]
    for source in sources:
        for path in source.glob("*/*"):
            to = folder / name / (source.name if name == "fruit" else "") / path.parent.name / path.name
            to.parent.mkdir(parents=True, exist_ok=True)
            to.symlink_to(path)
    return folder / name


def copies(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Recall of copies by each change, under another label or the same, and false alarms on the sets as they are."""
    for name in SETS:
        clean = load_checked_photos(link_set(args.data, name, folder), backbone_of("lite0"), True)
        facts = read_file_facts(clean.paths)
        flagged = {each.file for each in find_copies(clean, facts, find_near_copies(clean, facts))}
        n = f"{len(clean.paths):,} photos"
        share = f"{len(flagged) / len(clean.paths):.2%}"
        yield f"{name}: photos called copies in the set as it is", share, f"{len(flagged)}", name, n, 1, "<= .2 %"
        rates: dict[str, list[float]] = {}
        for seed in range(args.seeds):
            for change, rate in plant_copies(clean, folder, seed).items():
                rates.setdefault(change, []).append(rate)
        for change, each in rates.items():
            goal = "1.0" if change == "exact" else ">= .97"
            cells = f"{np.mean(each):.3f}", f"{min(each):.3f} to {max(each):.3f}"
            yield f"{name}: copies found, {change}", *cells, name, n, f"{args.seeds} seeds", goal


def plant_copies(clean: CheckedPhotos, folder: Path, seed: int) -> dict[str, float]:
    """Copy half of the photos, each by one change, half of them under another label: {change: rate found as such}."""
    rng = np.random.default_rng(seed)
    planted: list[tuple[Path, str]] = []
    changes = {"exact": None, **COPIES}
    for number, index in enumerate(rng.permutation(len(clean.paths))[: len(clean.paths) // 2]):
        change, label = list(changes)[number % len(changes)], int(clean.labels[index])
        if number // len(changes) % 2:
            label = (label + int(rng.integers(1, len(clean.class_names)))) % len(clean.class_names)
        target = clean.folder / (clean.parts[index] or "") / clean.class_names[label] / f"planted{number:05}.jpg"
        target.parent.mkdir(exist_ok=True)
        if changes[change] is None:
            target.write_bytes(clean.paths[index].read_bytes())
        else:
            changes[change](open_photo(clean.paths[index]), rng).save(target, quality=88)
        planted.append((target, f"{change}|{clean.files[index]}|{label == clean.labels[index]}"))
    photos = load_checked_photos(clean.folder, backbone_of("lite0"), True)
    facts = read_file_facts(photos.paths)
    found: dict[str, set[str]] = {}
    for each in find_copies(photos, facts, find_near_copies(photos, facts)):
        for file in (each.file, each.related):
            found.setdefault(file, set()).add(each.kind)
    hits, totals = Counter(), Counter()
    for target, what in planted:
        change, source, is_same = what.split("|")
        kinds = {"copy"} if is_same == "True" else {"contradiction"}
        both = found.get(source, set()), found.get(target.relative_to(clean.folder).as_posix(), set())
        totals[change] += 1
        hits[change] += all(kinds & each for each in both) or (is_same == "True" and all(both))
        target.unlink()
    totals["all but exact"] = sum(count for change, count in totals.items() if change != "exact")
    hits["all but exact"] = sum(hits[change] for change in COPIES)
    return {change: hits[change] / totals[change] for change in totals}


def shortcuts(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Planted shortcuts that are found; alarms in random folders without any; the true ones of elephants and cars."""
    known = {}
    for name in SETS:
        photos = load_checked_photos(link_set(args.data, name, folder), backbone_of("lite0"), True)
        known[name] = photos, read_file_facts(photos.paths)
    told = "; ".join(each.evidence for each in find_shortcuts(*known["photos"]))
    yield "photos: shortcuts that are there", told, "", "photos", f"{len(known['photos'][0].paths)} photos", 1, "found"
    for name in ("clothing", "fruit"):
        photos, facts = known[name]
        where = f"{name}: 2 to 4 classes, planted in {PLANTED_PART:.0%} of one"
        for kind in SHORTCUTS:
            hits = [plant_shortcut(photos, facts, kind, folder, seed) for seed in range(args.folders)]
            yield f"shortcut found: {kind}", f"{np.mean(hits):.2f}", "", where, f"{len(hits)} folders", "", "1.00"
        for is_random in (False, True):
            alarms = [has_alarm(photos, facts, is_random, seed) for seed in range(CLEAN_FOLDERS)]
            what = "random labels" if is_random else "labels as they are"
            where, n = f"{name}: 2 to 4 classes, {what}", f"{CLEAN_FOLDERS} folders"
            yield "false alarms without a shortcut", sum(alarms), "", where, n, "", "at most 1 of 20"


def draw_folder(
    photos: CheckedPhotos, facts: FileFacts, least: float, rng: np.random.Generator
) -> tuple[CheckedPhotos, FileFacts]:
    """2 to 4 classes, and from the fraction `least` to all of their photos."""
    classes = np.sort(rng.permutation(len(photos.class_names))[: rng.integers(2, 5)])
    chosen = np.flatnonzero(np.isin(photos.labels, classes))
    chosen = np.sort(rng.permutation(chosen)[: int(len(chosen) * rng.uniform(least, 1))])
    labels = np.searchsorted(classes, photos.labels[chosen])
    some = dataclasses.replace(
        photos,
        paths=[photos.paths[index] for index in chosen],
        labels=labels,
        class_names=tuple(photos.class_names[label] for label in classes),
    )
    return some, take_facts(facts, chosen)


def take_facts(facts: FileFacts, chosen: np.ndarray) -> FileFacts:
    """The facts of some photos."""
    values = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}
    headers = [facts.headers[index] for index in chosen]
    return FileFacts(**{name: headers if name == "headers" else value[chosen] for name, value in values.items()})


def plant_shortcut(photos: CheckedPhotos, facts: FileFacts, kind: str, folder: Path, seed: int) -> bool:
    """Whether there is a finding more once PLANTED_PART of one class of a random folder is changed."""
    rng = np.random.default_rng(seed)
    some, facts = draw_folder(photos, facts, 1.0, rng)
    before = {each.evidence for each in find_shortcuts(some, facts)}
    own = np.flatnonzero(some.labels == rng.integers(len(some.class_names)))
    changed = rng.permutation(own)[: int(np.ceil(PLANTED_PART * len(own)))]
    change, quality = SHORTCUTS[kind]
    with tempfile.TemporaryDirectory(dir=folder) as where:
        paths = [Path(where, f"{index}.jpg") for index in changed]
        for index, path in zip(changed, paths, strict=True):
            with Image.open(some.paths[index]) as original:
                saving = {"quality": quality} if quality else {"qtables": original.quantization}
            change(open_photo(some.paths[index]), rng).save(path, **saving)
        new = read_file_facts(paths)
    for place, index in enumerate(changed):
        for field in dataclasses.fields(facts):
            getattr(facts, field.name)[index] = getattr(new, field.name)[place]
    return any(each.evidence not in before for each in find_shortcuts(some, facts))


def has_alarm(photos: CheckedPhotos, facts: FileFacts, is_random: bool, seed: int) -> bool:
    """Whether a random folder without a planted shortcut has a finding."""
    rng = np.random.default_rng(1_000 + seed)
    some, facts = draw_folder(photos, facts, 0.4, rng)
    labels = rng.permutation(some.labels) if is_random else some.labels
    return bool(find_shortcuts(dataclasses.replace(some, labels=labels), facts))


def times(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Seconds of each check, features known, for clothing and for many small photos."""
    clothing = load_checked_photos(link_set(args.data, "clothing", folder), backbone_of("lite0"), True)
    for name, photos, rounds in (("clothing", clothing, 3), ("CIFAR-10", make_large(args.data, folder), 1)):
        took: dict[str, list[tuple[float, float]]] = {}
        for _ in range(rounds):
            for check, seconds in time_checks(photos).items():
                took.setdefault(check, []).append(seconds)
        for check, seconds in took.items():
            goal = ("5 s" if name == "clothing" else "300 s") if check == "all" else ""
            wall, processor = (median_and_range(list(each), ".2f") for each in zip(*seconds, strict=True))
            n = f"{len(photos.paths):,} photos"
            yield f"{check}, s", wall, f"{processor} of one processor", name, n, f"{rounds} rounds", goal
        memory = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB"
        yield "memory of the process, most so far", memory, "", name, f"{len(photos.paths):,} photos", "", "< 1 GB"


def make_large(data: Path, folder: Path) -> CheckedPhotos:
    """LARGE images of CIFAR-10 as JPEG files; their features are 1,280 random projections of the pixels."""
    arrays = np.load(data / "cifar10.npz")
    images, labels = arrays["x_train"][:LARGE], arrays["y_train"][:LARGE].ravel()
    where = folder / "large"
    where.mkdir()
    signatures, paths = Signatures(len(images), 3), [where / f"{number:05}.jpg" for number in range(len(images))]
    for number, image in enumerate(images):
        Image.fromarray(image).resize((128, 128)).save(paths[number])
        signatures.add(number, image)
    weights = np.random.default_rng(0).standard_normal((images[0].size, 1280)).astype(np.float32)
    features = np.tanh((images.reshape(len(images), -1).astype(np.float32) - images.mean()) @ weights / 3000)
    names = tuple(f"class {number}" for number in range(10))
    parts, files = np.where(np.arange(len(images)) % 5, "train", "test").tolist(), [path.name for path in paths]
    hashes = [str(number) for number in range(len(images))]
    return CheckedPhotos(
        where, paths, files, names, labels.astype(np.int32), parts, hashes, features, signatures, {}, 0, len(images)
    )


def time_checks(photos: CheckedPhotos) -> dict[str, tuple[float, float]]:
    """Seconds of each check, by the clock and of processor time, which other programs disturb less."""
    took: dict[str, tuple[float, float]] = {}
    before = started = time.perf_counter(), time.process_time()

    def note(check: str) -> None:
        nonlocal before
        now = time.perf_counter(), time.process_time()
        took[check] = now[0] - before[0], now[1] - before[1]
        before = now

    with one_thread_for_algebra():
        facts = read_file_facts(photos.paths)
        note("read_file_facts")
        find_odd_files(photos, facts)
        note("find_odd_files")
        pairs = find_near_copies(photos, facts)
        note("find_near_copies")
        find_copies(photos, facts, pairs)
        find_films(photos, facts, pairs)
        note("find_copies and find_films")
        find_shortcuts(photos, facts)
        note("find_shortcuts")
        find_imbalance(photos)
        find_unlike_parts(photos)
        note("find_imbalance and find_unlike_parts")
    took["all"] = before[0] - started[0], before[1] - started[1]
    return took

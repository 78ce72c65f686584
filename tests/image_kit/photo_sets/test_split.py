"""What must be true of every split, whatever the photos, names and counts."""

import io
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from image_kit.leftovers import _remove_once, temporary_name
from image_kit.photo_sets.split import FRACTIONS, _sizes, split_photos
from image_kit.photos import content_hash

PARTS = ("train", "validation", "test")


def _png(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (3, 3, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


PHOTOS = [_png(seed) for seed in range(24)]
NAMES = st.tuples(st.sampled_from(["", "a", "b", "a/b"]), st.sampled_from(["x", "X", "y", "photo 1", "ö"]))


@st.composite
def sources(draw):
    """{class: [(photo, sub-folder and name)]} with repeated photos and repeated names; photos of one class only."""
    classes = {}
    for name, first in (("cars", 0), ("elephants", 12)):
        photos = draw(st.lists(st.integers(first, first + 11), min_size=3, max_size=16))
        classes[name] = [(photo, draw(NAMES)) for photo in photos]
    return classes


def _write(folder: Path, classes: dict) -> None:
    for name, photos in classes.items():
        for number, (photo, (below, stem)) in enumerate(photos):
            # A number in the folder allows equal names.
            path = folder / name / below / str(number) / f"{stem}.png"
            path.parent.mkdir(parents=True)
            path.write_bytes(PHOTOS[photo])


def _parts_of(folder: Path) -> dict[str, set[tuple[str, str]]]:
    """{hash: {(part, class)}} of every file of a split."""
    places = {}
    for path in folder.rglob("*"):
        if path.is_file():
            part, name = path.relative_to(folder).parts[:2]
            places.setdefault(content_hash(path.read_bytes()), set()).add((part, name))
    return places


@settings(max_examples=40, deadline=None)
@given(sources(), st.data())
def test_counts_are_exact_and_no_photo_straddles(classes, data):
    most = min(len({photo for photo, _ in photos}) for photos in classes.values())
    train = data.draw(st.integers(1, most))
    validation = data.draw(st.integers(0, most - train))
    counts = (train, validation, data.draw(st.integers(0, most - train - validation)))
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "source"), Path(folder, "set")
        _write(source, classes)
        report = split_photos(source, output, counts, FRACTIONS)
        places = _parts_of(output)
        files = [path for path in output.rglob("*") if path.is_file()]
        assert len(files) == len(places) == 2 * sum(counts), "a photo is copied once"
        assert all(len(where) == 1 for where in places.values())
        sizes = Counter(where for (where,) in places.values())
        for name in classes:
            assert [sizes[part, name] for part in PARTS] == list(counts)
            assert report.counts[name] == dict(zip(PARTS, counts, strict=True))
        total = sum(len(photos) for photos in classes.values())
        assert report.duplicates == total - len({photo for photos in classes.values() for photo, _ in photos})


@settings(max_examples=25, deadline=None)
@given(sources(), st.randoms(use_true_random=False))
def test_names_order_and_copies_do_not_matter(classes, random):
    """The same photos under other names, some of them twice, come into the same parts."""
    renamed = {}
    for name, photos in classes.items():
        shuffled = [(photo, ("", f"new {random.random()}")) for photo, _ in photos]
        shuffled.append(shuffled[0])
        random.shuffle(shuffled)
        renamed[name] = shuffled
    with tempfile.TemporaryDirectory() as folder:
        for index, photos in enumerate((classes, renamed)):
            _write(Path(folder, f"source{index}"), photos)
            split_photos(Path(folder, f"source{index}"), Path(folder, f"set{index}"), (1, 0, 0), FRACTIONS)
        assert _parts_of(Path(folder, "set0")) == _parts_of(Path(folder, "set1"))


@given(st.integers(0, 10_000), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_sizes_follow_the_fractions(total, weights):
    fractions = [weight / max(1.0, sum(weights)) for weight in weights]
    sizes = _sizes(total, fractions)
    assert min(sizes) >= 0
    assert sum(sizes) <= total
    assert all(abs(size - total * fraction) <= 1.001 for size, fraction in zip(sizes, fractions, strict=True))


@pytest.mark.parametrize(
    ("total", "fractions", "sizes"),
    [
        (4, (0.7, 0.15, 0.15), [2, 1, 1]),
        (5, (0.7, 0.15, 0.15), [3, 1, 1]),
        (7, (0.8, 0.1, 0.1), [5, 1, 1]),
        (3, (0.8, 0.2, 0), [2, 1, 0]),
        (3, (0.7, 0.15, 0.15), [2, 1, 0]),  # which is refused: one photo would be left to train on
        (8, (0.98, 0.01, 0.01), [7, 1, 0]),  # and this, so far from the fractions
    ],
)
def test_a_small_class_leaves_no_part_empty(total, fractions, sizes):
    assert _sizes(total, fractions) == sizes


def test_ranks_are_those_of_the_content_hash(tmp_path):
    """The three lowest hashes train, the next validates, the next two test, the rest stay out."""
    classes = {"cars": [(photo, ("", "x")) for photo in range(12)]}
    classes["elephants"] = [(photo, ("", "x")) for photo in range(12, 24)]
    _write(tmp_path / "source", classes)
    split_photos(tmp_path / "source", tmp_path / "set", (3, 1, 2), FRACTIONS)
    ranked = sorted(content_hash(PHOTOS[photo]) for photo in range(12))
    expected = dict(zip(ranked, ["train"] * 3 + ["validation"] + ["test"] * 2, strict=False))
    places = {
        digest: part for digest, where in _parts_of(tmp_path / "set").items() for part, name in where if name == "cars"
    }
    assert places == expected


def test_ctrl_c_leaves_whole_files_only_and_the_rest_can_follow(tmp_path, monkeypatch):
    classes = {"cars": [(photo, ("", "x")) for photo in range(12)]}
    classes["elephants"] = [(photo, ("", "x")) for photo in range(12, 24)]
    _write(tmp_path / "source", classes)
    real_copy, copied = shutil.copy2, []

    def copy_then_stop(path, target):
        copied.append(target)
        if len(copied) == 8:
            target.write_bytes(path.read_bytes()[:20])
            raise KeyboardInterrupt
        return real_copy(path, target)

    monkeypatch.setattr(shutil, "copy2", copy_then_stop)
    with pytest.raises(KeyboardInterrupt):
        split_photos(tmp_path / "source", tmp_path / "set", (6, 3, 3), FRACTIONS)
    files = [path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()]
    assert len(files) == 7
    assert set(files) < set(PHOTOS)

    report = split_photos(tmp_path / "source", tmp_path / "set", (6, 3, 3), FRACTIONS)
    assert (report.copied, report.present) == (17, 7)
    assert len(_parts_of(tmp_path / "set")) == 24


def test_a_name_that_looks_like_a_second_photos_new_name_is_not_overwritten(tmp_path):
    """b/x.png is to be x_HASH.png, which another photo has as its own name."""
    cars, digest = tmp_path / "source" / "cars", content_hash(PHOTOS[1])
    for name, photo in (("a/x.png", 0), ("b/x.png", 1), (f"a/x_{digest[:8]}.png", 2)):
        (cars / name).parent.mkdir(parents=True, exist_ok=True)
        (cars / name).write_bytes(PHOTOS[photo])
    _write(tmp_path / "source", {"elephants": [(photo, ("", "x")) for photo in (12, 13, 14)]})
    split_photos(tmp_path / "source", tmp_path / "set", (3, 0, 0), FRACTIONS)
    copies = [path.read_bytes() for path in (tmp_path / "set" / "train" / "cars").iterdir()]
    assert sorted(copies) == sorted(PHOTOS[:3])


def test_copies_moved_into_a_sub_folder_of_their_part_are_there_already(tmp_path):
    classes = {"cars": [(photo, ("", "x")) for photo in range(3)]}
    classes["elephants"] = [(photo, ("", "x")) for photo in (12, 13, 14)]
    _write(tmp_path / "source", classes)
    split_photos(tmp_path / "source", tmp_path / "set", (1, 1, 1), FRACTIONS)
    cars = tmp_path / "set" / "test" / "cars"
    (cars / "sorted").mkdir()
    (photo,) = cars.glob("*.png")
    photo.rename(cars / "sorted" / "y.png")
    report = split_photos(tmp_path / "source", tmp_path / "set", (1, 1, 1), FRACTIONS)
    assert (report.copied, report.present) == (0, 6)


def test_what_a_killed_split_left_in_a_complete_set_is_removed_by_the_next(tmp_path):
    photos = {"cars": [(0, ("", "a")), (1, ("", "b"))], "trees": [(2, ("", "a")), (3, ("", "b"))]}
    _write(tmp_path / "photos", photos)
    split_photos(tmp_path / "photos", tmp_path / "set", (1, 1, 0), FRACTIONS)
    complete = sorted((tmp_path / "set").rglob("*"))
    place, process, start, _ = temporary_name("x").removeprefix(".tmp-").split(".")[0].split("-")
    for folder in [path for path in complete if path.is_dir() and path.parent.name in PARTS]:
        # Of an earlier process with the same number.
        (folder / f".tmp-{place}-{process}-{int(start, 16) - 1:x}-0.0.png").touch()
    assert sorted((tmp_path / "set").rglob("*")) != complete
    _remove_once.cache_clear()  # as in a new process
    split_photos(tmp_path / "photos", tmp_path / "set", (1, 1, 0), FRACTIONS)
    assert sorted((tmp_path / "set").rglob("*")) == complete


SPLIT = """
import sys
from pathlib import Path
from image_kit.photo_sets.split import FRACTIONS, split_photos
print(ascii(split_photos(Path(sys.argv[1]), Path(sys.argv[2]), None, FRACTIONS).counts))
"""


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_accents_in_class_names_as_macos_stores_them_and_in_every_locale(tmp_path, run_python, locale):
    """Two folders, with an accent in one letter and in two, are one class."""
    for number in range(24):
        name = "dogs" if number % 2 else ("v\xf6gel", "vo\u0308gel")[number // 2 % 2]
        (tmp_path / "source" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name / f"{number if number % 2 else number // 4}.png").write_bytes(PHOTOS[number])
    for _ in range(2):  # the second copies nothing
        process = run_python(
            *("-c", SPLIT, str(tmp_path / "source"), str(tmp_path / "set")),
            **{"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        )
        sizes = "{'train': 8, 'validation': 2, 'test': 2}"
        assert process.stdout == f"{{'dogs': {sizes}, 'v\\xf6gel': {sizes}}}\n", process.stderr
    assert sorted(path.name for path in (tmp_path / "set/train").iterdir()) == ["dogs", "v\xf6gel"]
    assert sum(path.is_file() for path in (tmp_path / "set").rglob("*")) == 24

"""look_alikes: copies of a photo are found whatever was done to their files, and other photos are not."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from PIL import Image, ImageEnhance

from image_kit import datasets
from image_kit.features import merge_groups
from image_kit.photos import look_alikes
from image_kit.photos.look_alikes import Signatures, find_look_alikes
from presets import PRESETS


def scene(seed: int, size=(120, 90)) -> Image.Image:
    """Shapes before a sky above a ground, lit from above as many photos are."""
    rng = np.random.default_rng(seed)
    width, height = size
    pixels = np.linspace((200, 210, 235), (90, 110, 60), height)[:, None].repeat(width, axis=1).astype(np.float32)
    for _ in range(8):
        centre, axes = rng.integers(0, size).tolist(), rng.integers(5, width // 4, 2).tolist()
        colour = rng.integers(0, 256, 3).tolist()
        cv2.ellipse(pixels, centre, axes, float(rng.integers(180)), 0, 360, colour, -1)
    return Image.fromarray(np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8))


def recompressed(image: Image.Image) -> Image.Image:
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=40)
    return Image.open(memory)


COPIES = {
    "the same": lambda image: image,
    "half as large": lambda image: image.resize((60, 45), Image.Resampling.LANCZOS),
    "recompressed": recompressed,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "of less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "another shape": lambda image: image.resize((100, 100)),
    "cut by 2 %": lambda image: image.crop((2, 2, 118, 88)),
}


def seen(images, channels=3) -> Signatures:
    signatures = Signatures(len(images), channels)
    for number, image in enumerate(images):
        pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
        signatures.add(number, pixels.reshape(*pixels.shape[:2], channels))
    return signatures


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_looks_like_its_photo_and_like_no_other(copy, channels):
    n = 40
    photos = [scene(seed) for seed in range(n)]
    signatures = seen([*photos, *map(COPIES[copy], photos)], channels)
    earlier, later = np.arange(n), np.arange(n, 2 * n)
    assert signatures.find_pairs(later, earlier) == list(zip(later, earlier, strict=True))
    for number in range(n):
        assert not signatures.find_pairs(later[number : number + 1], np.delete(earlier, number))


@given(seed=st.integers(0, 2**32), level=st.integers(0, 255), noise=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_plain_photos_are_like_none(seed, level, noise):
    """Black frames, white ones, and photos with the lens cap on: there is nothing to compare."""
    rng = np.random.default_rng(seed)
    pixels = (level + rng.normal(0, noise, (2, 50, 60, 3))).clip(0, 255).astype(np.uint8)
    signatures = Signatures(2, 3)
    for number, image in enumerate(pixels):
        signatures.add(number, image)
    assert signatures.find_pairs(np.array([1]), np.array([0])) == []


def test_the_most_alike_is_named_and_blocks_change_nothing(monkeypatch):
    photos = [scene(0), scene(1), scene(2)]
    signatures = seen([recompressed(photos[1]), photos[1], photos[2], photos[1], photos[2]])
    expected = [(3, 1), (4, 2)]
    assert signatures.find_pairs(np.array([3, 4]), np.array([0, 1, 2])) == expected
    monkeypatch.setattr(look_alikes, "BLOCK", 1)
    assert signatures.find_pairs(np.array([3, 4]), np.array([0, 1, 2])) == expected
    assert signatures.find_pairs(np.array([3, 4]), np.array([], int)) == []
    assert signatures.find_pairs(np.array([], int), np.array([0])) == []


def test_only_pairs_across_parts_count_and_what_is_left_out_does_not():
    one, two, three = scene(0), scene(1), scene(2)
    photos = [one, one, two, two, three, three, three, one]
    parts = np.array(["train", "train", "train", "validation", "validation", "test", "test", None], object)
    paths = [f"{number}.jpg" for number in range(8)]
    found, notes = find_look_alikes(seen(photos), paths, parts)
    assert found == {"validation": {"3.jpg": "2.jpg"}, "test": {"5.jpg": "4.jpg", "6.jpg": "4.jpg"}}
    assert notes == [
        "photos of validation that look like one of an earlier part, which may make the score too good: 1, for example "
        "3.jpg like 2.jpg; keep such photos in one part (metrics.json lists all)",
        "photos of test that look like one of an earlier part, which may make the score too good: 2, for example "
        "5.jpg like 4.jpg; keep such photos in one part (metrics.json lists all)",
    ]
    everything_trained = np.array(["train"] * 7 + [None], object)
    assert find_look_alikes(seen([scene(seed) for seed in range(8)]), paths, everything_trained) == ({}, [])


@pytest.mark.parametrize(("trained", "is_told"), [(40, True), (20, True), (19, False)])
def test_photos_all_of_one_kind_are_reported_and_none_is_named(trained, is_told):
    """Things on white: all alike, and no copies. Fewer than 20 cannot tell."""
    rng = np.random.default_rng(0)
    things = []
    for _ in range(trained + 5):
        pixels = np.full((90, 120, 3), 255, np.uint8)
        axes, colour = rng.integers(25, 35, 2).tolist(), rng.integers(40, 120, 3).tolist()
        things.append(Image.fromarray(cv2.ellipse(pixels, (60, 45), axes, 0, 0, 360, colour, -1)))
    parts = np.array(["train"] * trained + ["test"] * 5, object)
    found, notes = find_look_alikes(seen(things), [f"{number}.jpg" for number in range(len(things))], parts)
    assert ("the photos look so much alike that copies cannot be told from other photos; if" in notes[0]) == is_told
    assert len(notes) == 1
    assert bool(found) != is_told


def test_one_place_with_another_thing_in_it_is_another_photo():
    empty = scene(0)
    photos = [empty]
    for colour in ((250, 240, 30), (20, 20, 160)):
        pixels = np.array(empty)
        photos.append(Image.fromarray(cv2.ellipse(pixels, (60, 50), (26, 18), 0, 0, 360, colour, -1)))
    signatures = seen(photos)
    assert signatures.find_pairs(np.array([1, 2]), np.array([0])) == []
    assert signatures.find_pairs(np.array([2]), np.array([1])) == []


@pytest.mark.parametrize("budget", [None, 0])
def test_a_folder_says_which_of_its_photos_look_alike(tmp_path, budget):
    """Also if no photo stays in memory, and if there is one that cannot be read."""
    for number, name in enumerate(["train/a/0", "train/a/1", "train/b/0", "train/b/1", "validation/a/0", "test/b/0"]):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        scene(number).save(path)
    (tmp_path / "train/a/broken.png").write_bytes(b"no photo")
    scene(6).save(tmp_path / "validation/b.png")
    (tmp_path / "validation/b").mkdir()
    scene(2).resize((60, 45)).save(tmp_path / "validation/b/copy.jpg")
    data = datasets.load_photos(tmp_path, PRESETS["elephants_cars"], budget=budget)
    copy, photo = str(tmp_path / "validation/b/copy.jpg"), str(tmp_path / "train/b/0.png")
    assert data.look_alikes == {"validation": {copy: photo}}
    assert f"1, for example {copy} like {photo}; " in data.notes[-1]


def test_every_pair_is_found_once_and_by_its_indices():
    first, second = scene(1), scene(2)
    photos = [first, scene(3), second, first.resize((60, 45)), recompressed(first), second.resize((90, 60)), scene(4)]
    signatures = seen(photos)
    assert sorted(signatures.find_all_pairs(np.arange(7))) == [(0, 3), (0, 4), (2, 5), (3, 4)]
    assert signatures.find_all_pairs(np.array([1, 2, 4, 5])) == [(2, 5)]
    assert signatures.find_all_pairs(np.array([], int)) == []


def test_pairs_of_many_blocks_are_those_of_one(monkeypatch):
    signatures = seen([*map(scene, range(50)), *(scene(seed).resize((60, 45)) for seed in range(10))])
    pairs = sorted(signatures.find_all_pairs(np.arange(60)))
    assert pairs == [(seed, 50 + seed) for seed in range(10)]
    monkeypatch.setattr(look_alikes, "BLOCK", 60 * 7)
    assert sorted(signatures.find_all_pairs(np.arange(60))) == pairs


def test_photos_of_one_kind_have_no_pairs_and_plain_ones_are_no_pair():
    page = scene(1)
    assert seen([page] * 40).find_all_pairs(np.arange(40)) == []
    plain = [Image.new("RGB", (60, 40), colour) for colour in ("red", "red", "white")]
    assert seen(plain).find_all_pairs(np.arange(3)) == []


@pytest.mark.parametrize(("scenes", "shots"), [(30, 2), (20, 4), (15, 6), (6, 10), (2, 20)])
def test_photos_that_all_belong_to_bursts_are_not_of_one_kind(scenes, shots):
    """There the nearest photo is near for all, and to hold a burst together matters most."""
    n = scenes * shots
    signatures = seen([recompressed(scene(number // shots)) for number in range(n)])
    assert not signatures.are_uniform(np.arange(n))
    wanted = {(one, other) for one in range(n) for other in range(one + 1, n) if one // shots == other // shots}
    assert set(signatures.find_all_pairs(np.arange(n))) == wanted


@given(
    seed=st.integers(0, 2**32),
    spread=st.floats(0.05, 1),
    chunk=st.integers(1, 200),
    block=st.integers(1, 4000),
    few=st.integers(0, 4000),
)
@settings(max_examples=15, deadline=None)
def test_what_is_ruled_out_by_the_main_axes_does_not_look_alike(seed, spread, chunk, block, few):
    """Photos around three scenes, from copies to strangers: the pairs are those of comparing each two in full."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(3, 432))[rng.integers(3, size=60)] + spread * rng.normal(size=(60, 432))
    signatures = Signatures(60, 3)
    signatures.rows[:] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    similarity = signatures.rows.astype(np.float64) @ signatures.rows.astype(np.float64).T
    difference = 1 - similarity
    assume(not (np.abs(difference - look_alikes.ALIKE_BELOW) < 1e-5).any())  # float32 may round these either way
    alike = difference < look_alikes.ALIKE_BELOW
    photos, later, earlier = np.arange(60), np.arange(40, 60), np.arange(40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(look_alikes, "CANDIDATES", chunk)
        patch.setattr(look_alikes, "FEW", few)
        patch.setattr(look_alikes, "BLOCK", block)
        patch.setattr(Signatures, "are_uniform", lambda *_: False)
        found = signatures.find_all_pairs(photos)
        nearest = dict(signatures.find_pairs(later, earlier))
    assert sorted(found) == list(zip(*map(list, np.nonzero(np.triu(alike, 1))), strict=True))
    assert sorted(nearest) == later[alike[40:, :40].any(axis=1)].tolist()
    for photo, other in nearest.items():
        assert similarity[photo, other] >= similarity[photo, :40].max() - 1e-5


def test_thousands_of_copies_of_one_photo_are_joined_by_few_pairs(monkeypatch):
    """Of 1,000 copies there are half a million pairs; 10,000 among 100,000 photos they would fill the memory."""
    n, copies = 12_000, 1_000
    rows = np.random.default_rng(0).normal(size=(n, 432)).astype(np.float32)
    rows[:copies] = rows[0]
    signatures = Signatures(n, 3)
    signatures.rows[:] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    monkeypatch.setattr(look_alikes, "MOST_PAIRS", 5_000)
    pairs = signatures.find_all_pairs(np.arange(n))
    assert len(pairs) < copies + 5_000
    groups = merge_groups(None, pairs, n)
    assert (groups[:copies] == 0).all()
    assert len(np.unique(groups)) == n - copies + 1

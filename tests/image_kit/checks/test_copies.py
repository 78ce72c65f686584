"""Copies: found through each change, judged by label and part; and photos that are none are left alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from image_kit.checks import copies, find_copies, find_near_copies, read_file_facts
from image_kit.features import unit_length

pytest_plugins = ["tests.fixtures.checked_sets"]

CHANGES = {
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "cropped unevenly": lambda image: image.crop((9, 3, image.width - 2, image.height - 6)),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "grey": lambda image: image.convert("L"),
    "squeezed to a square": lambda image: image.resize((image.height, image.height)),
}


@pytest.fixture(scope="module")
def originals(picture):
    """Pictures of 192 x 144 pixels: a crop of 5 % is 9 of them."""
    return [picture(seed, (192, 144)) for seed in range(12)]


def find_in(checked, folder):
    photos = checked(folder)
    facts = read_file_facts(photos.paths)
    return photos, find_copies(photos, facts, find_near_copies(photos, facts))


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(change, originals, checked, tmp_path):
    for number, image in enumerate(originals):
        name = "cat" if number % 2 else "dog"
        (tmp_path / name).mkdir(exist_ok=True)
        image.save(tmp_path / name / f"{number}.jpg", quality=90)
    CHANGES[change](originals[3]).save(tmp_path / "cat/z.jpg", quality=60)
    _, found = find_in(checked, tmp_path)
    assert [(each.kind, {each.file, each.related}) for each in found] == [("copy", {"cat/3.jpg", "cat/z.jpg"})]
    assert ("mirrored" in found[0].evidence) == (change == "mirrored")


def test_the_same_file_under_two_labels_contradicts_itself(picture_folder, checked):
    folder = picture_folder({"cat": range(4), "dog": range(4, 8)})
    (folder / "dog/copy.jpg").write_bytes((folder / "cat/001x.jpg").read_bytes())
    _, found = find_in(checked, folder)
    assert [each.kind for each in found] == ["contradiction"]
    assert {found[0].file, found[0].related} == {"cat/001x.jpg", "dog/copy.jpg"}
    assert found[0].severity == "high"
    assert found[0].certainty == 1
    assert "byte for byte" in found[0].evidence


def test_a_leak_keeps_the_test_photo(picture_folder, checked, tmp_path):
    for part, first in (("train", 0), ("test", 50)):
        picture_folder({f"{part}/cat": range(first, first + 4), f"{part}/dog": range(first + 4, first + 8)})
    folder = tmp_path / "photos"
    (folder / "train/cat/again.jpg").write_bytes((folder / "test/cat/051x.jpg").read_bytes())
    _, found = find_in(checked, folder)
    assert [(each.kind, each.file, each.related) for each in found] == [
        ("leak", "train/cat/again.jpg", "test/cat/051x.jpg")
    ]


def test_without_the_dropped_photos_nothing_is_left_to_find(picture_folder, checked):
    folder = picture_folder({"cat": range(6), "dog": range(6, 12)})
    for number, source in enumerate(["cat/000x.jpg", "cat/000x.jpg", "dog/007x.jpg", "cat/002x.jpg", "cat/004x.jpg"]):
        with Image.open(folder / source) as image:
            image.resize((80, 60)).save(folder / ("cat", "dog")[number % 2] / f"z{number}.jpg", quality=70 + number)
    _, found = find_in(checked, folder)
    assert {each.kind for each in found} == {"copy", "contradiction"}
    for each in found:
        (folder / each.file).unlink()
    assert find_in(checked, folder)[1] == []


def test_of_two_copies_the_larger_is_kept(picture_folder, checked):
    folder = picture_folder({"cat": range(3), "dog": range(3, 6)})
    with Image.open(folder / "cat/001x.jpg") as image:
        image.resize((192, 144), Image.Resampling.LANCZOS).save(folder / "cat/larger.jpg")
    _, found = find_in(checked, folder)
    assert [(each.file, each.related) for each in found] == [("cat/001x.jpg", "cat/larger.jpg")]


def test_photos_of_one_kind_must_agree_more_closely(picture_folder, checked):
    """Variants of one picture, as digits are: only the true copy is one."""
    folder = picture_folder({"cat": range(1), "dog": range(1)})
    with Image.open(folder / "cat/000x.jpg") as image:
        base = np.asarray(image).astype(int)
    (folder / "cat/000x.jpg").unlink()
    (folder / "dog/000x.jpg").unlink()
    for number in range(48):
        rng = np.random.default_rng(number)
        pixels = base.copy()
        for _ in range(6):
            y, x = rng.integers(0, 60), rng.integers(0, 80)
            pixels[y : y + 12, x : x + 14] = rng.integers(0, 256, 3)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / ("cat" if number % 2 else "dog") / f"{number}.png")
    with Image.open(folder / "cat/11.png") as image:
        image.save(folder / "cat/copy.jpg", quality=70)
    _, found = find_in(checked, folder)
    assert [{each.file, each.related} for each in found] == [{"cat/11.png", "cat/copy.jpg"}]


def test_plain_photos_are_no_copies_of_each_other(tmp_path, checked):
    for number in range(6):
        path = tmp_path / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 30), (40 * number, 90, 120)).save(path)
    assert find_in(checked, tmp_path)[1] == []


def test_thousands_of_copies_under_two_labels_are_compared_in_blocks(monkeypatch):
    """Their likely label is the same, whether all photos are compared with them at once or a few at a time."""
    rng = np.random.default_rng(0)
    rows = unit_length(rng.normal(size=(60, 8)))
    labels = rng.integers(0, 3, 60)
    photos = SimpleNamespace(labels=labels)
    members = list(range(0, 60, 4))
    at_once = copies._most_likely_label(photos, rows, members)
    monkeypatch.setattr(copies, "COMPARED", 2 * len(members))
    assert copies._most_likely_label(photos, rows, members) == at_once

"""Shortcuts: planted in a fifth of one class they are found, and folders without any stay quiet."""

import pytest
from PIL import Image, ImageOps

from image_kit.checks import find_shortcuts, read_file_facts

pytest_plugins = ["tests.fixtures.checked_sets"]
COUNT = 60  # photos of each class
CLASSES = {"cat": range(COUNT), "dog": range(COUNT, 2 * COUNT)}


def find_in(checked, folder):
    photos = checked(folder)
    return find_shortcuts(photos, read_file_facts(photos.paths))


def change(folder, part, how, **saving):
    """Change this fraction of the cats."""
    for path in sorted((folder / "cat").iterdir())[: int(part * COUNT)]:
        with Image.open(path) as image:
            image.load()
        how(image).save(path, **{"quality": 90} | saving)


def with_wall(image):
    wall = Image.new("RGB", image.size, (60, 140, 80))
    wall.paste(image.crop((18, 14, 78, 58)), (18, 14))
    return wall


PLANTED = {
    "size": ("60 ", lambda image: image.resize((60, 45)), {}),
    "JPEG quality": ("quality 40", lambda image: image, {"quality": 40}),
    "border": ("white border", lambda image: ImageOps.expand(image.crop((4, 4, 92, 68)), 4, (250, 250, 250)), {}),
    "background": ("green background", with_wall, {}),
    "colour": ("have no colours", lambda image: image.convert("L"), {}),
}


def test_a_folder_without_a_shortcut_is_quiet(picture_folder, checked):
    assert find_in(checked, picture_folder(CLASSES)) == []


@pytest.mark.parametrize("kind", PLANTED)
def test_a_shortcut_in_a_fifth_of_one_class_is_found(kind, picture_folder, checked):
    words, how, saving = PLANTED[kind]
    folder = picture_folder(CLASSES)
    change(folder, 0.2, how, **saving)
    found = find_in(checked, folder)
    assert any(words in each.evidence for each in found)
    assert all(each.kind == "shortcut" and each.file == "" and "20 %" in each.evidence for each in found)
    assert all("cat" in each.evidence for each in found)


def test_a_class_of_another_size_is_told_with_its_accuracy(picture_folder, checked):
    folder = picture_folder(CLASSES)
    change(folder, 1, lambda image: image.resize((72, 72)))
    (found,) = find_in(checked, folder)
    assert found.severity == "high"
    assert "alone tells cat from dog for 100 % of photos (chance 50 %)" in found.evidence


def test_the_same_change_in_both_classes_is_no_shortcut(picture_folder, checked):
    folder = picture_folder(CLASSES)
    for name in CLASSES:
        for path in sorted((folder / name).iterdir())[::3]:
            with Image.open(path) as image:
                image.load()
            image.resize((60, 45)).save(path, quality=40)
    assert find_in(checked, folder) == []


def test_too_few_photos_say_nothing(picture_folder, checked):
    folder = picture_folder({"cat": range(4), "dog": range(4, 30)})
    change(folder, 0.05, lambda image: image.resize((60, 45)))
    assert find_in(checked, folder) == []

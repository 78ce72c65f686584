"""Films: photos in a row that show nearly the same become one group of a file that training reads."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image

from image_kit.checks import find_films, find_near_copies, read_file_facts, write_groups
from image_kit.features import read_groups

pytest_plugins = ["tests.fixtures.checked_sets"]


@pytest.fixture
def film_folder(picture_folder, picture):
    """Unrelated pictures, and 5 frames of one film whose camera moves by 2 pixels each."""

    def write(names: list[str], dates: list[str] | None = None):
        folder = picture_folder({"cat": range(6), "dog": range(6, 12)})
        film = picture(77, (160, 100))
        for number, name in enumerate(names):
            exif = Image.Exif()
            if dates:
                exif[ExifTags.Base.DateTime] = dates[number]
                exif[ExifTags.Base.Model] = "Camera"
            film.crop((2 * number, 0, 2 * number + 120, 100)).save(folder / "cat" / name, exif=exif)
        return folder

    return write


def groups_in(checked, folder):
    photos = checked(folder)
    facts = read_file_facts(photos.paths)
    groups, found = find_films(photos, facts, find_near_copies(photos, facts))
    return photos, groups, found


def test_frames_in_a_row_are_one_group_and_one_finding(film_folder, checked, tmp_path):
    folder = film_folder([f"IMG_{number:04}.jpg" for number in range(98, 103)])
    photos, groups, found = groups_in(checked, folder)
    assert len(np.unique(groups)) == 13
    assert [(each.kind, each.file, each.related) for each in found] == [
        ("leak", "cat/IMG_0098.jpg", "cat/IMG_0102.jpg")
    ]
    assert found[0].evidence.startswith("5 photos in a row")
    write_groups(tmp_path / "groups.csv", photos, groups)
    names = read_groups(tmp_path / "groups.csv", folder, photos.paths)
    film = [name for name, file in zip(names, photos.files, strict=True) if "IMG" in file]
    assert set(film) == {"cat/IMG_0098.jpg and 4 more"}
    assert len(set(names)) == 13


def test_times_of_one_camera_tell_a_burst_whatever_the_names(film_folder, checked):
    names = ["q.jpg", "d.jpg", "z.jpg", "a.jpg", "m.jpg"]
    folder = film_folder(names, [f"2024:05:01 10:00:{second:02}" for second in (50, 52, 54, 56, 58)])
    assert [each.evidence[:8] for each in groups_in(checked, folder)[2]] == ["5 photos"]


def test_neither_alike_nor_in_a_row_alone_is_a_film(film_folder, checked):
    folder = film_folder(["q.jpg", "d.jpg", "z.jpg", "a.jpg", "m.jpg"])  # alike, but in no row
    assert groups_in(checked, folder)[2] == []


def test_a_photo_that_cannot_be_read_has_a_row_too(film_folder, checked, tmp_path):
    folder = film_folder([])
    (folder / "dog/broken.jpg").write_bytes(b"nothing")
    photos, groups, _ = groups_in(checked, folder)
    write_groups(tmp_path / "groups.csv", replace(photos, unreadable={"dog/\udcff.jpg": "x"}), groups)
    assert b"dog/\xff.jpg," in (tmp_path / "groups.csv").read_bytes()  # a name that is not UTF-8, byte for byte
    write_groups(tmp_path / "groups.csv", photos, groups)
    assert (
        read_groups(tmp_path / "groups.csv", folder, [*photos.paths, folder / "dog/broken.jpg"])[-1] == "dog/broken.jpg"
    )

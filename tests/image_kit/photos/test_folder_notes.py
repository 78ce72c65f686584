"""What the user hears about what is in a folder of photos and is not used."""

from pathlib import Path

import pytest

from image_kit.photos.folder_notes import describe_other_files, note_other_files
from image_kit.photos.folders import scan_folder


def tree(folder: Path, *names: str) -> Path:
    """Write empty files, since only their names are read."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def notes_of(folder: Path) -> list[str]:
    found = scan_folder(folder)
    return note_other_files(folder, found.paths, found.empty)


def test_folders_of_systems_are_passed_over_and_counted(tmp_path):
    systems = ["cats/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/0.jpg", "$RECYCLE.BIN/0.jpg", "FOUND.000/0.jpg"]
    systems += [
        "lost+found/0.jpg",
        "System Volume Information/0.jpg",
        "dogs/Previews.lrdata/0.jpg",
        "dogs/.thumbs/0.jpg",
    ]
    found = scan_folder(tree(tmp_path, "cats/0.jpg", "dogs/0.jpg", *systems))
    assert (found.class_names, len(found.paths)) == (("cats", "dogs"), 2)
    (note,) = note_other_files(tmp_path, found.paths)
    assert note.startswith("folders of the system and of programs, passed over: 8 (1 #recycle, ")
    assert note_other_files(tree(tmp_path / "clean", "a/0.jpg"), [tmp_path / "clean/a/0.jpg"]) == []


def test_a_class_that_is_lost_is_named(tmp_path):
    tree(tmp_path, "cats/0.jpg", "dogs/0.jpg", "birds/0.mp4", "nothing/notes.txt")
    assert notes_of(tmp_path) == [
        "folders without a photo, so they are no classes: birds, nothing",
        "files ignored, since they are not photos in a class folder: 2 (1 .mp4, 1 .txt)",
    ]


def test_photos_that_are_not_on_this_machine_are_counted(tmp_path):
    tree(tmp_path, "cats/0.jpg", "cats/.1.jpg.icloud", "cats/.2.HEIC.icloud", "dogs/0.jpg")
    (note,) = notes_of(tmp_path)
    assert note == "photos that are in iCloud and not on this machine, left out: 2; download them"


@pytest.mark.parametrize("names", [("set_A", "set_B"), ("color", "gray"), ("2021", "2022")])
def test_the_same_folders_in_all_classes_are_asked_about(tmp_path, monkeypatch, names):
    tree(tmp_path, *(f"{name}/{label}/0.jpg" for name in names for label in ("cats", "dogs")))
    (note,) = notes_of(tmp_path)
    told = "are taken for classes, and all classes have the same folders in them (cats, dogs)"
    assert note.startswith(f"{names[0]}/ and {names[1]}/ {told}")
    assert f"or give one part: {tmp_path / names[0]}" in note
    monkeypatch.chdir(tmp_path)
    assert notes_of(Path(".")) == [note.replace(str(tmp_path / names[0]), names[0])]


@pytest.mark.parametrize("inner", ["train", "images", "a/b"])
def test_the_same_folders_further_below_are_asked_about(tmp_path, inner):
    tree(tmp_path, *(f"{site}/{inner}/{label}/0.jpg" for site in ("site_a", "site_b") for label in ("cats", "dogs")))
    (note,) = notes_of(tmp_path)
    assert note.endswith(f"put all photos of each into one folder, or give one part: {tmp_path / 'site_a' / inner}")


@pytest.mark.parametrize(
    "names",
    [
        ("HAM10000_images_part_1", "HAM10000_images_part_2"),
        ("images_001/images", "images_002/images"),
        ("part1", "part2"),
    ]
    + [("100CANON", "101CANON"), ("100_PANA", "101_PANA"), ("2024-05-31", "2024-06-01"), ("20240531", "20240601/a")]
    + [("Photos from 2023", "Photos from 2024"), ("2023", "2024_05")],
)
def test_divisions_that_hold_photos_are_asked_about(tmp_path, names):
    one, other = (name.split("/")[0] for name in names)
    (note,) = notes_of(tree(tmp_path, *(f"{name}/0.jpg" for name in names)))
    assert note.startswith(f"{one}/ and {other}/ are taken for classes; if they are only divisions")


@pytest.mark.parametrize(
    "name",
    ["cats (1)", "Cats (12)", "cats - Copy", "cats - Kopie (2)", "CATS (Case Conflict)", "cats (A's conflicted copy)"],
)
def test_a_second_copy_of_a_class_is_asked_about(tmp_path, name):
    (note,) = notes_of(tree(tmp_path, "cats/0.jpg", "dogs/0.jpg", f"{name}/0.jpg"))
    assert note == f"classes that may be second copies of others: {name}; if they are, join the folders"


def test_names_that_only_look_like_copies(tmp_path):
    names = ("cats", "cats (2012)", "type (1)", "type (2)", "cats (conflict zone)")
    assert notes_of(tree(tmp_path, *(f"{name}/0.jpg" for name in names))) == []


def test_masks_beside_their_photos_are_asked_about(tmp_path):
    tree(tmp_path, "a/x (1).png", "a/x (1)_mask.png", "a/x (1)_mask_1.png", "a/gas_mask.png", "b/y.jpg", "b/y_seg.PNG")
    (note,) = notes_of(tree(tmp_path, "b/z-1.jpg", "b/a_mask/a.jpg"))
    assert note == (
        f"photos that may be masks of others, and count as photos: 3, such as {tmp_path / 'a/x (1)_mask.png'} beside "
        f"{tmp_path / 'a/x (1).png'}; move them away if they are"
    )


def test_results_of_the_kit_are_passed_over_and_counted(tmp_path):
    tree(
        tmp_path, "cats/0.jpg", "dogs/0.jpg", "runs/a/settings.json", "runs/a/curves.png", "preview/contact_sheet_1.png"
    )
    assert notes_of(tmp_path) == ["folders of the system and of programs, passed over: 2 (1 preview, 1 runs)"]


def test_other_folders_in_classes_and_parts_are_not_asked_about(tmp_path):
    classes = tree(tmp_path / "a", "cats/left/0.jpg", "cats/right/0.jpg", "dogs/left/0.jpg", "dogs/other/0.jpg")
    loose = tree(tmp_path / "b", "cats/left/0.jpg", "cats/1.jpg", "dogs/left/0.jpg", "dogs/1.jpg")
    parts = tree(tmp_path / "c", *(f"{part}/{label}/0.jpg" for part in ("train", "test") for label in "xy"))
    assert [notes_of(folder) for folder in (classes, loose, parts)] == [[], [], []]


def test_what_a_folder_has_instead_of_photos(tmp_path):
    assert describe_other_files(tmp_path) == ""
    tree(tmp_path, "a/train.zip", "a/test.ZIP", "labels.csv", ".git/config", "Thumbs.db")
    assert describe_other_files(tmp_path) == " (files in it: 2 .zip, 1 .csv)"

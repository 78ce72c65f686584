"""The layouts of photo folders: what is a part, a class, a photo, and what is refused."""

from collections import Counter
from pathlib import Path

import pytest

from image_kit.errors import UserError
from image_kit.photos.folder_notes import note_other_files
from image_kit.photos.folders import find_test_folder, list_classes, scan_folder
from image_kit.photos.walking import list_photos

TRAIN_NAMES = ("train", "training", "training_set", "train_img")
VALIDATION_NAMES = ("validation", "val", "valid", "validation_set", "dev")
TEST_NAMES = ("test", "testing", "test_set", "testdata")


def tree(folder: Path, *names: str) -> Path:
    """Write empty files, since only their names are read."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def pairs(*parts: str) -> list[str]:
    """Two photos of each of two classes in every part."""
    return [f"{part}/{label}/{number}.jpg" for part in parts for label in ("cats", "dogs") for number in (0, 1)]


def refused(folder: Path, *words: str) -> None:
    """Expect an error message that contains the folder and all `words`."""
    with pytest.raises(UserError) as caught:
        scan_folder(folder)
    for word in (str(folder), *words):
        assert word in str(caught.value)


def test_class_folders_are_split_70_15_15(tmp_path):
    found = scan_folder(tree(tmp_path, "dogs/b.jpg", "dogs/a.png", "cats/c.webp"))
    assert found.class_names == ("cats", "dogs")
    assert found.paths == tuple(tmp_path / name for name in ("cats/c.webp", "dogs/a.png", "dogs/b.jpg"))
    assert found.labels == (0, 1, 1)
    assert found.parts == (None, None, None)
    assert "70/15/15" in found.layout


@pytest.mark.parametrize("train", [*TRAIN_NAMES, "TRAIN", "Training_Set"])
@pytest.mark.parametrize("validation", [*VALIDATION_NAMES, "Val"])
@pytest.mark.parametrize("test", [None, *TEST_NAMES])
def test_every_name_of_a_part(tmp_path, train, validation, test):
    found = scan_folder(tree(tmp_path, *pairs(train, validation, *([test] if test else []))))
    assert Counter(found.parts) == {"train": 4, "validation": 4} | ({"test": 4} if test else {})
    assert found.class_names == ("cats", "dogs")
    assert f"{train}/" in found.layout
    assert "cut off" not in found.layout
    for path, part in zip(found.paths, found.parts, strict=True):
        assert path.parts[-3] == {"train": train, "validation": validation, "test": test}[part]


def test_training_photos_without_validation(tmp_path):
    found = scan_folder(tree(tmp_path, *pairs("training_set", "test_set")))
    assert Counter(found.parts) == {"train": 4, "test": 4}
    assert "15% of training_set/ cut off for validation" in found.layout


def test_what_belongs_to_programs_is_neither_class_nor_photo(tmp_path):
    noise = [".git/x.jpg", ".ipynb_checkpoints/y.jpg", "__MACOSX/cats/z.jpg", "Thumbs.db", ".DS_Store", "desktop.ini"]
    noise += ["cats/Thumbs.db", "cats/._0.jpg", "cats/.ipynb_checkpoints/0-checkpoint.jpg", "cats/__MACOSX/0.jpg"]
    noise += ["cats/notes.txt", "readme.md", "loose.jpg"]
    found = scan_folder(tree(tmp_path, "cats/0.jpg", "dogs/0.jpg", *noise))
    assert found.class_names == ("cats", "dogs")
    assert found.paths == (tmp_path / "cats/0.jpg", tmp_path / "dogs/0.jpg")


def test_programs_folders_next_to_parts_are_ignored(tmp_path):
    assert Counter(scan_folder(tree(tmp_path, *pairs("train", "val"), ".git/cats/x.jpg", "__MACOSX/y.jpg")).parts) == {
        "train": 4,
        "validation": 4,
    }


def test_photos_at_any_depth_belong_to_their_class(tmp_path):
    found = scan_folder(tree(tmp_path, "cats/a/b/0.jpg", "cats/1.jpg", "dogs/train/2.jpg"))
    assert found.class_names == ("cats", "dogs")
    assert found.labels == (0, 0, 1)


def test_a_linked_folder_counts(tmp_path):
    tree(tmp_path, "elsewhere/0.jpg", "photos/dogs/1.jpg")
    (tmp_path / "photos" / "cats").symlink_to(tmp_path / "elsewhere")
    assert scan_folder(tmp_path / "photos").class_names == ("cats", "dogs")


def test_a_link_in_a_circle_ends(tmp_path):
    tree(tmp_path, "cats/0.jpg", "dogs/1.jpg")
    for name in ("again", "and again"):  # two circles are 2 to the power of 40 paths
        (tmp_path / "cats" / name).symlink_to(tmp_path / "cats")
    assert list_classes(tmp_path)["cats"] == [tmp_path / "cats/0.jpg"]


def test_a_link_to_a_folder_around_it_is_passed_over(tmp_path):
    tree(tmp_path, "photos/cats/0.jpg", "photos/dogs/1.jpg")
    (tmp_path / "photos/cats/up").symlink_to("..")
    (tmp_path / "photos/dogs/top").symlink_to(tmp_path)
    assert [len(photos) for photos in list_classes(tmp_path / "photos").values()] == [1, 1]


def test_names_of_every_script_and_with_spaces(tmp_path):
    names = ["ネコ/写真 1.jpg", "big dogs/a b.JPG", "100%/{x}.png", "-rf/0.jpg"]
    found = scan_folder(tree(tmp_path, *names))
    assert set(found.class_names) == {"ネコ", "big dogs", "100%", "-rf"}
    assert {str(path.relative_to(tmp_path)) for path in found.paths} == set(names)


def test_an_empty_class_folder_is_not_a_class(tmp_path):
    tree(tmp_path, "cats/0.jpg", "dogs/0.jpg", "empty/notes.txt")
    assert scan_folder(tmp_path).class_names == ("cats", "dogs")
    assert list_classes(tmp_path)["empty"] == []


def test_folders_that_cannot_be_used(tmp_path):
    refused(tmp_path / "gone", "no such folder")
    (tmp_path / "file.zip").touch()
    refused(tmp_path / "file.zip", "is a file")
    (tmp_path / "bare").mkdir()
    refused(tmp_path / "bare", "no photo", "FOLDER/CLASS/photo.jpg")
    refused(tree(tmp_path / "loose", "0.jpg", "1.jpg"), "no photo in any class folder")
    refused(tree(tmp_path / "one", "cats/0.jpg", "empty/x.txt"), "one class only", "'cats'")
    refused(tree(tmp_path / "no_photos", "train/cats/0.txt", "train/dogs/0.txt"), "no photo")
    refused(tree(tmp_path / "untrained", *pairs("test", "validation")), "no training photos", "training_set/")


def test_a_folder_that_the_system_refuses(tmp_path, monkeypatch):
    refused(tmp_path / ("x" * 300), "cannot be read")
    tree(tmp_path, "cats/0.jpg")

    def forbidden(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", forbidden)  # the tests may run as root, who may read everything
    refused(tmp_path, "Permission denied")


def test_an_empty_part_is_not_a_part(tmp_path):
    tree(tmp_path, *pairs("train"), "validation/cats/notes.txt", "test/readme.txt")
    found = scan_folder(tmp_path)
    assert set(found.parts) == {"train"}
    assert found.layout.startswith("train/, with 15% of train/ cut off")


def test_parts_and_classes_in_one_folder(tmp_path):
    refused(tree(tmp_path, *pairs("train", "test"), "horses/0.jpg"), "train/", "horses/", "move or rename")


def test_one_part_under_two_names(tmp_path):
    refused(tree(tmp_path, *pairs("train", "training")), "train/", "training/", "keep one")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_class_without_training_photos(tmp_path, part):
    refused(tree(tmp_path, *pairs("train", part), f"{part}/horses/0.jpg"), part, "'horses'")


@pytest.mark.parametrize("other", ["Cats", "cats ", "ca\u200bts", "cats\u00a0", "c\u0430ts"])
def test_a_class_whose_name_looks_the_same_in_another_part_is_told_apart(tmp_path, other):
    tree(tmp_path, *pairs("train"), f"test/{other}/0.jpg")
    shown = other.replace("\u200b", "\\u200b").replace("\u00a0", "\\xa0").replace("\u0430", "\\u0430")
    refused(tmp_path, f"test has a class that the training photos do not have: '{shown}' (there is 'cats'); name it")


def test_an_empty_folder_of_an_unknown_class_does_no_harm(tmp_path):
    (tree(tmp_path, *pairs("train", "val")) / "val" / "horses").mkdir()
    assert scan_folder(tmp_path).class_names == ("cats", "dogs")


def test_the_test_part_or_the_folder_itself(tmp_path):
    assert find_test_folder(tree(tmp_path / "a", *pairs("training_set", "test_set"))) == tmp_path / "a" / "test_set"
    assert find_test_folder(tree(tmp_path / "b", "cats/0.jpg")) == tmp_path / "b"
    with pytest.raises(UserError, match="no test photos"):
        find_test_folder(tree(tmp_path / "c", *pairs("train", "val")))


def test_parts_may_be_deeper_as_archives_are_unpacked(tmp_path):
    tree(tmp_path, *pairs("archive/seg_train/seg_train", "archive/seg_test/seg_test"), "archive/readme.txt")
    found = scan_folder(tmp_path)
    assert found.class_names == ("cats", "dogs")
    assert Counter(found.parts) == {"train": 4, "test": 4}
    assert find_test_folder(tmp_path) == tmp_path / "archive" / "seg_test" / "seg_test"


def test_a_class_may_have_the_name_of_a_part(tmp_path):
    found = scan_folder(tree(tmp_path, "train/0.jpg", "car/0.jpg", "ship/0.jpg"))
    assert (found.class_names, set(found.parts)) == (("car", "ship", "train"), {None})
    assert scan_folder(tree(tmp_path / "ids", "valid/0.jpg", "invalid/0.jpg")).class_names == ("invalid", "valid")


def test_what_looks_like_parts_is_not_taken_for_classes(tmp_path):
    flat = tree(tmp_path / "flat", "train/cat.0.jpg", "test1/1.jpg", "test/1.jpg")
    refused(flat, "/ and ", "look like parts of a data set", "without a folder for each class")
    inside = tree(tmp_path / "inside", *(f"{label}/{part}/0.jpg" for label in "ab" for part in ("train", "test")))
    refused(inside, "each class contains parts, as a/train/", "train/a/")
    refused(
        tree(tmp_path / "pets", "PetImages/Cat/0.jpg", "PetImages/Dog/0.jpg"), "if Cat and Dog are", "pets/PetImages"
    )


def test_images_and_labels_apart_get_the_folder_to_give(tmp_path):
    images, labels = ([f"{kind}/0" for kind in (f"{each}/train", f"{each}/val")] for each in ("images", "labels"))
    files = [*(f"{name}.jpg" for name in images), *(f"{name}.txt" for name in labels)]
    refused(tree(tmp_path, *files), "train and val in it look like parts of a data set: give", "/images")


def test_one_class_in_two_unicode_forms_is_one_class(tmp_path):
    tree(tmp_path, "train/v\u00f6gel/0.jpg", "train/vo\u0308gel/1.jpg", "train/x/0.jpg", "test/vo\u0308gel/2.jpg")
    found = scan_folder(tmp_path)
    assert found.class_names == ("v\u00f6gel", "x")
    assert Counter(found.labels) == {0: 3, 1: 1}


@pytest.mark.parametrize(
    "other", ["Cats", "cats ", "cats.", "ca\u200bts", "\u200fcats", "cats\x07", "c\u0430ts", "\u0421ats"]
)
def test_classes_whose_names_look_the_same_are_refused(tmp_path, other):
    tree(tmp_path, "cats/0.jpg", f"{other}/0.jpg", "dogs/0.jpg")
    refused(tmp_path, "'cats'", ascii(other), "differ only in capitals")


def test_capitals_of_another_script(tmp_path):
    refused(tree(tmp_path, "Кот/0.jpg", "кот/0.jpg"), ascii("Кот"), ascii("кот"), "differ only in capitals")


def test_characters_of_two_scripts_are_classes(tmp_path):
    """The first of Latin and of Cyrillic look the same, but a data set of characters has both."""
    names = ("A", "B", "А", "Б", "CCCP", "СССР")  # noqa: RUF001
    assert scan_folder(tree(tmp_path, *(f"{name}/0.jpg" for name in names))).class_names == tuple(sorted(names))


@pytest.mark.parametrize(
    ("train", "test"),
    [("train1", "test1"), ("train2017", "test2017"), ("x_train", "x_test"), ("Train (1)", "Test (1)")],
)
def test_numbers_and_letters_beside_the_name_of_a_part(tmp_path, train, test):
    found = scan_folder(tree(tmp_path, *pairs(train, test)))
    assert found.class_names == ("cats", "dogs")
    assert Counter(found.parts) == {"train": 4, "test": 4}


@pytest.mark.parametrize("name", ["seg_pred/seg_pred", "pred", "prediction", "unlabeled"])
def test_photos_without_a_class_beside_the_parts_are_passed_over_and_counted(tmp_path, name):
    tree(tmp_path, *pairs("seg_train/seg_train", "seg_test/seg_test"), f"{name}/0.jpg", f"{name}/1.jpg")
    found = scan_folder(tmp_path)
    assert Counter(found.parts) == {"train": 4, "test": 4}
    assert note_other_files(tmp_path, found.paths) == [
        "files ignored, since they are not photos in a class folder: 2 (2 .jpg)"
    ]


@pytest.mark.parametrize(
    "names",
    [("fold1", "fold2", "fold3"), ("fold_0", "fold_1"), ("batch1", "batch2"), ("gallery", "bounding_box_train")],
)
def test_divisions_of_the_data_are_not_taken_for_classes(tmp_path, names):
    tree(tmp_path, *pairs(*names))
    first = sorted(names)[0]
    refused(tmp_path, f"{first}/", "both contain cats/ and dogs/", f"give {tmp_path / first}")


@pytest.mark.parametrize("inner", [("batch1", "batch2"), ("left", "right")])
def test_classes_may_have_the_same_folders_in_them(tmp_path, inner):
    names = [f"{label}/{part}/0.jpg" for label in ("person1", "person2") for part in inner]
    assert scan_folder(tree(tmp_path, *names)).class_names == ("person1", "person2")


@pytest.mark.parametrize("outer", ["food-101/images", "a/b/c", "ILSVRC/Data/CLS-LOC"])
def test_classes_or_parts_deep_below_get_the_folder_to_give(tmp_path, outer):
    refused(tree(tmp_path / "classes", *pairs(outer)), "cats and dogs are your classes", f"/classes/{outer}")
    refused(tree(tmp_path / "parts", *pairs(f"{outer}/train", f"{outer}/val")), "parts of a data", f"/parts/{outer}")


def test_a_data_set_for_detection_is_told(tmp_path):
    parts = ("train", "valid")
    refused(tree(tmp_path / "flat", "images/0.jpg", "labels/0.txt", "classes.txt"), "detection")
    refused(
        tree(tmp_path, *(f"{part}/{name}" for part in parts for name in ("images/0.jpg", "labels/0.txt"))), "detect"
    )


@pytest.mark.parametrize(
    "name", ["@Transcode", "@SynoResource", "$Extend", "$WinREAgent", "MSOCache", "_gsdata_", "[Originals]"]
)
def test_more_folders_of_systems(tmp_path, name):
    assert scan_folder(tree(tmp_path, *pairs("."), f"{name}/0.jpg", f"cats/{name}/0.jpg")).class_names == (
        "cats",
        "dogs",
    )


@pytest.mark.parametrize("name", ["recycled", "$5", "@home", "thumbs", "venv"])
def test_a_class_that_only_looks_like_a_folder_of_the_system(tmp_path, name):
    assert name in scan_folder(tree(tmp_path, *pairs("."), f"{name}/0.jpg")).class_names


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("pets_train", "pets_test"),
        ("asl_alphabet_train/asl_alphabet_train", "asl_alphabet_test/asl_alphabet_test"),
        ("train.zip/train", "test.zip/test"),
        ("Trainingsdaten", "Testdaten"),
        ("entra\u00eenement", "test"),
        ("entrai\u0302nement", "test"),
        ("entrenamiento", "prueba"),
        ("treinamento", "teste"),
        ("\u8bad\u7ec3\u96c6", "\u6d4b\u8bd5\u96c6"),
        ("\u5b66\u7fd2", "\u30c6\u30b9\u30c8"),
        ("petsTrain", "petsTest"),
    ],
)
def test_more_names_of_parts(tmp_path, train, test):
    found = scan_folder(tree(tmp_path, *pairs(train, test)))
    assert (found.class_names, Counter(found.parts)) == (("cats", "dogs"), {"train": 4, "test": 4})


def test_a_test_part_without_classes_is_no_class(tmp_path):
    tree(tmp_path, *pairs("asl_train/asl_train"), "asl_test/asl_test/0.jpg", "asl_test/asl_test/1.jpg")
    found = scan_folder(tmp_path)
    assert (found.class_names, Counter(found.parts)) == (("cats", "dogs"), {"train": 4})
    refused(tree(tmp_path / "x", *pairs("plants/train"), "test/test/0.jpg"), "contains test/ and plants/")


def test_nested_parts_without_classes_are_told(tmp_path):
    tree(tmp_path, "train/train/cat.0.jpg", "test1/test1/1.jpg")
    refused(tmp_path, "test1/ and train/ look like parts", "without a folder for each class")
    refused(tree(tmp_path / "gan", "trainA/0.jpg", "trainB/0.jpg", "testA/0.jpg", "testB/0.jpg"), "look like parts")


def test_folders_without_photos_beside_the_parts_do_no_harm(tmp_path):
    found = scan_folder(tree(tmp_path, *pairs("train", "test"), "papers/a.pdf", "models/m.h5", "meta/x.csv"))
    assert (found.class_names, Counter(found.parts)) == (("cats", "dogs"), {"train": 4, "test": 4})


@pytest.mark.parametrize(
    "names",
    [
        ("images/0.jpg", "masks/0.png"),
        ("train/images/0.jpg", "train/masks/0.png", "val/images/1.jpg", "val/masks/1.png"),
        ("images/Abyssinian_1.jpg", "annotations/trimaps/Abyssinian_1.png"),
        ("JPEGImages/0.jpg", "SegmentationClass/0.png", "SegmentationObject/0.png", "Annotations/0.xml"),
        ("img/0.jpg", "gt/0.png"),
    ],
)
def test_masks_beside_their_photos_are_no_class(tmp_path, names):
    refused(tree(tmp_path, *names), "look like photos and what was marked in them", "make a folder for each class")


@pytest.mark.parametrize("part", [".", "train"])
def test_masks_inside_each_class_do_not_count_as_photos(tmp_path, part):
    names = [f"{part}/{label}/{kind}/0.png" for label in ("covid", "normal") for kind in ("images", "masks")]
    refused(tree(tmp_path, *names), "'covid' has what was marked in its photos, in masks/", "move masks/ away")
    with pytest.raises(UserError, match="what was marked"):
        list_classes(tmp_path / part)


@pytest.mark.parametrize(
    "names",
    [
        ("red/images/0.jpg", "blue/matte/0.jpg"),  # not beside each other
        ("images/0.jpg", "matte/1.jpg"),  # of other photos
        ("img/0.jpg", "label_front/0.jpg"),  # in one class of two
    ],
)
def test_folders_with_words_of_masks_inside_a_class(tmp_path, names):
    found = scan_folder(tree(tmp_path, *(f"lipstick/{name}" for name in names), "rgb/0.jpg", "rgb/labelled/0.jpg"))
    assert (found.class_names, len(found.paths)) == (("lipstick", "rgb"), 4)


def test_a_class_photos_beside_another_one_is_no_folder_to_step_into(tmp_path):
    tree(tmp_path, *(f"{name}/s1/0.jpg" for name in ("train/photos", "train/art", "val/photos", "test/photos")))
    assert scan_folder(tmp_path).class_names == ("art", "photos")


def test_parts_may_hold_their_classes_in_images(tmp_path):
    found = scan_folder(tree(tmp_path, *pairs("data/Train/Images", "data/Validate", "data/Test/images")))
    assert (found.class_names, Counter(found.parts)) == (("cats", "dogs"), {"train": 4, "validation": 4, "test": 4})
    assert found.layout == "data/Train/Images/ data/Validate/ data/Test/images/"


@pytest.mark.parametrize("names", [("mask", "no_mask"), ("images", "texts"), ("labels", "logos")])
def test_classes_that_have_words_of_masks(tmp_path, names):
    assert scan_folder(tree(tmp_path, *(f"{name}/0.jpg" for name in names))).class_names == names


def test_the_classes_once_more_in_one_of_them(tmp_path):
    tree(tmp_path, *pairs("."), "pets/readme.txt", *pairs("pets"))
    refused(tmp_path, "contains cats/ and dogs/, and pets/ contains them once more", f"give {tmp_path / 'pets'}")


def test_the_parts_once_more_in_one_of_them(tmp_path):
    tree(tmp_path, *pairs("train", "test", "val", "xray/train", "xray/test", "xray/val"))
    refused(tmp_path, "contains test/ and train/, and xray/ contains them once more", f"give {tmp_path / 'xray'}")


@pytest.mark.parametrize("other", ["labels", "docs"])
def test_the_names_of_the_parts_once_more_without_photos_do_no_harm(tmp_path, other):
    tree(tmp_path, *pairs("train", "test", "val"), *(f"{other}/{part}/0.txt" for part in ("train", "test", "val")))
    assert scan_folder(tmp_path).class_names == ("cats", "dogs")


@pytest.mark.parametrize("names", [("pets{}", "pets{}"), ("train{}/train", "train{}/train"), ("a{}/a", "a{}/a", "b/b")])
def test_a_download_in_several_archives_is_told(tmp_path, names):
    """As Google Drive names them, of more than 2 GB."""
    ends = ("-20240531T101500Z-001", "-20240531T101500Z-1-002")
    names = [name.format(end) for name, end in zip(names, (*ends, ""), strict=False)]
    refused(tree(tmp_path, *pairs(*names)), f"{names[0].split('/')[0]}/ and ", "are one download in several archives")


def test_a_download_in_one_archive_for_each_class_is_fine(tmp_path):
    names = ("cats-20240531T101500Z-001", "dogs-20240531T101500Z-001")
    assert scan_folder(tree(tmp_path, *(f"{name}/x/0.jpg" for name in names))).class_names == names


def test_two_data_sets_side_by_side_are_no_classes(tmp_path):
    tree(tmp_path, *pairs("small/fruits/Training", "small/fruits/Test", "large/fruits/Training", "large/fruits/Test"))
    refused(tmp_path, "each class contains parts", f"give {tmp_path / 'large' / 'fruits'}")


def test_a_class_without_photos_is_named(tmp_path):
    refused(tree(tmp_path, "cats/0.jpg", "dogs/0.mp4", "dogs/1.MOV"), "no photo is in dogs/ (files in it: 1 .mov, 1 ")
    refused(tree(tmp_path / "packed", "cats.zip", "dogs.zip"), "no photo in any class folder (files in it: 2 .zip)")
    refused(tree(tmp_path / "half", "cats.zip", "dogs/0.jpg"), "only, 'dogs' (files in it: 1 .zip)")
    assert scan_folder(tree(tmp_path, "birds/0.jpg")).empty == ("dogs", "packed")


def test_results_of_the_kit_among_the_photos_are_no_class(tmp_path):
    """As after `train.py .` in the folder of photos."""
    files = ("runs/photos-1/settings.json", "runs/photos-1/curves.png", "evaluations/a/predictions.csv")
    files += ("evaluations/a/mistakes.png", "checks/a/check.json", "checks/a/x.png", "predictions/answers-2.png")
    files += ("preview/contact_sheet_1.png", "preview/cat_1.jpeg")
    tree(tmp_path, *pairs("."), *files)
    assert scan_folder(tmp_path).class_names == ("cats", "dogs")
    tree(tmp_path, "venv/pyvenv.cfg", "venv/lib/images/home.png", "envs/conda-meta/history", "envs/share/icon.png")
    assert scan_folder(tmp_path).class_names == ("cats", "dogs")
    assert {photo.parent.name for photo in list_photos(tmp_path)} == {"cats", "dogs"}
    assert len(list_photos(tmp_path / "preview")) == 2
    names = ("cats", "checks", "dogs", "evaluations", "predictions", "preview", "runs")
    assert scan_folder(tree(tmp_path / "other", *(f"{name}/0.jpg" for name in names))).class_names == names

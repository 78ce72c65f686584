"""Which folders are parts of a data set (train, validation, test), judged by their names, and which only look alike."""

import contextlib
import os
import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from image_kit.errors import UserError
from image_kit.tables import tell_apart, visible_spelling

# The project's name for each part of a data set -> the words that people use for it.
PART_NAMES = {
    "train": (
        *(
            "train",
            "training",
            "trainings",
            "trainingsdaten",
            "entrainement",
            "apprentissage",
            "entrenamiento",
            "addestramento",
        ),
        *("treino", "treinamento", "обучение", "训练", "训练集", "訓練", "学習"),
    ),
    "validation": (
        *("validation", "val", "valid", "validate", "dev", "validierung", "validierungsdaten"),
        *("validacion", "validacao", "validazione", "валидация", "验证", "验证集", "検証"),
    ),
    "test": ("test", "testing", "testdaten", "prueba", "pruebas", "teste", "тест", "测试", "测试集", "テスト"),
}
PARTS = tuple(PART_NAMES)
# Words that people add: train_img, training_set, seg_train, test-data, "Train Images".
FILLERS = (
    *("set", "sets", "img", "imgs", "image", "images", "photo", "photos", "picture", "pictures", "data", "dataset"),
    *("seg", "split", "part", "folder", "dir", "x", "zip"),
)
# What data sets call photos without a class that stand beside their parts, as Intel's seg_pred; passed over.
UNLABELLED = ("pred", "predict", "prediction", "predictions", "unlabelled", "unlabeled")
# Divisions of a data set that are no parts either: fold1, fold_2; batch-1.
DIVISIONS = ("fold", "kfold", "batch", "split", "part", "chunk", "shard", "subset")
# Folders for detection and segmentation: photos, and beside them what was marked in each.
PHOTOS_OF_MASKS = ("image", "images", "img", "imgs", "jpegimages", "rgb")
MASKS = ("mask", "label", "annot", "segment", "trimap", "groundtruth", "matte")  # beginnings of words
CAMERAS_FOLDER = re.compile(r"[1-9]\d\d\w{5}")  # 100CANON, 101_PANA
# 2024, 2024-05, 2024_05_31, 20240531, Photos from 2024: as photos are put in order that nobody has classified.
DATES_FOLDER = re.compile(r"(photos from )?(19|20)\d\d([-_. ]?[01]\d([-_. ]?[0-3]\d)?)?", re.IGNORECASE)
# What Google Drive adds to a name if it divides a download: -20240531T101500Z-001, -20240531T101500Z-1-001.
DOWNLOADS_END = re.compile(r"-\d{8}T\d{6}Z(-\d+){1,2}$")
_JOINED = re.compile(f"({'|'.join(word for words in PART_NAMES.values() for word in words)})({'|'.join(FILLERS)})")


def part_of_name(name: str) -> str | None:
    """The part that a folder's name means, such as "train" for train_img, Training_Set, seg_train or train2017."""
    joined = _JOINED.fullmatch(name.lower())  # trainset, testdata
    words = [word for word in (joined.groups() if joined else _words(name)) if word not in FILLERS]
    if len(words) != 1:
        return None
    return next((part for part, known in PART_NAMES.items() if words[0] in known), None)


def parts_of_names(names: Iterable[str]) -> dict[str, str]:
    """The parts that the names of folders beside one another mean, without those that mean none.

    Where none is a part by itself, names that differ in the word for the part only are parts: pets_train, pets_test.
    """
    names = list(names)
    found = {name: part for name in names if (part := part_of_name(name))}
    if found:
        return found
    parts: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for name in names:
        words = [word for word in _words(name) if word not in FILLERS]
        if len(known := [part for word in words if (part := part_of_name(word))]) == 1:
            parts[tuple(word for word in words if not part_of_name(word))][name] = known[0]
    return next((each for each in parts.values() if "train" in each.values() and len(each) > 1), {})


def are_photos_and_masks(names: Iterable[str]) -> bool:
    """Whether folders hold photos and what was marked in them, and are no classes: images, masks."""
    photos = {name for name in names if name.lower() in PHOTOS_OF_MASKS}
    others = set(names) - photos
    marked = (any(word.startswith(MASKS) or word == "gt" for word in _words(name)) for name in others)
    return bool(photos and others) and all(marked)


def refuse_masks_inside(where: object, classes: Mapping[str, Iterable[Path]]) -> None:
    """Raise UserError if photos of every class lie beside what was marked in them, which would count as photos."""
    masks = {name: _find_masks(paths) for name, paths in classes.items() if paths}
    if masks and all(masks.values()):
        name, folder = next(iter(masks.items()))
        raise UserError(
            f"{where}: the class {name!r} has what was marked in its photos, in {folder}/, which would count as "
            f"photos; move {folder}/ away, in all classes"
        )


def _find_masks(paths: Iterable[Path]) -> str | None:
    """A folder of masks, each with the name of a photo in a folder beside it: masks/ beside images/; None without."""
    beside: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path in paths:
        folder, file = os.path.split(path)
        parent, inner = os.path.split(folder)
        beside[parent][inner].add(os.path.splitext(file)[0])
    for folders in filter(are_photos_and_masks, beside.values()):
        photos = set().union(*(names for inner, names in folders.items() if inner.lower() in PHOTOS_OF_MASKS))
        for inner, names in sorted(folders.items()):
            if inner.lower() not in PHOTOS_OF_MASKS and names <= photos:
                return inner
    return None


def is_filler_name(name: str) -> bool:
    """Whether a folder has a name that only says that there are photos: images, Data_set."""
    words = _words(name)
    return bool(words) and all(word in FILLERS for word in words)


def is_unlabelled_name(name: str) -> bool:
    """Whether a folder beside the parts has the name of photos without a class: seg_pred, prediction."""
    words = [word for word in _words(name) if word not in FILLERS]
    return len(words) == 1 and words[0] in UNLABELLED


def is_division_name(name: str) -> bool:
    """Whether a folder has a name as divisions of a data set have: fold1, images_002, bounding_box_train."""
    words = _words(name)
    known = {word for each in PART_NAMES.values() for word in each}
    is_divided = words[:1] != [] and (words[-1] in DIVISIONS or set(words) <= {*FILLERS})
    return bool(known.intersection(words)) or (is_divided and name[-1:].isdecimal())


def are_divisions(names: Iterable[str]) -> bool:
    """Whether all names are those of divisions, of a camera's folders or dates, which do not say what photos show."""
    return all(
        is_division_name(name) or CAMERAS_FOLDER.fullmatch(name) or DATES_FOLDER.fullmatch(name) for name in names
    )


def refuse_divided_download(where: object, names: Iterable[str]) -> None:
    """Raise UserError if two folders are what two archives of one download had in them."""
    first: dict[str, str] = {}
    for name in sorted(names):
        if DOWNLOADS_END.search(name) and (other := first.setdefault(DOWNLOADS_END.sub("", name), name)) != name:
            raise UserError(
                f"{where}: {other}/ and {name}/ are one download in several archives; "
                f"move what is in each of them into one folder, and give that"
            )


def _words(name: str) -> list[str]:
    """Words in lower case, without numbers and accents."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return [word.lower() for word in re.split(r"[\W_\d]+|(?<=[a-z])(?=[A-Z])", letters) if word]  # trainA: train, a


def class_name(folder_name: str) -> str:
    """The class that a folder's name means: with accents as one letter. macOS stores them apart, others do not.

    Names are UTF-8 whatever the locale says: with LC_ALL=C a service may see bytes where others see letters.
    """
    if sys.platform != "win32":  # where names are text
        folder_name = os.fsencode(folder_name).decode("utf-8", "surrogateescape")
    return class_spelling(folder_name)


def folder_name(class_name: str) -> str:
    """The inverse of `class_name`: how to call a class's folder, whatever the locale says."""
    if sys.platform == "win32":
        return class_name
    return os.fsdecode(class_name.encode("utf-8", "surrogateescape"))


def class_spelling(name: str) -> str:
    """The class that a run's name means, which is text whatever the locale says.

    Runs of older versions have accents apart, and with LC_ALL=C bytes instead of letters.
    """
    with contextlib.suppress(UnicodeEncodeError):
        name = name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFC", name)


def quote_unknown(name: str, known: Iterable[str]) -> str:
    """The name of a class that is not among those known, for a message; with the one that looks the same."""
    told = tell_apart(name, known)
    return repr(name) if told == name else told


def refuse_look_alike_names(where: object, names: list[str]) -> None:
    """Raise UserError if two classes differ only in what is easily overlooked, see `visible_spelling`."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(visible_spelling(name), name)
        if other != name:
            raise UserError(
                f"{where}: the classes {other!a} and {name!a} differ only in capitals, spaces, dots at the "
                "end, invisible letters or letters of another script that look the same; give the two folders one "
                "name, or names that can be told apart"
            )

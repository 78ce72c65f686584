"""A folder of class sub-folders: its layout recognised, its photos listed and split."""

from dataclasses import dataclass
from pathlib import Path

from errors import UserError
from pipeline.photos import is_hidden, is_photo_name

# What people call the parts of a data set, by the name that the project uses.
PART_NAMES = {
    "train": ("train", "training", "training_set"),
    "validation": ("validation", "val", "valid", "validation_set"),
    "test": ("test", "testing", "test_set"),
}
PARTS = tuple(PART_NAMES)
# Shares of the parts where a folder does not say: of the whole, and of a training part without validation.
SPLIT_SHARES = {"train": 0.70, "validation": 0.15, "test": 0.15}
VALIDATION_SHARE = 0.15

LAYOUT_HELP = """expected one of:
  FOLDER/train/CLASS/photo.jpg, FOLDER/validation/CLASS/..., and if you like FOLDER/test/CLASS/...
  FOLDER/training_set/CLASS/photo.jpg and FOLDER/test_set/CLASS/...
  FOLDER/CLASS/photo.jpg for at least two classes (split 70/15/15)"""


@dataclass(frozen=True)
class PhotoFolder:
    """What stands in a folder, before any photo is opened.

    Attributes:
        layout: one sentence for the user.
        class_names: sorted; a label is an index into it.
        paths: every photo found.
        labels: its class, one per path.
        parts: "train", "validation" or "test" as the folder says, or None where it does not, one per path.
    """

    layout: str
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    parts: tuple[str | None, ...]


def list_classes(folder: Path) -> dict[str, list[Path]]:
    """The class sub-folders of `folder` and their photos at any depth, both sorted by name.

    Hidden files and folders and names that are no photos are passed over; a class without photos is kept.
    Raises UserError if `folder` does not exist or is no folder.
    """
    return {child.name: _photos_below(child) for child in _sub_folders(folder)}


def _sub_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: {'is not a folder' if folder.exists() else 'no such folder'}; give a folder of photos")
    return sorted(child for child in folder.iterdir() if child.is_dir() and not is_hidden(child))


def _photos_below(folder: Path) -> list[Path]:
    found = []
    for where, folders, files in folder.walk() if hasattr(folder, "walk") else _walk(folder):
        folders[:] = [name for name in folders if not is_hidden(Path(name))]
        found += [where / name for name in files if is_photo_name(Path(name))]
    return sorted(found)

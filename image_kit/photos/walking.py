"""Finds the photos in a folder and in those inside it, and passes none over in silence."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from image_kit.errors import UserError, name_disk_failure
from image_kit.photos.photo_files import has_own_results, is_hidden, is_hidden_name, is_photo_name
from image_kit.retries import read_again
from image_kit.terminal import counting


def list_photos(folder: Path) -> list[Path]:
    """Every photo at any depth below `folder`, sorted; hidden files and folders are ignored, and results of the kit.

    Links to folders are followed. One that is reached a second time or contains `folder`, as in a circle, is skipped.

    Raises:
        UserError: a folder cannot be read.
    """
    with counting("listing photos") as count:
        return photos_below(folder, count)


def photos_below(folder: Path, count: Callable[[], object]) -> list[Path]:
    """See `list_photos`; `count` is called for each name in a folder."""
    found: list[Path] = []
    visited = set(map(str, Path(os.path.realpath(folder)).parents))
    for where, folders, names in walk(folder, follow_links=True, count=count):
        real = os.path.realpath(where)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not is_passed_over(Path(where, name)))
        found += [Path(where, name) for name in names if is_photo_name(Path(name))]
    return sorted(found)


def is_passed_over(folder: Path) -> bool:
    """Whether a folder inside another one is the system's, another program's, or holds results of the kit."""
    return is_hidden(folder) or has_own_results(folder)


def refuse_unreadable(error: OSError) -> None:
    """Raise a UserError about a folder that cannot be read."""
    why = name_disk_failure(error) or error.strerror
    raise UserError(
        f"{error.filename}: cannot be read ({why}); make it readable, or move it out of the folder"
    ) from error


def walk(
    folder: Path | str,
    follow_links: bool = False,
    on_error: Callable[[OSError], object] = refuse_unreadable,
    count: Callable[[], object] = lambda: None,
) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, from the top: each folder, the names of its folders, and those of its files.

    Names that are removed from the list of folders are left out. A folder is read up to four times if its disk fails.
    `os.walk` takes a folder for a file if the disk fails when it is asked which of the two it is.

    Args:
        follow_links: whether to go into folders that are links; a circle has to be noticed by the caller.
        on_error: is called if a folder cannot be read, and it is then left out unless this raises.
        count: is called for each name.
    """
    waiting = [os.fspath(folder)]
    while waiting:
        where = waiting.pop()
        try:
            folders, links, files = read_folder(where, count)
        except OSError as error:
            on_error(error)
            continue
        yield where, folders, files
        waiting += [os.path.join(where, name) for name in reversed(folders) if follow_links or name not in links]


@read_again
def read_folder(folder: str, count: Callable[[], object]) -> tuple[list[str], set[str], list[str]]:
    """The names of folders, of those that are links, and of files; `count` is called for each."""
    folders, links, files = [], set(), []
    with os.scandir(folder) as entries:
        for entry in entries:
            count()
            if not _is_folder(entry):
                files.append(entry.name)
                continue
            folders.append(entry.name)
            if entry.is_symlink():
                links.add(entry.name)
    return folders, links, files


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # of a link, or on a disk that lists names alone
        if name_disk_failure(error) and not is_photo_name(Path(entry.name)):
            raise
        return False  # a photo, which is asked for again when it is read, or a link to where this user may not look


@read_again
def sub_folders(folder: Path) -> list[Path]:
    """The user's folders in `folder`, sorted."""
    with _entries(folder) as entries:
        found = sorted(folder / entry.name for entry in entries if entry.is_dir() and not is_hidden_name(entry.name))
    return [child for child in found if not has_own_results(child)]


@read_again
def has_photos(folder: Path) -> bool:
    """Whether there are photos in the folder itself."""
    with _entries(folder) as entries:
        return any(is_photo_name(Path(entry.name)) for entry in entries)


@contextlib.contextmanager
def _entries(folder: Path) -> Iterator[Iterator[os.DirEntry]]:
    """What is in a folder. Asking each path whether it is a folder would take a second for 100,000 photos."""
    try:
        with os.scandir(folder) as entries:
            yield entries
    except FileNotFoundError:
        raise UserError(f"{folder}: no such folder; give a folder of photos") from None
    except NotADirectoryError:
        raise UserError(f"{folder}: is a file; give the folder that contains a folder for each class") from None
    except OSError as error:  # no permission, a name that is too long, a disk that fails
        why = name_disk_failure(error) or f"{error.strerror}; give a folder of photos"
        raise UserError(f"{folder}: cannot be read ({why})") from None

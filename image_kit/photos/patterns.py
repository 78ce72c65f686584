"""Expands patterns such as "photos/**/*.jpg" as Python's `glob` does, but passes over no folder in silence."""

import fnmatch
import glob
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from image_kit.photos.photo_files import is_hidden_name
from image_kit.photos.walking import read_folder
from image_kit.retries import is_folder, read_again

_SEPARATORS = f"[{re.escape(os.sep + (os.altsep or ''))}]+"


def expand(folder: str, pattern: str, on_error: Callable[[OSError], object]) -> Iterator[str]:
    """The files and folders that match a pattern: `**` is any number of folders, and patterns match
    nothing that is hidden or belongs to the system, as when a folder is given.

    Args:
        folder: where the pattern begins, whatever letters are in its name; "" for the current folder.
        pattern: relative to `folder`. One that ends in a separator matches folders only.
        on_error: is called if a folder cannot be read, which is then left out.
    """
    parts = [part for part in re.split(_SEPARATORS, pattern) if part]
    parts = [part for part, before in zip(parts, [None, *parts], strict=False) if (part, before) != ("**", "**")]
    folders_only = re.search(f"{_SEPARATORS}$", pattern)
    for path in _expand(folder, parts, on_error):
        if path and (not folders_only or is_folder(path)):
            yield path


def _expand(folder: str, parts: list[str], on_error: Callable[[OSError], object]) -> Iterator[str]:
    if not parts:
        yield folder
        return
    part, *rest = parts
    if not glob.has_magic(part):
        path = os.path.join(folder, part)
        if _asked(_is_there, path, on_error):
            yield from _expand(path, rest, on_error)
        return
    folders, links, files = _asked(_read, folder, on_error) or ([], set(), [])
    if part != "**":
        names = folders if rest else folders + files
        chosen = [name for name in fnmatch.filter(names, part) if part[0] == "." or not is_hidden_name(name)]
        for name in chosen:
            yield from _expand(os.path.join(folder, name), rest, on_error)
        return
    yield from _expand(folder, rest, on_error)
    if not rest:
        yield from (os.path.join(folder, name) for name in files if not is_hidden_name(name))
    for name in folders:
        path = os.path.join(folder, name)
        if not is_hidden_name(name) and not (name in links and _is_circle(path)):
            yield from _expand(path, parts, on_error)


def _asked(ask: Callable[[str], object], path: str, on_error: Callable[[OSError], object]):
    try:
        return ask(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        on_error(error)
        return None


@read_again
def _is_there(path: str) -> bool:
    os.lstat(path)
    return True


def _read(folder: str) -> tuple[list[str], set[str], list[str]]:
    return read_folder(folder or os.curdir, lambda: None)


def _is_circle(link: str) -> bool:
    """Whether a link leads to a folder that contains it."""
    parent = Path(os.path.realpath(os.path.dirname(link)))
    return Path(os.path.realpath(link)) in (parent, *parent.parents)

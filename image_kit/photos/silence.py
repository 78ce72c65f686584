"""Pillow's warnings, silenced while the kit decodes a photo and at no other time."""

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any, cast

_thread = threading.local()
_adding = threading.Lock()


class _PillowInThisThread:
    """Used in a warnings filter in place of a pattern for the module's name."""

    def match(self, module: str) -> bool:
        return getattr(_thread, "is_decoding", False) and module.startswith("PIL.")


# A program's list of filters is shared by its threads, so `warnings.catch_warnings` in one thread would also undo what
# another one has set. This filter may stay in the list, since it applies to a thread that decodes a photo only.
_FILTER: Any = ("ignore", None, Warning, _PillowInThisThread(), 0)


# The one module of Pillow that logs more than what a debugger asks for.
_LOGGER = "PIL.TiffImagePlugin"


def _is_wanted(record: logging.LogRecord) -> bool:
    """Whether a record of Pillow's is let through: in a program that logs, and where the kit decodes nothing.

    Where no program has asked for logs, Python prints errors on stderr.
    """
    return not getattr(_thread, "is_decoding", False) or logging.getLogger(_LOGGER).hasHandlers()


@contextlib.contextmanager
def pillow_silenced() -> Iterator[None]:
    """Ignore Pillow's warnings in this thread: about odd metadata (EXIF, palettes) of photos that it decodes anyway."""
    filters = cast(list, warnings.filters)
    if not filters or filters[0] is not _FILTER:  # a filter before it would decide instead
        with _adding:
            filters[:] = [_FILTER, *(each for each in filters if each is not _FILTER)]
    logging.getLogger(_LOGGER).addFilter(_is_wanted)  # which keeps one of each
    before = getattr(_thread, "is_decoding", False)
    _thread.is_decoding = True
    try:
        yield
    finally:
        _thread.is_decoding = before

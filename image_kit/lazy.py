"""Names of a room that are imported when they are first asked for.

A room that holds both light and heavy modules (TensorFlow takes three seconds to import) would otherwise make whoever
wants the light ones wait for the heavy ones.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` (PEP 562) that imports each name from its file on first use.

    Args:
        package: the room's `__name__`.
        names: file of the room -> what it offers to others, parted by blanks.
    """
    file_of = {name: file for file, offered in names.items() for name in offered.split()}

    def get(name: str) -> Any:
        if name not in file_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{file_of[name]}"), name)

    return get

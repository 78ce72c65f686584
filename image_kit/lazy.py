"""Names of a package that are imported when they are first used.

A room may contain both light and heavy modules (TensorFlow takes three seconds to import). Lazy names let a program use
the light ones without waiting for the heavy ones.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from image_kit.errors import naming_missing_packages


def lazy_names(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` (PEP 562) that imports each name from its module on first use.

    Args:
        package: the `__name__` of the package.
        names: module of the package -> the names that it offers to others, separated by spaces.

    Returns:
        A function that raises AttributeError for any other name, and UserError if another package, such as
        TensorFlow, is needed but not installed.
    """
    module_of = {name: module for module, offered in names.items() for name in offered.split()}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with naming_missing_packages(name):
            return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return get

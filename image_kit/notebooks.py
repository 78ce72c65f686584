"""What a notebook has, and must find again after a command that it has run in its own process (%run).

These are modules that are called as those beside the commands, presets.py and models.py, and the way to draw.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

NAMES = ("models", "presets")


@contextlib.contextmanager
def own_modules(command: str) -> Iterator[None]:
    """Let imports in the body find the modules beside a command, and afterwards those of the program again.

    Args:
        command: the file of the command; "" for one that has none, and then nothing changes.
    """
    folder = Path(command).resolve().parent if command else None
    before = {name: sys.modules.get(name) for name in NAMES}
    foreign = [name for name, module in before.items() if module and folder and not _is_in(folder, module)]
    for name in foreign:
        del sys.modules[name]
    if folder:
        sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if folder:
            sys.path.remove(str(folder))
        for name in NAMES if folder else ():
            if module := before[name]:
                sys.modules[name] = module
            else:
                sys.modules.pop(name, None)


def file_of(main: Callable[[], object]) -> str:
    """The file of a command, for `own_modules`; "" if there is none."""
    return getattr(main, "__globals__", {}).get("__file__") or ""


@contextlib.contextmanager
def without_backend() -> Iterator[None]:
    """Have no MPLBACKEND in the environment during the body.

    A notebook's kernel sets it, and "!python train.py" inherits it. If that backend is not installed, the import of
    Keras fails, because it imports pyplot. The kit needs no backend. Matplotlib asks for it at its import only.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if backend:
            os.environ["MPLBACKEND"] = backend
            if matplotlib := sys.modules.get("matplotlib"):
                with contextlib.suppress(ValueError, AttributeError):  # one that is not installed; a broken matplotlib
                    matplotlib.rcParams["backend"] = backend


def _is_in(folder: Path, module: object) -> bool:
    return Path(getattr(module, "__file__", None) or "").resolve().parent == folder

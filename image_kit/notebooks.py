"""What a notebook has, and must find again after a command that it has run in its own process (%run).

These are modules that are called as those beside the commands, presets.py and models.py, the way to draw, and what is
done about warnings.
"""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # of the commands
NAMES = ("models", "presets")


@contextlib.contextmanager
def own_modules() -> Iterator[None]:
    """Let imports in the body find the modules beside the commands, and afterwards those of the program again."""
    before = {name: sys.modules.get(name) for name in NAMES}
    for name in [name for name, module in before.items() if module and not _is_ours(module)]:
        del sys.modules[name]
    sys.path.insert(0, str(ROOT))
    try:
        yield
    finally:
        sys.path.remove(str(ROOT))
        for name in NAMES:
            if module := before[name]:
                sys.modules[name] = module
            else:
                sys.modules.pop(name, None)


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


@contextlib.contextmanager
def without_errors_of_warnings() -> Iterator[None]:
    """Let no warning end the body, as PYTHONWARNINGS=error would: Keras, for one, warns at each save."""
    before = warnings.filters
    kept = [each for each in before if each[0] != "error" or each[3]]  # those of one module are meant for it
    if len(kept) == len(before):
        yield
        return
    with warnings.catch_warnings():
        warnings.filters = kept
        yield


def _is_ours(module: object) -> bool:
    return Path(getattr(module, "__file__", None) or "").resolve().parent == ROOT

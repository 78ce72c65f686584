"""Import matplotlib even if the environment names a backend that is not installed.

A Jupyter kernel sets MPLBACKEND to its own backend, and a command started from a notebook ("!python train.py") inherits
it. Where that backend is not installed, `import matplotlib` raises ValueError. The kit draws with Agg, without pyplot,
and needs no backend. The environment and a backend that can be used stay as they are, for a program that imports the
kit.
"""

import contextlib
import os
import sys

VARIABLE = "MPLBACKEND"


def import_matplotlib() -> None:
    """Import matplotlib, ignoring a backend in the environment that cannot be used."""
    backend = os.environ.get(VARIABLE)
    if backend is None or "matplotlib" in sys.modules:
        return
    del os.environ[VARIABLE]
    try:
        import matplotlib  # here, since it must run without the variable
    finally:
        os.environ[VARIABLE] = backend
    with contextlib.suppress(ValueError):
        matplotlib.rcParams["backend"] = backend

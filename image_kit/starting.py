"""What may end a command while it still imports its modules, which takes a second or, from a slow disk, many."""

import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType, TracebackType

from image_kit.errors import DISTRIBUTIONS

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ("augment_preview", "check", "evaluate", "export", "predict", "prepare", "train")


def end_without_traceback() -> None:
    """Let Ctrl-C and missing packages end this process with one line, if it was started for a command of the kit.

    `has_begun` ends that for Ctrl-C. A notebook that runs a command in its own process was started for something else,
    and so was a program that stands beside the commands; they keep their handling.
    """
    if not was_started():
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored on purpose
        signal.signal(signal.SIGINT, _end)
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _name_missing_package


def has_begun() -> None:
    """From now on Ctrl-C is a KeyboardInterrupt, as always in Python."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def was_started() -> bool:
    """Whether this process was started for a command of the kit."""
    script = (getattr(sys, "argv", None) or [""])[0]  # a program that embeds Python may have none
    if script not in sys.orig_argv or Path(script).stem not in COMMANDS:
        return False
    try:
        return Path(script).resolve().parent in (ROOT, ROOT / "data")
    except OSError:  # the current folder is gone
        return False


def _end(number: int, frame: FrameType | None) -> None:
    """Nothing is lost yet."""
    with contextlib.suppress(OSError):
        os.write(2, b"Interrupted.\n")
    os._exit(128 + number)


def _name_missing_package(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Most often another Python was called by mistake."""
    missing = error.__cause__ or error
    package = (missing.name or "").partition(".")[0] if isinstance(missing, ModuleNotFoundError) else ""
    if package in ("", "image_kit"):  # an error in our own code
        sys.__excepthook__(kind, error, traceback)
        return
    print(
        f"{Path(sys.argv[0]).name}: error: the package {DISTRIBUTIONS.get(package, package)} is not installed for "
        f"{sys.executable}; call the Python of the kit's environment, such as .venv/bin/python, or run: "
        f"{sys.executable} -m pip install -r requirements.txt",
        file=sys.stderr,
    )
    sys.exit(2)

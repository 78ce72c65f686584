"""Ctrl-C while a command still imports its modules, which takes a second or, from a slow disk, many."""

import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]


def end_without_traceback() -> None:
    """Let Ctrl-C end this process at once until `raise_again`, if it was started for a command: nothing is lost yet.

    A notebook that runs a command in its own process is not ended: it was started for something else.
    """
    script = (getattr(sys, "argv", None) or [""])[0]  # a program that embeds Python may have none
    try:
        is_command = script in sys.orig_argv and Path(script).resolve().parent in (ROOT, ROOT / "data")
    except OSError:  # the current folder is gone
        return
    if is_command and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored on purpose
        signal.signal(signal.SIGINT, _end)


def raise_again() -> None:
    """From now on Ctrl-C is a KeyboardInterrupt, as always in Python."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"Interrupted.\n")
    os._exit(128 + number)

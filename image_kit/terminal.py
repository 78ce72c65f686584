"""What the commands share: how they start, print messages and tables, and fail."""

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

from image_kit.errors import (
    MachineLost,
    UserError,
    describe_os_error,
    escaped,
    is_interruption,
    name_shortage,
    naming_missing_packages,
)
from image_kit.leftovers import stop_gathering
from image_kit.notebooks import own_modules, without_backend, without_errors_of_warnings
from image_kit.starting import has_begun
from image_kit.tables import existing_spelling

# A bar appears only if the work lasts longer than this.
PROGRESS_DELAY_SECONDS = 2
# Embeddings, overrides and isolates: "photo\u202egpj.exe" looks like photoexe.jpg.
REVERSING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Of messages of one kind; more would push what came before off the screen.
MOST_LINES = 3
MOST_LETTERS = 800  # of the names in one message
_is_hushed = _is_command = False


def say(text: str) -> None:
    """Print a message to the person at the terminal, on stderr; stdout is for results only."""
    if not _is_hushed:
        _print_on_stderr(text)


class SomeMessages:
    """Messages of one kind, one for each of any number of files: the first are printed, the others are counted.

    Args:
        rest: what to say of the others, after their number: "more cannot be read; check.py lists them all".
    """

    def __init__(self, rest: str):
        self._rest = rest
        self._count = 0

    def say(self, text: str) -> None:
        """Print a message, unless MOST_LINES have been printed."""
        self._count += 1
        if self._count <= MOST_LINES:
            say(text)

    def end(self) -> None:
        """Say how many were not printed, if any."""
        if self._count > MOST_LINES:
            say(f"{self._count - MOST_LINES:,} {self._rest}")


def first_lines(lines: Sequence[str], rest: str) -> list[str]:
    """The first MOST_LINES lines, and one for the others: their number and `rest`, as in SomeMessages."""
    left = len(lines) - MOST_LINES
    return [*lines] if left <= 0 else [*lines[:MOST_LINES], f"{left:,} {rest}"]


def name_some(names: Sequence[str], most: int = 5) -> str:
    """Names for a message, the first ones if there are many: "a, b, c, d, e and 295 more"; fewer of long ones."""
    while most > 1 and sum(map(len, names[:most])) > MOST_LETTERS:
        most -= 1
    left = len(names) - most
    return ", ".join(names) if left <= 0 else f"{', '.join(names[:most])} and {left:,} more"


def hush() -> None:
    """From now on print errors only: another process of the same training prints the messages."""
    global _is_hushed
    _is_hushed = True


def is_command() -> bool:
    """Whether this process runs a command of the kit, and is no program of others that uses the library."""
    return _is_command


def show(text: str) -> None:
    """Print a result for people, not for programs, on stdout."""
    print(visible(text))


def print_json(value: Any, out: TextIO | None = None) -> None:
    """Print a value as one line of JSON, in ASCII without control characters: every console and reader takes it."""
    print(json.dumps(value).replace("\x7f", "\\u007f"), file=out or sys.stdout, flush=True)


class CommandLine(argparse.ArgumentParser):
    """A parser whose errors quote what was typed, and give the terminal no orders with it."""

    def error(self, message: str) -> NoReturn:
        """Print usage and message on stderr, and exit with status 2."""
        rest = len(message) - MOST_LETTERS  # of the names that a shell has made of photos/*
        super().error(visible(message[:MOST_LETTERS]) + (f" and {rest:,} more letters" if rest > 0 else ""))

    def parse_known_args(self, args=None, namespace=None):
        """See argparse; an argument that is no file, but is one with its accents in another form, means that file."""
        typed = map(existing_spelling, sys.argv[1:] if args is None else args)
        return super().parse_known_args([*typed], namespace)


def visible(text: str, keep: str = "\n\t") -> str:
    """The text with what gives a terminal orders shown as \\x1b or \\u202e, so that a file's name gives it none.

    These are control characters, other line ends, and those that reverse the direction of writing. A byte that is not
    UTF-8 is shown as \\xff, as a shell's $'...' takes it.

    Args:
        text: of any kind.
        keep: control characters that stay; none for a name, which must not begin a line of its own.
    """
    return "".join(letter if letter in keep or not _is_order(letter) else _escaped(letter) for letter in text)


def _is_order(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in REVERSING


def _escaped(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # how Python holds a byte of a name that is not UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return escaped(letter)


def _print_on_stderr(text: str) -> None:
    if sys.stderr is None:  # a program started without one; print would take stdout instead
        return
    text = visible(text)
    with contextlib.suppress(ValueError, OSError):  # a closed stream, a full disk
        if "tqdm" in sys.modules:  # its bar may be on this line
            sys.modules["tqdm"].tqdm.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)


def progress(items: Iterable, total: int | None = None, label: str = "") -> Iterable:
    """Pass `items` through, with a bar on stderr if it is a terminal and the work takes a while."""
    if _is_hushed or not is_terminal(sys.stderr):
        return items
    from tqdm import tqdm  # takes 20 ms, which the answer to one photo does not need

    return tqdm(items, total=total, desc=label, delay=PROGRESS_DELAY_SECONDS, leave=False)


@contextlib.contextmanager
def counting(label: str) -> Iterator[Callable[[], object]]:
    """A function to call for each of many things of unknown number; their count appears as a bar would."""
    if _is_hushed or not is_terminal(sys.stderr):
        yield lambda: None
        return
    from tqdm import tqdm  # as above

    with tqdm(desc=label, delay=PROGRESS_DELAY_SECONDS, leave=False) as bar:
        yield bar.update


@dataclass(frozen=True)
class Counted:
    """Items of which the number is known beforehand, so that a progress bar can say how much is left."""

    items: Iterable
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator:
        return iter(self.items)


def is_terminal(stream: Any) -> bool:
    """Whether a person watches this stream, which may be None, closed, or no file at all (a notebook's)."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def run(main: Callable[[], None]) -> None:
    """Run a command's `main`; a UserError becomes one line on stderr and exit status 2.

    Ctrl-C exits with 130 (128 + SIGINT), a closed pipe (`| head`) quietly with 141 (128 + SIGPIPE).
    """
    global _is_command
    _is_command = True
    # Some network disks have no locks, and HDF5 then refuses to open files. The kit needs no locks.
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    # Pillow logs errors about photos that the kit names itself; nobody has asked for logs, so they would go to stderr.
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    # It says where its fonts' list goes instead if there is no home folder that can be written.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    _prepare_streams()
    try:
        has_begun()
        with naming_missing_packages(), without_errors_of_warnings(), without_backend(), own_modules():
            main()
        sys.stdout.flush()
    except UserError as error:
        fail(error)
    except BrokenPipeError:
        sys.exit(141)
    except (Exception, KeyboardInterrupt) as error:
        if is_interruption(error):
            say("Interrupted.")
            sys.exit(130)
        if shortage := name_shortage(error):
            fail(shortage)
        if not isinstance(error, OSError):
            raise
        # No permission, a full disk: something the user can fix, like a UserError.
        if isinstance(error, FileNotFoundError) and not _is_folder_there():
            fail("the current folder has been removed; change to another one, and give the same command")
        if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):  # Python's tempfile
            fail("no folder for temporary files can be written; make room in one, or name another one by TMPDIR")
        fail(f"{error.filename or 'output'}: {describe_os_error(error)}")
    finally:
        _is_command = False
        stop_gathering()
        _discard_what_cannot_be_written()


def _is_folder_there() -> bool:
    try:
        return bool(os.getcwd())
    except FileNotFoundError:
        return False


def _discard_what_cannot_be_written() -> None:
    """Python flushes both streams once more at its exit. If that failed, the exit status would be 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):  # a stream that is not a file
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _prepare_streams() -> None:
    """Make stdout and stderr streams that every library can write any text to.

    A program may be started without them (pythonw, a service, `2>&-`); libraries then fail at their first message.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or getattr(stream, "closed", False):
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the program ends
        elif hasattr(stream, "reconfigure"):  # a notebook's stream takes any text as it is
            # For file names that are not valid text, or have letters that the terminal's encoding does not have.
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def telling_how_to_go_on(message: Callable[[], str]) -> Iterator[None]:
    """Print a message if Ctrl-C ends the body, or the loss of another machine, or a lack of space or memory."""
    try:
        yield
    except BaseException as error:
        can_be_mended = isinstance(error, MachineLost | OSError) or is_interruption(error) or name_shortage(error)
        if can_be_mended and (text := message()):
            say(f"\n{text}")
        raise


def fail(error: UserError | str) -> None:
    """Print an error as the command's last line and exit with status 2."""
    _print_on_stderr(f"{Path(sys.argv[0]).name}: error: {error}")
    sys.exit(2)


@contextlib.contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the process at once during a wait inside TensorFlow, where there is nothing to save.

    Python's own handler runs only when TensorFlow returns, which takes as long as the other machines do.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # otherwise Ctrl-C is ignored on purpose, as in a shell's background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""What the commands share: how they start, speak and fail."""

import argparse
import contextlib
import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from image_kit.errors import UserError
from presets import PRESETS

# A bar appears only when the work lasts longer than this.
PROGRESS_DELAY_SECONDS = 2
_is_hushed = False


def say(text: str) -> None:
    """Print a message for the person at the terminal; stdout stays free for results."""
    if not _is_hushed:
        _print_on_stderr(text)


def hush() -> None:
    """From now on say nothing but errors: another process of the same training speaks."""
    global _is_hushed
    _is_hushed = True


def _print_on_stderr(text: str) -> None:
    if "tqdm" in sys.modules and sys.stderr:  # a bar may stand there
        sys.modules["tqdm"].tqdm.write(text, file=sys.stderr)
    elif sys.stderr:  # None in a program started without one; print would then take stdout
        print(text, file=sys.stderr, flush=True)


def progress(items: Iterable, total: int | None = None, label: str = "") -> Iterable:
    """Pass `items` through, with a bar on stderr if it is a terminal and the work takes a while."""
    if _is_hushed or not (sys.stderr and sys.stderr.isatty()):
        return items
    from tqdm import tqdm  # 20 ms that the answer to one photo does not need

    return tqdm(items, total=total, desc=label, delay=PROGRESS_DELAY_SECONDS, leave=False)


def table(rows: Sequence[Sequence[str]], numbers: bool = True) -> str:
    """Rows as aligned columns with two spaces between them, the header row first.

    Args:
        rows: equally many cells each, without line ends.
        numbers: whether the columns after the first hold numbers, which are right aligned; else all are left aligned.

    Returns:
        One line per row. East Asian wide characters count as two columns, combining marks as none.
    """
    widths = [max(map(_display_width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths, numbers) for row in rows)


def _aligned(row: Sequence[str], widths: Sequence[int], numbers: bool) -> str:
    cells = []
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        padding = " " * (width - _display_width(cell))
        cells.append(padding + cell if numbers and place else cell + padding)
    return "  ".join(cells).rstrip()


def _display_width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    return sum(map(_letter_width, text))


def _letter_width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):  # marks on the letter before, joiners
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def add_weights_options(parser: argparse.ArgumentParser) -> None:
    """Which network answers: the newest run, a weights file, or a tutorial's old weights."""
    parser.add_argument("--weights", metavar="FILE|RUN", type=Path, help="weights file or run folder (the newest run)")
    parser.add_argument("--preset", choices=PRESETS, help="the network of weights that do not describe themselves")
    parser.add_argument("--class-names", metavar="A,B,...", type=_names, help="for such weights: in index order")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def run(main: Callable[[], None]) -> None:
    """Run a command's `main`; a UserError becomes one line on stderr and exit status 2.

    Ctrl-C exits with 130 (128 + SIGINT), a closed pipe (`| head`) quietly with 141 (128 + SIGPIPE).
    """
    # A notebook's kernel sets this and "!python train.py" inherits it. Where its backend is not installed, importing
    # Keras, which imports pyplot, fails. The kit itself needs no backend.
    os.environ.pop("MPLBACKEND", None)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="backslashreplace")  # file names that are no text, or not the terminal's
    try:
        main()
        if sys.stdout:
            sys.stdout.flush()
    except UserError as error:
        fail(error)
    except KeyboardInterrupt:
        say("Interrupted.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:  # no permission, a full disk: the user's to mend, like a UserError
        fail(f"{error.filename or 'output'}: {error.strerror or error}")


def fail(error: UserError | str) -> None:
    """Print an error as the command's last line and exit with status 2."""
    _print_on_stderr(f"{Path(sys.argv[0]).name}: error: {error}")
    sys.exit(2)


@contextlib.contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """Around a wait inside TensorFlow with nothing to save: Ctrl-C ends the process, as the system has it.

    Python's own handler runs only when TensorFlow returns, which takes as long as the other machines do.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else it is ignored on purpose, as in a shell's background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

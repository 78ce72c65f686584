"""What the commands share: how they start, speak and fail."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from image_kit.errors import UserError

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


def run(main: Callable[[], None]) -> None:
    """Run a command's `main`; a UserError becomes one line on stderr and exit status 2.

    Ctrl-C exits with 130 (128 + SIGINT), a closed pipe (`| head`) quietly with 141 (128 + SIGPIPE).
    """
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

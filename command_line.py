"""What the commands share: how they start, speak and fail."""

import sys
from collections.abc import Callable, Iterable

from tqdm import tqdm

from errors import UserError

# A bar appears only when the work lasts longer than this.
PROGRESS_DELAY_SECONDS = 2


def say(text: str) -> None:
    """Print a message for the person at the terminal; stdout stays free for results."""
    print(text, file=sys.stderr, flush=True)


def progress(items: Iterable, total: int | None = None, label: str = "") -> Iterable:
    """Pass `items` through, with a bar on stderr if it is a terminal and the work takes a while."""
    return tqdm(items, total=total, desc=label, delay=PROGRESS_DELAY_SECONDS, disable=None, leave=False)


def run(main: Callable[[], None]) -> None:
    """Run a command's `main`; a UserError becomes one line on stderr and exit status 2.

    Ctrl-C exits with 130 (128 + SIGINT), a closed pipe (`| head`) quietly with 141 (128 + SIGPIPE).
    """
    try:
        main()
        sys.stdout.flush()
    except UserError as error:
        say(f"{sys.argv[0].rpartition('/')[2]}: error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("Interrupted.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)

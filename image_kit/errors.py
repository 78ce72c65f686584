"""Exceptions with a message for a person at a terminal, not for a programmer."""

import contextlib
from collections.abc import Iterator


class UserError(Exception):
    """Something that the user can put right: the commands print its one line and exit with status 2.

    The message names the file or option, the rule, the value received and what to do.
    """


def first_line(error: Exception) -> str:
    """The first line of an exception's message, for a `UserError`; the exception's type if there is no message."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


# Import name -> name on PyPI, where they differ.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-python-headless",
}


@contextlib.contextmanager
def naming_missing_packages(wanted: str = "") -> Iterator[None]:
    """Raise a `UserError` with the way to install it where a package of others, such as TensorFlow, is missing.

    Args:
        wanted: the name of what needs the package, if the message should give it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "image_kit"):  # an error in our own code
            raise
        install = _DISTRIBUTIONS.get(package, package)
        needs = f"needs the package {package}, which is not installed; run: pip install {install}"
        raise UserError(f"{wanted}: {needs}" if wanted else needs) from error


class MachineLost(UserError):
    """Another machine of the same training stopped or cannot be reached.

    Args:
        cause: TensorFlow's error; its message is shortened for the line.
    """

    def __init__(self, cause: Exception):
        # TensorFlow's text is long; what happened follows these words.
        said = str(cause).rpartition("aborted by: ")[2].strip().splitlines()
        why = said[0][:200] if said else type(cause).__name__
        super().__init__(
            f"another machine has stopped or cannot be reached, so this one stops too ({why}); "
            "the last line of the machine that stopped first gives the cause"
        )

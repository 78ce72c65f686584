"""The one exception that a person, not a programmer, is meant to read."""


class UserError(Exception):
    """Something the user can mend: the commands print its one line and exit with status 2.

    The message names the file or option, the rule, the value received and what to do.
    """


def first_line(error: Exception) -> str:
    """What an exception of a library says, in one line for a `UserError`."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


class MachineLost(UserError):
    """Another machine of the same training stopped or cannot be reached.

    Args:
        cause: what TensorFlow says of it, which goes into the line in short.
    """

    def __init__(self, cause: Exception):
        # TensorFlow's text is long; what happened stands behind this mark.
        said = str(cause).rpartition("aborted by: ")[2].strip().splitlines()
        why = said[0][:200] if said else type(cause).__name__
        super().__init__(
            f"another machine has stopped or cannot be reached, so this one stops too ({why}); "
            "the cause stands in the last line of the machine that stopped first"
        )

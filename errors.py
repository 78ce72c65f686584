"""The one exception that a person, not a programmer, is meant to read."""


class UserError(Exception):
    """Something the user can mend: the commands print its one line and exit with status 2.

    The message names the file or option, the rule, the value received and what to do.
    """


def first_line(error: Exception) -> str:
    """What an exception of a library says, in one line for a `UserError`."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__

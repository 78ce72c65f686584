"""The one exception that a person, not a programmer, is meant to read."""


class UserError(Exception):
    """Something the user can mend: the commands print its one line and exit with status 2.

    The message names the file or option, the rule, the value received and what to do.
    """

"""Tables of aligned columns, for a terminal."""

import unicodedata
from collections.abc import Sequence

from image_kit.terminal import visible


def table(rows: Sequence[Sequence[str]], numbers: bool = True) -> str:
    """Rows as aligned columns with two spaces between them, the header row first.

    Args:
        rows: the same number of cells each; control characters in them are shown, as by `visible`.
        numbers: whether to align the columns after the first right, as numbers; else all are aligned left.

    Returns:
        One line per row. East Asian wide characters count as two columns, combining marks as none.
    """
    rows = [[visible(cell, keep="") for cell in row] for row in rows]
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths, numbers) for row in rows)


def _aligned(row: Sequence[str], widths: Sequence[int], numbers: bool) -> str:
    cells = []
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        padding = " " * (width - display_width(cell))
        cells.append(padding + cell if numbers and place else cell + padding)
    return "  ".join(cells).rstrip()


def display_width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    return sum(map(_letter_width, text))


def end_of(text: str, width: int) -> str:
    """A text that takes at most `width` columns, 1 or more: its end after "…" if it is longer."""
    if display_width(text) <= width:
        return text
    start, left = len(text), width - 1  # a column for "…"
    while start and _letter_width(text[start - 1]) <= left:
        start -= 1
        left -= _letter_width(text[start])
    return "…" + text[start:]


def _letter_width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):  # marks on the letter before, joiners
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1

"""Text in pictures: fonts that have all its letters, and its size, so that no text is cut off or covers another.

The names of files and classes may be in any script and of any length.
"""

import textwrap
import unicodedata
from functools import lru_cache
from typing import Any

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.patheffects import withStroke

DPI = 150  # pixels per inch of every picture
INK, PAPER = "#222222", "#FFFFFF"
HALO = withStroke(linewidth=2.5, foreground=PAPER)  # keeps a number readable on a line
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"  # both come with matplotlib
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 13, 9, 8  # points
LINE_HEIGHT = 1.35 / 72  # inches per point: the distance between two lines of text


def text_style(text: str, size: float, family: str = SANS) -> dict[str, Any]:
    """Matplotlib's text properties: fonts that have all letters of `text`, and no formulas between dollar signs."""
    families = dict.fromkeys([family, SANS, *filter(None, (_family_of(letter) for letter in sorted(set(text))))])
    return {"fontproperties": FontProperties(family=list(families), size=size), "parse_math": False, "color": INK}


def text_width(text: str, size: float, family: str = SANS) -> float:
    """The width of one line of text in inches."""
    font = text_style(text, size, family)["fontproperties"]
    return _renderer().get_text_width_height_descent(text, font, False)[0] / DPI


def text_height(text: str, size: float) -> float:
    """The height of a text of one or more lines in inches."""
    return len(text.split("\n")) * size * LINE_HEIGHT


@lru_cache
def _renderer() -> RendererAgg:
    return RendererAgg(1, 1, DPI)


def wrapped(text: str, inches: float, size: float, family: str = SANS) -> str:
    """The text in lines no wider than `inches`; a paragraph of more than 6 lines loses its middle."""
    lines = []
    for paragraph in legible(text).replace(" %", "\u00a0%").split("\n"):
        parts, letters = [paragraph], min(len(paragraph), int(inches * 72 / size * 4)) + 1
        while letters > 1 and max(text_width(part, size, family) for part in parts) > inches:
            letters -= 1
            parts = textwrap.wrap(paragraph, letters) or [""]  # textwrap returns no lines for spaces only
        lines += parts if len(parts) <= 6 else [*parts[:3], "…", *parts[-2:]]
    return "\n".join(lines)


def shortened(text: str, inches: float, size: float) -> str:
    """The text in one line no wider than `inches`. It loses its middle, since names often differ at their ends."""
    text = " ".join(legible(text).split())
    short, kept = text, len(text)
    while kept > 2 and text_width(short, size) > inches:
        kept -= 1
        short = f"{text[: (kept + 1) // 2]}…{text[-(kept // 2) :]}"
    return short


def legible(text: str) -> str:
    """The text with an escape, such as \\u732b, for every letter that no installed font has: names stay different."""
    letters = []
    for letter in unicodedata.normalize("NFC", text):
        if letter == "\n" or _family_of(letter):
            letters.append(letter)
        elif unicodedata.category(letter) not in ("Cf", "Mn"):  # joiners and selectors are invisible anyway
            letters.append(letter.encode("unicode_escape").decode("ascii"))
    return "".join(letters)


@lru_cache(maxsize=4096)
def _family_of(letter: str) -> str | None:
    """The first font family that has a letter; None if there is none, and for control characters."""
    if unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn"):
        return None
    return next((family for family in _families() if ord(letter) in _letters_of(family)), None)


@lru_cache
def _families() -> tuple[str, ...]:
    """All installed families, matplotlib's own first; not those that draw symbols or boxes instead of letters."""
    unsuitable = ("cm", "STIXNonUnicode", "STIXSize", "Last Resort")
    return (SANS, *sorted(name for name in _font_files() if name != SANS and not name.startswith(unsuitable)))


@lru_cache
def _font_files() -> dict[str, str]:
    """Family to the file of its upright font of normal weight (400), for the families that have one."""
    return {font.name: font.fname for font in fontManager.ttflist if font.weight == 400 and font.style == "normal"}


@lru_cache(maxsize=1024)
def _letters_of(family: str) -> frozenset[int]:
    try:
        font = get_font(_font_files()[family])
    except (OSError, RuntimeError):  # a font file that is missing or damaged
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()  # colour emoji are bitmaps

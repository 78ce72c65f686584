"""What a network could go by instead of the subject: one value a photo for each cue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from image_kit.checks.file_facts import FileFacts

FREQUENT = 5  # photos: values that are less frequent are put together
MOST_VALUES = 256  # with a code of their own: tables of values and classes stay small with 5,000 classes, too
BINS = 8  # of the less frequent values of a number, by quantiles
BORDER_PART = 0.9  # of the outermost pixels: in clothing, 4 photos of 1,198 have a border as plain as that
BORDER_RADIUS = 24.0  # RGB distance, 0..441: one paint through JPEG
RING = 3  # of 32 pixels at each edge: the frame without its centre
RING_PART, RING_RADIUS = 0.6, 40.0  # of the pixels of the ring; RGB distance: one wall in one light
MOST_COLOURS = 12  # different plain colours that are looked at
GREY_BELOW = 3  # grey levels between the channels: JPEG's noise on a photo without colour
OTHER = ""  # the value of photos that do not have what the cue asks for
Family = Literal["size", "compression", "file size", "border", "background", "colour", "camera", "date"]


@dataclass(frozen=True, eq=False)
class Cue:
    """One cue.

    Attributes:
        name: what tells the class, to go into "The image's NAME alone tells ...".
        family: of several cues of one family only the best is reported.
        codes: int (n,), the value of each photo, numbered from 0.
        values: in words, by code, to go into "62 % of the photos of hat VALUE"; OTHER: no value that can be named.
        advice: what to do about it.
        marks: whether a value that a part of a class has is worth telling; people hold the camera upright for pants and
            level for shorts, so width, height and shape count only where they tell whole classes.
    """

    name: str
    family: Family
    codes: np.ndarray
    values: list[str]
    advice: str
    marks: bool = True


_SIZE = "Crop or resize all photos alike before training."
_SAVING = "Save the photos of all classes in the same way, from the same source."
_BORDER = "Cut the borders off, or photograph all classes alike."
BACKGROUND_ADVICE = "Photograph all classes in front of the same backgrounds."
_CAMERA = "Photograph all classes with the same cameras."


def list_cues(facts: FileFacts) -> list[Cue]:
    """All cues that have more than one value in these photos."""
    width, height = facts.sizes.T
    headers = facts.headers
    days = [_day(each.taken) for each in headers]
    cues = [
        _number_cue("width", "size", width, OTHER, _SIZE, marks=False),
        _number_cue("height", "size", height, OTHER, _SIZE, marks=False),
        _number_cue("shape", "size", np.round(width / height, 2), OTHER, _SIZE, marks=False),
        _number_cue("longer side", "size", np.maximum(width, height), "have a longer side of {:g} pixels", _SIZE),
        _number_cue("shorter side", "size", np.minimum(width, height), "have a shorter side of {:g} pixels", _SIZE),
        _word_cue("JPEG quality", "compression", [_saved(each.format, each.quality) for each in headers], _SAVING),
        _number_cue("file size", "file size", facts.bytes, "have {:g} bytes", _SAVING),
        _word_cue("camera", "camera", [f"name {each.camera or 'no camera'}" for each in headers], _CAMERA),
        _word_cue("date", "date", days, "Photograph all classes on the same days, in the same light."),
        _word_cue(
            "colour", "colour", _colour_or_grey(facts), "Use colour photos for all classes, or grey ones for all."
        ),
        _colour_cue(
            "border", "border", facts.border_colours, facts.border_parts >= BORDER_PART, BORDER_RADIUS, _BORDER
        ),
        _colour_cue("background", "background", *_describe_ring(facts.thumbnails), RING_RADIUS, BACKGROUND_ADVICE),
    ]
    return [cue for cue in cues if len(np.unique(cue.codes)) > 1]


def _describe_ring(thumbnails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The median colour of each ring, and whether most of the ring has it."""
    colours, is_plain = np.zeros((len(thumbnails), 3), np.float32), np.zeros(len(thumbnails), bool)
    is_ring = np.ones(thumbnails.shape[1:3], bool)
    is_ring[RING:-RING, RING:-RING] = False
    for start in range(0, len(thumbnails), 1024):  # in blocks, since the pixels are needed as floats
        some = slice(start, start + 1024)
        ring = thumbnails[some][:, is_ring].astype(np.float32)
        colours[some] = np.median(ring, axis=1)
        distances = np.linalg.norm(ring - colours[some, None], axis=2)
        is_plain[some] = (distances <= RING_RADIUS).mean(axis=1) >= RING_PART
    return colours, is_plain


def _word_cue(name: str, family: Family, words: Sequence[str], advice: str) -> Cue:
    values, inverse, counts = np.unique(
        np.array(words, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    frequent = _choose_frequent(counts)
    codes = np.where(frequent, np.cumsum(frequent) - 1, frequent.sum())[inverse]
    return Cue(name, family, codes, [*values[frequent].tolist(), OTHER], advice)


def _choose_frequent(counts: np.ndarray) -> np.ndarray:
    """Which values have a code of their own, bool: those of FREQUENT photos, at most MOST_VALUES."""
    least = np.sort(counts)[::-1][MOST_VALUES - 1] if len(counts) >= MOST_VALUES else 0
    return counts >= max(FREQUENT, least + 1 if least else 0)


def _number_cue(name: str, family: Family, numbers: np.ndarray, words: str, advice: str, marks: bool = True) -> Cue:
    """Frequent values have codes of their own; the others have that of their quantile."""
    values, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    frequent = _choose_frequent(counts)
    codes = (np.cumsum(frequent) - 1)[inverse]
    others = ~frequent[inverse]
    if others.any():
        edges = np.quantile(numbers[others], np.linspace(0, 1, BINS + 1)[1:-1])
        codes[others] = frequent.sum() + np.searchsorted(edges, numbers[others])
    words_of = [words.format(value) for value in values[frequent]] + [OTHER] * BINS
    return Cue(name, family, codes, words_of, advice, marks)


def _colour_cue(
    name: str, family: Family, colours: np.ndarray, is_plain: np.ndarray, radius: float, advice: str
) -> Cue:
    """Photos of about the same plain colour have one code, the most frequent colours first; all others have code 0."""
    codes, values, left = np.zeros(len(colours), int), [OTHER], is_plain.copy()
    while left.any() and len(values) <= MOST_COLOURS:
        _, inverse, counts = np.unique(
            (colours[left] // radius).astype(int), axis=0, return_inverse=True, return_counts=True
        )
        centre = np.median(colours[left][inverse.ravel() == counts.argmax()], axis=0)
        alike = left & (np.linalg.norm(colours - centre, axis=1) <= radius)
        codes[alike] = len(values)
        values.append(f"have a plain {name_colour(centre)} {name}")
        left &= ~alike
    return Cue(name, family, codes, values, advice)


def name_colour(colour: np.ndarray) -> str:
    """An RGB colour, 0..255, in a word."""
    high, low = float(colour.max()), float(colour.min())
    if high < 50:
        return "black"
    if high - low < 0.18 * high:
        return "white" if low > 215 else "light grey" if low > 150 else "grey" if low > 80 else "dark grey"
    red, green, blue = (float(each - low) / (high - low) for each in colour)
    turn = {0: (green - blue) % 6, 1: blue - red + 2, 2: red - green + 4}[int(np.argmax(colour))]
    hues = (
        (0.33, "red"),
        (0.8, "brown or orange"),
        (1.25, "yellow"),
        (2.5, "green"),
        (3.4, "turquoise"),
        (4.4, "blue"),
    )
    return next((word for end, word in hues if turn < end), "purple" if turn < 5.4 else "red")


def _saved(format_name: str, quality: int) -> str:
    return f"were saved as JPEG of quality {quality}" if quality else f"were saved as {format_name}"


def _day(taken: float) -> str:
    if not np.isfinite(taken):
        return "have no date"
    return f"were taken on {datetime.fromtimestamp(taken, UTC):%Y-%m-%d}"


def _colour_or_grey(facts: FileFacts) -> list[str]:
    is_grey = [int(np.ptp(each.astype(np.int16), axis=2).max()) < GREY_BELOW for each in facts.thumbnails]
    return ["have no colours" if grey else "have colours" for grey in is_grey]

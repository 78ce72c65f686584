"""JSON files that anybody may have written: bounded, finite, and not too deep."""

import json
import math
from pathlib import Path
from typing import Any

from image_kit.retries import read_again

MAX_JSON = 2**27  # bytes; the largest, metrics.json of 1,000 classes with their confusion matrix, has 22 MB
MAX_DIGITS = 300


def read_json(path: Path | str) -> Any:
    """The value in a JSON file that anybody may have written; see `read_text` and `parse_json` for what they raise."""
    return parse_json(read_text(path))


@read_again
def read_text(path: Path | str) -> str:
    """A text that anybody may have written, without the byte order mark of some editors.

    Raises:
        OSError: it cannot be read.
        ValueError: it has more than MAX_JSON bytes, or is not UTF-8.
    """
    with open(path, "rb") as file:
        data = file.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        raise ValueError(f"it has more than {MAX_JSON:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8; an editor may have saved it in another encoding") from None


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError if a number is not finite, or if it is nested too deep."""
    try:
        return json.loads(text, parse_constant=_refuse_number, parse_float=_finite_float, parse_int=_finite_int)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _refuse_number(text: str) -> None:
    raise ValueError(f"{text[:20]} is not a finite number")


def _finite_float(text: str) -> float:
    if not math.isfinite(number := float(text)):
        _refuse_number(text)
    return number


def _finite_int(text: str) -> int:
    if len(text) > MAX_DIGITS:  # which no float can hold
        _refuse_number(text)
    return int(text)

"""What the user has to know about deep photos whose files do not say what their samples mean, and about pages."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from image_kit.photos.deep_headers import FULL_BITS, DeepHeader, read_deep_header
from image_kit.photos.deep_samples import find_alpha, find_largest, read_samples
from image_kit.photos.opening import open_header
from image_kit.photos.photo_files import PhotoError, refuse_other_than_files
from image_kit.photos.silence import pillow_silenced

TIFF_SUFFIXES = (".tif", ".tiff")
# Of files that may have more than 8 bits.
SUFFIXES = (*TIFF_SUFFIXES, ".png", ".apng", ".jp2", ".j2k", ".jpf", ".jpx", ".pgm", ".pnm")
CHECKED_FILES, CHECKED_PIXELS = 20, 10**8
DARK, FLAT = 0.25, 0.125  # of what samples can be: what photos reach that are nearly black, or nearly one grey
CAMERA_BITS = (10, 12, 14)
SAVE = "save them with the range that counts as 0 to 255, in 8 bits"


def note_samples(paths: Sequence[Path], bits: int, has_option: bool = True) -> list[str]:
    """What `note_nearly_black` and `note_pages` say, before photos are read."""
    return [*note_nearly_black(paths, bits, has_option), *note_pages(paths)]


def note_nearly_black(paths: Sequence[Path], bits: int, has_option: bool = True) -> list[str]:
    """A line for the user if deep photos use a part of their samples only, or reach below 0; else none.

    About CHECKED_FILES of them are read. Nothing is said where the user or a file says what its samples mean.

    Args:
        paths: of all photos.
        bits: that the user or the network says.
        has_option: whether the command has --sample-bits.
    """
    deep = [*_read_some(_choose(paths, SUFFIXES))] if bits == FULL_BITS else []
    if not deep or any(each.is_stated for each in deep):
        return []
    low, high, white = min(each.low for each in deep), max(each.high for each in deep), max(each.white for each in deep)
    if low < -white / 255:
        said = f"have samples from {low:,.6g} to {high:,.6g}, and all below 0 is black"
        return [f"photos such as {deep[0].path} {said}; {SAVE}"]
    photos = f"photos {deep[0].kind}"
    if 0 < high < DARK * white:
        used = next((each for each in CAMERA_BITS if 255 < high < 2**each), None)
        way_out = f"if their camera has {used} bits, give --sample-bits {used}" if used and has_option else SAVE
        shade = "white" if deep[0].white_is_zero else "black"
        return [f"{photos} use samples up to {high:,.6g} of {white:,.6g}, so they are nearly {shade}; {way_out}"]
    if 0 < high - low < FLAT * white:
        return [f"{photos} use samples from {low:,.6g} to {high:,.6g} alone, so they are nearly one grey; {SAVE}"]
    return []


def note_pages(paths: Sequence[Path]) -> list[str]:
    """A line for the user if TIFFs have several pages, as microscopes save channels and focal planes; else none."""
    for path in _choose(paths, TIFF_SUFFIXES):
        with contextlib.suppress(Exception), pillow_silenced():
            refuse_other_than_files(path)
            with open_header(path) as image:
                size = image.size
                image.seek(1)  # raises EOFError if there is none; to count them all would take seconds
                if image.size == size:  # and not the same picture, smaller
                    only = f"photos such as {path} have several pages, of which the first alone is read"
                    return [f"{only}; if these are the channels of one photo, save it as RGB"]
    return []


def _choose(paths: Sequence[Path], suffixes: Sequence[str]) -> Sequence[Path]:
    """About CHECKED_FILES of all classes."""
    some = [path for path in paths if path.suffix.lower() in suffixes]
    return some[:: max(1, len(some) // CHECKED_FILES)]


@dataclass(frozen=True)
class _Samples:
    """What one deep photo has: its samples' range, the value of white, and whether the file says what that is."""

    path: Path
    low: float
    high: float
    white: float
    is_stated: bool
    white_is_zero: bool
    kind: str


def _read_some(paths: Sequence[Path]) -> Iterator[_Samples]:
    """Of those with more than 8 bits that can be read; who reads the photos tells of others."""
    for path in paths:
        with contextlib.suppress(Exception), pillow_silenced():
            refuse_other_than_files(path)
            header = read_deep_header(path)
            samples = _samples_of(path, header)
            if samples.dtype.kind == "f":
                samples = samples[np.isfinite(samples)]
            low, high, white = float(samples.min()), float(samples.max()), find_largest(samples, None, FULL_BITS)
            kind = f"of 16 bits, such as {path}," if samples.dtype == np.uint16 else f"such as {path}"
            is_stated = bool(header and header.largest)
            yield _Samples(path, low, high, white, is_stated, bool(header and header.white_is_zero), kind)


def _samples_of(path: Path, header: DeepHeader | None) -> np.ndarray:
    """Raises PhotoError or what Pillow raises if there are none of more than 8 bits."""
    if header and header.width * header.height <= CHECKED_PIXELS:
        samples = read_samples(path.read_bytes(), header)
        if samples is not None:
            return samples[..., : find_alpha(header, samples.shape[2])[0]]
    with open_header(path) as image:
        if not image.mode.startswith(("I", "F")) or image.width * image.height > CHECKED_PIXELS:
            raise PhotoError("not deep, or too large to look at")
        return np.asarray(image)

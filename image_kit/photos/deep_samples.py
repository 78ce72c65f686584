"""Samples of more than 8 bits, in PNG and TIFF: what they mean, and what they are in 8 bits.

A file may use a part of its samples only: a camera of 12 bits saves 0 to 4,095 in 16 bits, which would be nearly black.
What the file says itself decides (sBIT in PNG, SMaxSampleValue or MaxSampleValue in TIFF), then the number of bits that
the user gave, then the kind of number: 65,535 is the largest of 16 bits.
"""

import math
import threading

import numpy as np
from PIL import Image

from image_kit.photos.deep_headers import ALPHAS, ASSOCIATED, FULL_BITS, DeepHeader, Strips
from image_kit.photos.metadata import without_metadata
from image_kit.photos.photo_files import PhotoError

LARGEST_FLOATS = (1.0, 255.0, 65535.0)  # what floats reach, in files of different programs
BEYOND_WHITE = 1.25  # times white: what resampling with a sharp filter makes of the edges in floats
ROWS = 256  # at once
_logging = threading.Lock()


def read_deep(data: bytes, header: DeepHeader, bits: int = FULL_BITS) -> Image.Image | None:
    """The pixels as a Pillow image of 8 bits: "RGB", or "RGBA" if the file has transparency. Not turned upright.

    Args:
        data: the bytes of the file.
        header: of `read_deep_header`.
        bits: of an integer sample, where the file does not say.

    Returns:
        None if OpenCV does not read this kind of file.
    """
    samples = read_samples(data, header)
    if samples is None:
        return None
    colours, alpha, is_multiplied = find_alpha(header, samples.shape[2])
    if colours not in (1, 3):
        return None
    samples = samples[..., [*range(colours), *alpha]]
    if len(header.transparent) == samples.shape[2]:
        is_seen = (samples != np.array(header.transparent, samples.dtype)).any(axis=2, keepdims=True)
        samples = np.concatenate([samples, is_seen * samples.dtype.type(2**FULL_BITS - 1)], axis=2)
    if samples.dtype.kind == "f":
        samples = np.nan_to_num(samples, posinf=np.inf, neginf=0)
    stated = None if _is_scaled_up(samples[..., :colours], header.scaled_up_bits) else header.largest
    inks, alpha_of_all = np.split(samples, [colours], axis=2)  # alpha may use all bits where colours do not
    channels = to_eight_bits(inks, find_largest(inks, stated, bits), header.smallest)
    alpha_of_all = to_eight_bits(alpha_of_all, find_largest(alpha_of_all, stated, bits))
    if is_multiplied:
        _divide_by_alpha(channels, alpha_of_all)
    if header.white_is_zero:
        channels = 255 - channels
    channels = np.repeat(channels, 3, axis=2) if channels.shape[2] == 1 else channels
    return Image.fromarray(np.ascontiguousarray(np.concatenate([channels, alpha_of_all], axis=2)))


def read_samples(data: bytes, header: DeepHeader) -> np.ndarray | None:
    """The samples as they are stored, (height, width, channels); else as `read_deep`."""
    if header.refusal:
        raise PhotoError(header.refusal)
    samples = _join_strips(data, header, header.strips) if header.strips else _decode(data)
    return None if samples is None or samples.dtype == np.uint8 else samples.reshape(*samples.shape[:2], -1)


def find_alpha(header: DeepHeader, channels: int) -> tuple[int, list[int], bool]:
    """How many colours a pixel of so many channels has, which channel is alpha, and whether it multiplies the colours.

    Where the file does not say, the last of two or four channels is alpha, as Pillow takes those of 8 bits. Programs
    for maps write red, green and blue as grey and two channels that are not named.
    """
    if not header.extra or len(header.extra) >= channels or channels != header.channels:
        colours = channels - 1 + channels % 2
        return colours, [*range(colours, channels)], False
    first = channels - len(header.extra)
    alpha = next((place for place, kind in enumerate(header.extra) if kind in ALPHAS), None)
    unnamed = len(header.extra) if alpha is None else alpha
    colours = 3 if (first, unnamed) == (1, 2) else first
    if alpha is None:
        return colours, [], False
    return colours, [first + alpha], header.extra[alpha] == ASSOCIATED


def _divide_by_alpha(eight: np.ndarray, alpha_of_all: np.ndarray) -> None:
    for start in range(0, len(eight), ROWS):
        rows = eight[start : start + ROWS]
        alpha = np.maximum(alpha_of_all[start : start + ROWS], 1).astype(np.uint16)
        rows[:] = np.minimum((rows.astype(np.uint16) * 255 + alpha // 2) // alpha, 255)


def _join_strips(data: bytes, header: DeepHeader, strips: Strips) -> np.ndarray:
    shape = (
        (strips.channels, header.height, header.width)
        if strips.planar
        else (header.height, header.width, strips.channels)
    )
    if min(shape) < 1:
        raise PhotoError("damaged: it has no pixels")
    content, needed = bytearray(), math.prod(shape) * np.dtype(strips.dtype).itemsize
    for start, length in strips.places:  # which may claim the whole file a thousand times
        content += data[start : start + min(length, needed - len(content))]
    if len(content) < needed:
        raise PhotoError("damaged: it ends before its last pixel")
    samples = np.frombuffer(content, strips.dtype).reshape(shape)
    return np.moveaxis(samples, 0, 2) if strips.planar else samples


def _decode(data: bytes) -> np.ndarray | None:
    import cv2  # .2 s, which other photos need not wait for

    with _logging:  # it prints what it does not like about a file
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            plain = without_metadata(data)  # over which libpng writes warnings itself
            samples = cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            return None
        finally:
            cv2.utils.logging.setLogLevel(level)
    if samples is None or samples.ndim == 2:
        return samples
    if samples.shape[2] > 4:
        return None
    return samples[..., [2, 1, 0, 3][: samples.shape[2]]]  # OpenCV has blue first


def _is_scaled_up(samples: np.ndarray, bits: int | None) -> bool:
    """Whether samples of a PNG that states `bits` are scaled up to 16, as its standard wants.

    Then the last 16 - bits of a dark photo's are 0, or 1 after rounding. Some programs do not scale up.
    Source: https://www.w3.org/TR/png-3/#13Sample-depth-rescaling
    """
    if bits is None or not 0 < bits < FULL_BITS:
        return False
    last = 2 ** (FULL_BITS - bits) - 1
    return bool((samples & np.uint16(last)).max(initial=0) <= min(1, last >> 1))


def find_largest(samples: np.ndarray, stated: float | None, bits: int) -> float:
    """The value of white.

    Args:
        samples: of a number of any kind.
        stated: by the file. Some programs state the bits of the camera and scale the samples up all the same; samples
            that exceed it show that.
        bits: of an integer sample, where the file does not say.
    """
    finite = samples if samples.dtype.kind != "f" else samples[np.isfinite(samples)]
    reached = float(finite.max(initial=0))
    if stated and 0 < reached <= stated:
        return stated
    if samples.dtype.kind == "f":
        known = (*LARGEST_FLOATS[:2], 2.0**bits - 1, *LARGEST_FLOATS[2:])
        return next((largest for largest in known if reached <= BEYOND_WHITE * largest), reached)
    if bits < FULL_BITS and reached < 2**bits:
        return 2.0**bits - 1
    if samples.dtype.itemsize > 2 and reached <= 65_535:  # 8 or 16 bits, in a program's usual type of number
        return 255.0 if reached <= 255 else 65_535.0
    return float(np.iinfo(samples.dtype).max)


def to_eight_bits(samples: np.ndarray, largest: float, smallest: float = 0.0) -> np.ndarray:
    """uint8 samples of the same shape: `smallest` becomes 0, `largest` 255; what is beyond is clipped."""
    eight, factor = np.empty(samples.shape, np.uint8), 255.0 / (largest - smallest)
    for start in range(0, len(samples), ROWS):  # the floats of a whole photo would take 8 times the memory
        rows = samples[start : start + ROWS]
        with np.errstate(over="ignore"):
            eight[start : start + ROWS] = np.clip(np.rint((rows - smallest) * factor), 0, 255)
    return eight

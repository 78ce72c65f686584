"""Samples of more than 8 bits, in PNG and TIFF: what they mean, and what they are in 8 bits.

A file may use a part of its samples only: a camera of 12 bits saves 0 to 4,095 in 16 bits, which would be nearly black.
What the file says itself decides (sBIT in PNG, SMaxSampleValue or MaxSampleValue in TIFF), then the number of bits that
the user gave, then the kind of number: 65,535 is the largest of 16 bits.
"""

import contextlib
import io
import math
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from PIL import Image

from image_kit.errors import name_disk_failure
from image_kit.photos.photo_files import PhotoError
from image_kit.photos.silence import pillow_silenced

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

PNG, TIFFS = b"\x89PNG\r\n\x1a\n", (b"II*\0", b"MM\0*")
PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by its kind of colour
START = 4096  # bytes in which a PNG says all that counts here
FEWEST_BITS, FULL_BITS = 9, 16  # of a sample; the second where nobody says more
# Tags of TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION, CHANNELS = 256, 257, 258, 259, 262, 273, 274, 277
FILL_ORDER, STRIP_BYTES, MAX_SAMPLE, PLANAR, SAMPLE_FORMAT, SMIN_SAMPLE, SMAX_SAMPLE = 266, 279, 281, 284, 339, 340, 341
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2  # kinds of PHOTOMETRIC that are read here
KINDS = {1: "u", 2: "i", 3: "f"}  # of SAMPLE_FORMAT, as NumPy names them
LARGEST_FLOATS = (1.0, 255.0, 65535.0)  # what floats reach, in files of different programs
BEYOND_WHITE = 1.25  # times white: what resampling with a sharp filter makes of the edges in floats
ROWS = 256  # at once
CHECKED_FILES, NEARLY_BLACK_BITS = 20, 14
_logging = threading.Lock()


@dataclass(frozen=True)
class DeepHeader:
    """What a PNG or TIFF of more than 8 bits a sample says about itself.

    Attributes:
        width, height: pixels.
        largest, smallest: of what a sample may be by the file's own words; None and 0 if it does not say.
        white_is_zero: whether larger samples are darker.
        orientation: as in EXIF, 1 to 8; 1 for PNG, whose EXIF Pillow reads.
        strips: of a TIFF without compression; None for OpenCV to decode.
        scaled_up_bits: of a PNG: by its rule, samples of so few bits are scaled up to 16.
        bits: of a sample as it is stored.
        channels: of a pixel.
    """

    width: int
    height: int
    largest: float | None
    white_is_zero: bool = False
    orientation: int = 1
    smallest: float = 0.0
    strips: "Strips | None" = None
    scaled_up_bits: int | None = None
    bits: int = FULL_BITS
    channels: int = 1

    @property
    def pixel_bytes(self) -> float:
        """Bytes of a pixel's samples."""
        return self.channels * self.bits / 8


@dataclass(frozen=True)
class Strips:
    """Where a TIFF without compression has its samples.

    Attributes:
        dtype: of NumPy, such as "<u2".
        channels: of a pixel.
        planar: whether each channel is stored on its own.
        places: offset and length of each strip, in bytes.
    """

    dtype: str
    channels: int
    planar: bool
    places: tuple[tuple[int, int], ...]


def read_deep_header(source: Path | str | bytes) -> DeepHeader | None:
    """The header of a PNG or TIFF with more than 8 bits a sample, in grey or RGB; None for any other file."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
            start = file.read(START)
            if start.startswith(PNG) and start[24:25] == b"\x10":
                return _read_png(start)
            if start.startswith(TIFFS):
                file.seek(0)
                return _read_tiff(file)
    except (OSError, struct.error, SyntaxError, ValueError, KeyError, TypeError, IndexError) as error:
        if name_disk_failure(error):  # otherwise Pillow would read the same photo with other pixels
            raise
    return None


def _read_png(start: bytes) -> DeepHeader:
    width, height = struct.unpack(">II", start[16:24])
    place, bits = 8, None
    while place + 8 <= len(start):
        length, kind = struct.unpack(">I4s", start[place : place + 8])
        if kind == b"sBIT" and length:
            bits = max(start[place + 8 : place + 8 + length])
        if kind == b"IDAT":
            break
        place += length + 12
    channels = PNG_CHANNELS.get(start[25], 1)
    return DeepHeader(width, height, 2.0**bits - 1 if bits else None, scaled_up_bits=bits, channels=channels)


def _read_tiff(file: IO[bytes]) -> DeepHeader | None:
    from PIL import TiffImagePlugin  # as Pillow, which imports it once there is a TIFF

    tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
    file.seek(tags.next)
    with pillow_silenced():
        tags.load(file)
    photometric = tags.get(PHOTOMETRIC, BLACK_IS_ZERO)
    if max(_numbers(tags.get(BITS, 1))) <= 8 or photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        return None
    largest = float(max(_numbers(tags.get(SMAX_SAMPLE) or tags.get(MAX_SAMPLE) or 0)))
    smallest = float(min(_numbers(tags.get(SMIN_SAMPLE) or 0)))
    is_range = largest > smallest and np.isfinite([smallest, largest]).all()
    strips = _read_strips(tags)
    return DeepHeader(
        int(tags[WIDTH]),
        int(tags[HEIGHT]),
        largest if is_range else None,
        photometric == WHITE_IS_ZERO,
        int(tags.get(ORIENTATION, 1)) if strips else 1,  # OpenCV turns a TIFF upright itself
        smallest if is_range else 0.0,
        strips,
        bits=int(max(_numbers(tags[BITS]))),
        channels=int(_numbers(tags.get(CHANNELS, 1))[0]),
    )


def _read_strips(tags: "ImageFileDirectory_v2") -> Strips | None:
    bits, planar = set(_numbers(tags[BITS])), tags.get(PLANAR, 1) == 2
    is_plain = tags.get(COMPRESSION, 1) == tags.get(FILL_ORDER, 1) == 1 and STRIPS in tags
    is_plain = is_plain and len(bits) == 1 and bits <= {16, 32, 64}
    if not is_plain:
        if planar:
            raise PhotoError("channels of more than 8 bits, each stored on its own, and compressed; save it as PNG")
        return None
    kind = KINDS[int(_numbers(tags.get(SAMPLE_FORMAT, 1))[0])]
    order = "<" if tags.prefix.startswith(b"II") else ">"
    places = tuple(zip(map(int, _numbers(tags[STRIPS])), map(int, _numbers(tags[STRIP_BYTES])), strict=True))
    return Strips(f"{order}{kind}{int(bits.pop()) // 8}", int(tags.get(CHANNELS, 1)), planar, places)


def _numbers(value: object) -> Sequence[float]:
    return value if isinstance(value, tuple) else (value,)  # type: ignore[return-value]


def read_deep(data: bytes, header: DeepHeader, bits: int = FULL_BITS) -> Image.Image | None:
    """The pixels as a Pillow image of 8 bits: "RGB", or "RGBA" if the file has transparency. Not turned upright.

    Args:
        data: the bytes of the file.
        header: of `read_deep_header`.
        bits: of an integer sample, where the file does not say.

    Returns:
        None if OpenCV does not read this kind of file.
    """
    samples = _join_strips(data, header, header.strips) if header.strips else _decode(data)
    if samples is None or samples.dtype == np.uint8 or (samples.ndim == 3 and samples.shape[2] > 4):
        return None
    samples = samples.reshape(*samples.shape[:2], -1)
    if samples.dtype.kind == "f":
        samples = np.nan_to_num(samples, posinf=np.inf, neginf=0)
    stated = None if _is_scaled_up(samples, header.scaled_up_bits) else header.largest
    eight = to_eight_bits(samples, find_largest(samples, stated, bits), header.smallest)
    channels, alpha = np.split(eight, [eight.shape[2] - 1 + eight.shape[2] % 2], axis=2)
    if header.white_is_zero:
        channels = 255 - channels
    channels = np.repeat(channels, 3, axis=2) if channels.shape[2] == 1 else channels
    return Image.fromarray(np.ascontiguousarray(np.concatenate([channels, alpha], axis=2)))


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
            samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            return None
        finally:
            cv2.utils.logging.setLogLevel(level)
    if samples is None or samples.ndim == 2:
        return samples
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


def note_nearly_black(paths: Sequence[Path], bits: int) -> list[str]:
    """A line for the user if photos of 16 bits use a part of their samples only and nobody has said which; else none.

    About CHECKED_FILES of them are read.
    """
    some = [path for path in paths if path.suffix.lower() in (".png", ".tif", ".tiff")]
    some = some[:: max(1, len(some) // CHECKED_FILES)]  # of all classes
    try:
        deep = [(path, header) for path in some if (header := read_deep_header(path))]
    except OSError:  # who reads the photos says so
        return []
    if bits != FULL_BITS or any(header.largest for _, header in deep):
        return []
    reached = 0
    for path, _ in deep:
        with contextlib.suppress(OSError):
            samples = _decode(path.read_bytes())
            if samples is not None:
                if samples.dtype != np.uint16:
                    return []
                reached = max(reached, int(samples.max(initial=0)))
    if not 255 < reached < 2**NEARLY_BLACK_BITS:
        return []
    used = next(each for each in (10, 12, 14) if reached < 2**each)
    return [
        f"photos of 16 bits, such as {deep[0][0]}, use samples up to {reached:,} of 65,535, so they are nearly black; "
        f"if their camera has {used} bits, give --sample-bits {used}"
    ]

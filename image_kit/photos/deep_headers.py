"""What a PNG or TIFF of more than 8 bits a sample says about itself; deep_samples.py reads its pixels."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from image_kit.errors import name_disk_failure
from image_kit.photos.silence import pillow_silenced

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

PNG = b"\x89PNG\r\n\x1a\n"
TIFFS, BIG_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), b"II+\0"  # Pillow reads no large one that begins with MM
PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by its kind of colour
START = 4096  # bytes in which a PNG says all that counts here
FEWEST_BITS, FULL_BITS = 9, 16  # of a sample; the second where nobody says more
# Tags of TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION, CHANNELS = 256, 257, 258, 259, 262, 273, 274, 277
FILL_ORDER, STRIP_BYTES, MAX_SAMPLE, PLANAR, SAMPLE_FORMAT, SMIN_SAMPLE, SMAX_SAMPLE = 266, 279, 281, 284, 339, 340, 341
EXTRA_SAMPLES, ASSOCIATED = 338, 1
ALPHAS = (ASSOCIATED, 2)  # the second multiplies no colours; other kinds, such as infrared, are no alpha
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2  # kinds of PHOTOMETRIC that are read here
_PLANAR = "channels of more than 8 bits, each stored on its own, in a way that cannot be read; save it as PNG"
SIGNED = 2
KINDS = {1: "u", SIGNED: "i", 3: "f"}  # of SAMPLE_FORMAT, as NumPy names them


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
        extra: the kinds of those behind the colours, as EXTRA_SAMPLES has them; empty if the file does not say.
        transparent: of a PNG without alpha, the samples of pixels that are; empty if there are none.
        refusal: why its pixels cannot be read; empty if they can.
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
    extra: tuple[int, ...] = ()
    transparent: tuple[int, ...] = ()
    refusal: str = ""

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
    channels = PNG_CHANNELS.get(start[25], 1)
    place, bits, transparent = 8, None, ()
    while place + 8 <= len(start):
        length, kind = struct.unpack(">I4s", start[place : place + 8])
        if kind == b"sBIT" and length:
            bits = max(start[place + 8 :][: min(length, channels - 1 + channels % 2)])  # of the colours, without alpha
        if kind == b"tRNS" and channels in (1, 3) and length == 2 * channels:
            transparent = struct.unpack_from(f">{channels}H", start, place + 8)
        if kind == b"IDAT":
            break
        place += length + 12
    largest = 2.0**bits - 1 if bits else None
    return DeepHeader(width, height, largest, scaled_up_bits=bits, channels=channels, transparent=transparent)


def _read_tiff(file: IO[bytes]) -> DeepHeader | None:
    from PIL import TiffImagePlugin  # as Pillow, which imports it once there is a TIFF

    start = file.read(8)
    tags = TiffImagePlugin.ImageFileDirectory_v2(start + file.read(8) if start.startswith(BIG_TIFF) else start)
    file.seek(tags.next)
    with pillow_silenced():
        tags.load(file)
    photometric = tags.get(PHOTOMETRIC, BLACK_IS_ZERO)
    bits = int(max(_numbers(tags.get(BITS, 1))))
    channels = int(_numbers(tags.get(CHANNELS, 1))[0])
    extra = tuple(map(int, _numbers(tags.get(EXTRA_SAMPLES, ()))))
    unnamed = channels - sum(kind in ALPHAS for kind in extra) if photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO) else 0
    strips = _read_strips(tags)
    are_unknown = unnamed > (3 if strips else 2)  # OpenCV and Pillow would make one grey of three
    is_signed = _numbers(tags.get(SAMPLE_FORMAT, 1))[0] == SIGNED
    if bits <= 8 and not (is_signed or are_unknown):
        return None
    are_apart = tags.get(PLANAR, 1) == 2 and channels > 1
    refusal = _PLANAR if are_apart and not strips else ""
    if bits <= 8 and is_signed:  # Pillow would read -1 as 255
        refusal = "samples with a sign of 8 bits, which cannot be read; save it as PNG"
    elif are_unknown:
        refusal = f"{unnamed} channels, and nothing says which are red, green and blue; save those three as PNG"
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        if not are_apart:
            return None
        refusal = _PLANAR  # Pillow would take the parts for whole pixels
    largest = float(max(_numbers(tags.get(SMAX_SAMPLE) or tags.get(MAX_SAMPLE) or 0)))
    smallest = float(min(_numbers(tags.get(SMIN_SAMPLE) or 0)))
    is_range = largest > smallest and np.isfinite([smallest, largest]).all()
    return DeepHeader(
        int(tags[WIDTH]),
        int(tags[HEIGHT]),
        largest if is_range else None,
        photometric == WHITE_IS_ZERO,
        int(tags.get(ORIENTATION, 1)) if strips else 1,  # OpenCV turns a TIFF upright itself
        smallest if is_range else 0.0,
        strips,
        bits=bits,
        channels=channels,
        extra=extra,
        refusal=refusal,
    )


def _read_strips(tags: "ImageFileDirectory_v2") -> Strips | None:
    bits, planar = set(_numbers(tags.get(BITS, 1))), tags.get(PLANAR, 1) == 2
    is_plain = tags.get(COMPRESSION, 1) == tags.get(FILL_ORDER, 1) == 1 and STRIPS in tags
    is_plain = is_plain and len(bits) == 1 and bits <= {16, 32, 64}
    if not is_plain:
        return None
    kind = KINDS[int(_numbers(tags.get(SAMPLE_FORMAT, 1))[0])]
    order = "<" if tags.prefix.startswith(b"II") else ">"
    places = tuple(zip(map(int, _numbers(tags[STRIPS])), map(int, _numbers(tags[STRIP_BYTES])), strict=True))
    return Strips(f"{order}{kind}{int(bits.pop()) // 8}", int(tags.get(CHANNELS, 1)), planar, places)


def _numbers(value: object) -> Sequence[float]:
    return value if isinstance(value, tuple) else (value,)  # type: ignore[return-value]

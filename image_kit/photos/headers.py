"""What a photo's file says about itself before any pixel is decoded: size, format, compression, camera, orientation."""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from image_kit.photos.deep_headers import DeepHeader, read_deep_header
from image_kit.photos.metadata import jpeg_frame, without_metadata
from image_kit.photos.opening import open_header, without_pillows_limit
from image_kit.photos.silence import pillow_silenced

# Sums of the luminance table of the JPEG standard (ITU T.81, table K.1), which programs scale by the quality: 100 % is
# quality 50. https://github.com/libjpeg-turbo/libjpeg-turbo/blob/main/src/jcparam.c has the scale.
_TABLE_SUM = 3688
_FAMILIES = {"MPO": "JPEG", "DIB": "BMP"}  # formats that share the suffixes of another
_DEEP_MODES = {"1": 1, "I": 32, "F": 32}
_WIDTH, _HEIGHT, _BITS_PER_SAMPLE = 256, 257, 258  # tags of TIFF; the first two as it is stored
_TURNED_SIDEWAYS = frozenset((5, 6, 7, 8))  # values of EXIF orientation


@dataclass(frozen=True)
class PhotoHeader:
    """What a photo's file says about itself.

    Attributes:
        format: Pillow's name, such as "JPEG".
        width, height: pixels of the upright photo.
        quality: of a JPEG, 1 to 100, estimated from its quantization tables; 0 for other formats.
        camera: maker and model of EXIF; empty if there are none.
        taken: the time of EXIF, in seconds since 1970 by the camera's clock; nan if there is none.
        was_turned: whether EXIF turns a photo that is upright already: the pixels have been turned since the camera
            stored them, by the size that EXIF gives for them, but the orientation is still the old one.
        bits: of a sample.
        frames: more than 1 for an animation.
    """

    format: str
    width: int
    height: int
    quality: int
    camera: str
    taken: float
    was_turned: bool
    bits: int
    frames: int


def read_header(data: bytes) -> PhotoHeader:
    """Read the header of a photo.

    Args:
        data: the bytes of a file that `open_photo` can decode; of others, Pillow may raise anything.
    """
    try:
        return without_pillows_limit(lambda: _read_pillows_header(data))
    except (ValueError, SyntaxError, Image.UnidentifiedImageError):  # as in decode_photo
        if (plain := without_metadata(data)) != data:
            return without_pillows_limit(lambda: _read_pillows_header(plain))
        if (deep := read_deep_header(data)) is None:
            raise
        return _describe_deep(deep)


def _read_pillows_header(data: bytes) -> PhotoHeader:
    with pillow_silenced(), open_header(data) as image:
        tags = _read_exif(image)
        claimed_orientation = tags.get(ExifTags.Base.Orientation)
        orientation = next((known for known in range(2, 9) if known == claimed_orientation), 1)
        of_tiff = getattr(image, "tag_v2", {})  # since version 11 Pillow gives the size of a TIFF upright
        stored = of_tiff.get(_WIDTH, image.width), of_tiff.get(_HEIGHT, image.height)
        width, height = stored[::-1] if orientation in _TURNED_SIDEWAYS else stored
        claimed = tags.get(ExifTags.Base.ExifImageWidth), tags.get(ExifTags.Base.ExifImageHeight)
        return PhotoHeader(
            format=image.format or "",
            width=width,
            height=height,
            quality=_estimate_quality(image),
            camera=_join(tags.get(ExifTags.Base.Make), tags.get(ExifTags.Base.Model)),
            taken=_read_time(tags.get(ExifTags.Base.DateTimeOriginal) or tags.get(ExifTags.Base.DateTime)),
            was_turned=orientation in _TURNED_SIDEWAYS and stored[0] != stored[1] and claimed == stored[::-1],
            bits=_find_bits(image, data),
            frames=_count_frames(image),
        )


def _describe_deep(deep: DeepHeader) -> PhotoHeader:
    """Of a TIFF that Pillow does not read."""
    sides = (deep.width, deep.height)
    width, height = sides[::-1] if deep.orientation in _TURNED_SIDEWAYS else sides
    return PhotoHeader("TIFF", width, height, 0, "", float("nan"), False, deep.bits, 1)


def _count_frames(image: Image.Image) -> int:
    with contextlib.suppress(Exception):  # damage behind the first frame, which is sound
        return int(getattr(image, "n_frames", 1)) if getattr(image, "is_animated", False) else 1
    return 1


def jpeg_bits(data: bytes) -> int:
    """Bits of a sample of a JPEG, from its frame header; 0 if there is none. Pillow decodes those of 8 bits only."""
    return jpeg_frame(data)[1]


def _read_exif(image: Image.Image) -> dict[int, object]:
    with contextlib.suppress(Exception):  # Pillow raises many types on damaged EXIF; the photo is still good
        exif = image.getexif()
        return {**exif, **exif.get_ifd(ExifTags.IFD.Exif)} if len(exif) else {}
    return {}


def _estimate_quality(image: Image.Image) -> int:
    tables = getattr(image, "quantization", None) if image.format == "JPEG" else None
    if not tables:
        return 0
    percent = 100 * float(np.sum(tables[min(tables)])) / _TABLE_SUM
    quality = (200 - percent) / 2 if percent <= 100 else 5000 / percent
    return int(np.clip(round(quality), 1, 100))


def _find_bits(image: Image.Image, data: bytes) -> int:
    if image.format == "JPEG":
        return jpeg_bits(data) or 8
    if image.mode.startswith("I;16"):
        of_tiff = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))
        return int(of_tiff[0])
    return _DEEP_MODES.get(image.mode, 8)


def _join(*names: object) -> str:
    return " ".join(name.strip(" \0") for name in names if isinstance(name, str)).strip()


def _read_time(text: object) -> float:
    with contextlib.suppress(ValueError):
        # A camera's clock has no time zone; only differences of times matter.
        return (datetime.strptime(str(text)[:19], "%Y:%m:%d %H:%M:%S") - datetime(1970, 1, 1)).total_seconds()
    return float("nan")


def fits_suffix(path: Path, format_name: str) -> bool:
    """Whether a file's suffix is one of those of its format; MPO is JPEG with a second picture in it."""
    of_suffix = Image.registered_extensions().get(path.suffix.lower())
    return of_suffix is None or _FAMILIES.get(of_suffix, of_suffix) == _FAMILIES.get(format_name, format_name)

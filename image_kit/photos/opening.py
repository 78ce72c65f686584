"""One photo file to one upright image of 8-bit samples: the only place that opens a photo."""

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps

from image_kit.photos.deep_samples import FULL_BITS, PNG, TIFFS, DeepHeader, read_deep, read_deep_header, to_eight_bits
from image_kit.photos.heic import is_heic, read_heic
from image_kit.photos.other_kinds import START, name_other_kind
from image_kit.photos.photo_files import PhotoError, refuse_other_than_files
from image_kit.photos.png_metadata import without_png_metadata
from image_kit.photos.silence import pillow_silenced

# Decoded as RGB this takes 600 MB; a header can claim more than the file contains (a "decompression bomb").
MAX_PIXELS = 200_000_000
# Formats that Pillow hands to another program, such as Ghostscript: a stranger's drawing must not reach it.
PROGRAMS = ("EPS", "WMF")
_lifting_limit = threading.Lock()
Result = TypeVar("Result")


def open_photo(source: Path | str | bytes, smallest: int | None = None, sample_bits: int = FULL_BITS) -> Image.Image:
    """Decode one photo to RGB, upright.

    EXIF orientation is applied; of an animation the first frame is taken; deeper samples are scaled to 8 bits, see
    deep_samples.py; transparent pixels are blended with white.

    Args:
        source: a path, or the bytes of a file.
        smallest: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as both
            sides keep at least this many pixels (up to 8 times faster for a camera's photo).
        sample_bits: bits that the samples of deeper photos use where the file does not say.

    Returns:
        A Pillow image in mode "RGB".

    Raises:
        PhotoError: the file is missing, empty, damaged, truncated, too large or not an image.
    """
    if not isinstance(source, bytes):
        refuse_other_than_files(source)
    with _failing_as_photo_error(source):
        header = read_deep_header(source)
    if header:
        with _failing_as_photo_error(source), pillow_silenced():
            if (image := _open_deep(source, header, sample_bits)) is not None:
                return image
    return decode_photo(source, partial(_to_rgb, sample_bits=sample_bits), smallest)


def decode_photo(
    source: Path | str | bytes, convert: Callable[[Image.Image], Image.Image], smallest: int | None = None
) -> Image.Image:
    """What `convert` returns for a photo that is decoded and upright; see `open_photo` for the rest."""
    if not isinstance(source, bytes):
        refuse_other_than_files(source)

    def decode() -> Image.Image:
        with open_header(source) as image:
            _refuse_too_large(image.width, image.height)
            if smallest:
                image.draft(None, (smallest, smallest))
            image.load()
            return convert(_turn_upright(image))

    with _failing_as_photo_error(source), pillow_silenced():
        try:
            return _without_pillows_limit(decode)
        except ValueError:  # Pillow reads a PNG file's texts and colour profile, and refuses large ones
            data = source if isinstance(source, bytes) else Path(source).read_bytes()
            source = without_png_metadata(data)
            if source is data:
                raise
            return _without_pillows_limit(decode)


def _open_deep(source: Path | str | bytes, header: DeepHeader, sample_bits: int) -> Image.Image | None:
    """A photo of more than 8 bits a sample, as `open_photo` returns it; None if Pillow has to read it."""
    _refuse_too_large(2 * header.width, header.height)  # samples of 16 bits take twice the memory
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    image = read_deep(data, header, sample_bits)
    if image is None:
        return None
    image.getexif()[ExifTags.Base.Orientation] = header.orientation
    if data.startswith(PNG):
        with contextlib.suppress(Exception), open_header(data) as opened:  # as in _turn_upright
            image.getexif()[ExifTags.Base.Orientation] = opened.getexif().get(ExifTags.Base.Orientation, 1)
    return _to_rgb(_turn_upright(image))


def _refuse_too_large(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{width} x {height} pixels are more than {MAX_PIXELS:,}")


def convert_image(image: Image.Image) -> Image.Image:
    """A Pillow image of any mode as `open_photo` returns it; the image itself keeps its pixels and its metadata.

    Raises:
        PhotoError: its file is damaged or truncated, which Pillow finds when it decodes the pixels.
    """
    with _failing_as_photo_error(), pillow_silenced():
        image.load()
        upright = image
        with contextlib.suppress(Exception):  # as in _turn_upright
            upright = ImageOps.exif_transpose(image)
        return _to_rgb(upright)


@contextlib.contextmanager
def _failing_as_photo_error(source: Path | str | bytes = b"") -> Iterator[None]:
    """Raise a PhotoError in place of whatever Pillow raises; of a `source` that is no image, it says what it is."""
    try:
        yield
    except PhotoError:
        raise
    except FileNotFoundError:
        raise PhotoError("no such file") from None
    except Image.UnidentifiedImageError:
        kind = name_other_kind(_read_start(source))
        if not kind and _read_start(source).startswith(TIFFS):
            raise PhotoError("a TIFF of a kind that cannot be read, or damaged; save it as PNG or JPEG") from None
        raise PhotoError(f"not an image: it is {kind}" if kind else "not an image, or damaged") from None
    except OSError as error:
        raise PhotoError(error.strerror or str(error)) from None
    # Pillow's decoders raise all of these, and struct.error or IndexError, on damaged files.
    except Exception as error:
        raise PhotoError(str(error) or type(error).__name__) from None


def _read_start(source: Path | str | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:START]
    with open(source, "rb") as file:
        return file.read(START)


def open_header(source: Path | str | bytes, formats: tuple[str, ...] | None = None) -> ImageFile.ImageFile:
    """A Pillow image, its pixels not decoded yet; `formats` are Pillow's names, None for all and HEIC."""

    def open_image() -> ImageFile.ImageFile:
        image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=formats)
        if image.format in PROGRAMS:
            image.close()
            raise PhotoError(f"is a drawing in {image.format}, which another program would have to run; save it as PNG")
        return image

    try:
        return open_image()
    except Image.UnidentifiedImageError:
        if formats or not is_heic(source):
            raise
        read_heic()
        return open_image()


def is_image(data: bytes) -> bool:
    """Whether the bytes of a file begin as an image does."""
    if is_heic(data):  # also where it cannot be read
        return True
    with contextlib.suppress(Exception), pillow_silenced():  # Pillow may raise anything on other data
        _without_pillows_limit(lambda: open_header(data).close())
        return True
    return False


def _without_pillows_limit(work: Callable[[], Result]) -> Result:
    """What `work` returns, also for a photo that exceeds Pillow's own limit of 179 million pixels.

    The limit is a global of Pillow's that other code may rely on. So it is lifted for one such photo at a time, and
    while this photo is decoded only.
    """
    try:
        return work()
    except Image.DecompressionBombError:
        with _pillows_limit_lifted():
            return work()


@contextlib.contextmanager
def _pillows_limit_lifted() -> Iterator[None]:
    with _lifting_limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _turn_upright(image: Image.Image) -> Image.Image:
    # Damaged EXIF does not tell the orientation; the pixels are still good.
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)  # otherwise it copies every photo, upright ones too
    return image


def _to_rgb(image: Image.Image, sample_bits: int = FULL_BITS) -> Image.Image:
    image = to_8_bits(image, sample_bits)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def to_8_bits(image: Image.Image, sample_bits: int = FULL_BITS) -> Image.Image:
    """The image with 8-bit samples: see `_scale_samples` for deeper ones; others stay as they are."""
    is_deep = image.mode.startswith(("I", "F"))
    return Image.fromarray(_scale_samples(np.asarray(image), image.mode, sample_bits)) if is_deep else image


def _scale_samples(samples: np.ndarray, mode: str, sample_bits: int) -> np.ndarray:
    """Scale integers beyond 255 by what 16 bits reach, or fewer, and floats in 0..1 by 255; clip others. NaN is 0."""
    if mode == "F":
        samples = np.nan_to_num(samples)
    if mode.startswith("I;16") or (mode == "I" and samples.max() > 255):
        used = sample_bits if samples.max() < 2**sample_bits else FULL_BITS
        return to_eight_bits(samples, 2.0**used - 1)
    return to_eight_bits(samples, 1.0 if mode == "F" and samples.max() <= 1 else 255.0)

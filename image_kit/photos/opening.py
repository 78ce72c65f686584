"""One photo file to one upright image of 8-bit samples: the only place that opens a photo."""

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageFile, ImageOps

from image_kit.photos.heic import is_heic, read_heic
from image_kit.photos.photo_files import PhotoError, refuse_other_than_files
from image_kit.photos.png_metadata import without_png_metadata
from image_kit.photos.silence import pillow_silenced

# Decoded as RGB this takes 600 MB; a header can claim more than the file contains (a "decompression bomb").
MAX_PIXELS = 200_000_000
# Formats that Pillow hands to another program, such as Ghostscript: a stranger's drawing must not reach it.
PROGRAMS = ("EPS", "WMF")
_lifting_limit = threading.Lock()
Result = TypeVar("Result")


def open_photo(source: Path | str | bytes, smallest: int | None = None) -> Image.Image:
    """Decode one photo to RGB, upright.

    EXIF orientation is applied; of an animation the first frame is taken; 16-bit and float samples are scaled to
    8 bits; transparent pixels are blended with white.

    Args:
        source: a path, or the bytes of a file.
        smallest: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as both
            sides keep at least this many pixels (up to 8 times faster for a camera's photo).

    Returns:
        A Pillow image in mode "RGB".

    Raises:
        PhotoError: the file is missing, empty, damaged, truncated, too large or not an image.
    """
    return decode_photo(source, _to_rgb, smallest)


def decode_photo(
    source: Path | str | bytes, convert: Callable[[Image.Image], Image.Image], smallest: int | None = None
) -> Image.Image:
    """What `convert` returns for a photo that is decoded and upright; see `open_photo` for the rest."""
    if not isinstance(source, bytes):
        refuse_other_than_files(source)

    def decode() -> Image.Image:
        with open_header(source) as image:
            if image.width * image.height > MAX_PIXELS:
                raise PhotoError(f"{image.width} x {image.height} pixels are more than {MAX_PIXELS:,}")
            if smallest:
                image.draft(None, (smallest, smallest))
            image.load()
            return convert(_turn_upright(image))

    with _failing_as_photo_error(), pillow_silenced():
        try:
            return _without_pillows_limit(decode)
        except ValueError:  # Pillow reads a PNG file's texts and colour profile, and refuses large ones
            data = source if isinstance(source, bytes) else Path(source).read_bytes()
            source = without_png_metadata(data)
            if source is data:
                raise
            return _without_pillows_limit(decode)


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
def _failing_as_photo_error() -> Iterator[None]:
    """Raise a PhotoError in place of whatever Pillow raises."""
    try:
        yield
    except PhotoError:
        raise
    except FileNotFoundError:
        raise PhotoError("no such file") from None
    except Image.UnidentifiedImageError:
        raise PhotoError("not an image, or damaged") from None
    except OSError as error:
        raise PhotoError(error.strerror or str(error)) from None
    # Pillow's decoders raise all of these, and struct.error or IndexError, on damaged files.
    except Exception as error:
        raise PhotoError(str(error) or type(error).__name__) from None


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


def _to_rgb(image: Image.Image) -> Image.Image:
    image = to_8_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def to_8_bits(image: Image.Image) -> Image.Image:
    """The image with 8-bit samples: see `_scale_samples` for deeper ones; others stay as they are."""
    is_deep = image.mode.startswith(("I", "F"))
    return Image.fromarray(_scale_samples(np.asarray(image), image.mode)) if is_deep else image


def _scale_samples(samples: np.ndarray, mode: str) -> np.ndarray:
    """Scale 16-bit integers by 1/257 (65535 -> 255) and floats in 0..1 by 255; other values are clipped, NaN is 0."""
    if mode == "F":
        samples = np.nan_to_num(samples)
    if mode.startswith("I;16") or (mode == "I" and samples.max() > 255):
        samples = samples / 257
    elif mode == "F" and samples.max() <= 1:
        samples = samples * 255.0
    return np.clip(np.rint(samples), 0, 255).astype(np.uint8)

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

from image_kit.errors import name_disk_failure
from image_kit.photos.decoding_memory import DECODERS_BYTES, PILLOW_BYTES, memory_for
from image_kit.photos.deep_headers import FULL_BITS, PNG, TIFFS, DeepHeader, read_deep_header
from image_kit.photos.deep_samples import find_largest, read_deep, to_eight_bits
from image_kit.photos.heic import is_heic, read_heic
from image_kit.photos.metadata import JPEG, MOST_BEFORE_FRAME, is_lossless, name_frame, without_metadata
from image_kit.photos.other_kinds import START, name_other_kind
from image_kit.photos.photo_files import PhotoError, refuse_other_than_files
from image_kit.photos.silence import pillow_silenced
from image_kit.photos.unset_alpha import is_alpha_unset
from image_kit.retries import read_again

# Pillow takes 4 bytes for each pixel of several samples, so this is 800 MB, and as much again for the result. A header
# can claim more than the file contains (a "decompression bomb").
MAX_PIXELS = 200_000_000
MAX_SAMPLE_BYTES = 4 * MAX_PIXELS  # of deeper samples, which NumPy holds
DEEP_RESULT_BYTES = 12  # of a pixel: the samples of 8 bits, in NumPy, in Pillow, and as RGB
WHOLE_DECODERS = ("WEBP", "AVIF", "JPEG2000", "HEIF", "GIF")  # which hold the image a second time
MOST_METADATA = 2**24  # bytes in which a JPEG says what it is
BLENDED_ROWS = 256  # at once: transparency takes three more images
# What Pillow opens but must not decode: it hands drawings to another program, such as Ghostscript, which a stranger's
# file must not reach; it decodes icons of macOS into any amount of memory (16 GB for a file of its own tests); the
# others not at all.
_DRAWING = "which another program would have to run; save it as PNG"
OTHER_FORMATS = {
    "EPS": f"is a drawing in EPS, {_DRAWING}",
    "WMF": f"is a drawing in WMF, {_DRAWING}",
    "ICNS": "is an icon of macOS; save it as PNG",
    "MPEG": "is a video; save its frames as images",
    **dict.fromkeys(("BUFR", "GRIB", "HDF5"), "is a table of numbers and no image"),
}
PALETTE = 320  # a tag of TIFF
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
    return decode_photo(source, partial(_to_rgb, sample_bits=sample_bits), smallest, sample_bits)


@read_again
def decode_photo(
    source: Path | str | bytes,
    convert: Callable[[Image.Image], Image.Image],
    smallest: int | None = None,
    sample_bits: int = FULL_BITS,
) -> Image.Image:
    """What `convert` returns for a photo that is decoded and upright; see `open_photo` for the rest."""
    if not isinstance(source, bytes):
        refuse_other_than_files(source)

    def decode() -> Image.Image:
        with open_header(source) as image:
            _refuse_too_large(image.width, image.height)
            is_jpeg = image.format in ("JPEG", "MPO")  # which alone can be decoded smaller
            if smallest and is_jpeg and not is_lossless(_read_start(source, MOST_BEFORE_FRAME)):
                image.draft(None, (smallest, smallest))
            own_buffer = image.format in WHOLE_DECODERS or image.mode.startswith(("I", "F"))
            with memory_for(*image.size, DECODERS_BYTES if own_buffer else PILLOW_BYTES):
                image.load()
                _mend_palette(image)
                return convert(_turn_upright(image))

    with _failing_as_photo_error(source), pillow_silenced():
        header = read_deep_header(source)
        if header:
            _refuse_too_deep(header)
            with memory_for(header.width, header.height, 3 * header.pixel_bytes + DEEP_RESULT_BYTES):
                deep = _open_deep(source, header, sample_bits)
                if deep is not None:
                    return convert(deep)
        try:
            return without_pillows_limit(decode)
        except (ValueError, SyntaxError, Image.UnidentifiedImageError):  # perhaps of large or damaged metadata alone
            if not _read_start(source).startswith((PNG, JPEG)):
                raise
            data = source if isinstance(source, bytes) else Path(source).read_bytes()
            source = without_metadata(data)
            if source == data:
                raise
            return without_pillows_limit(decode)


def _open_deep(source: Path | str | bytes, header: DeepHeader, sample_bits: int) -> Image.Image | None:
    """A photo of more than 8 bits a sample, upright, in mode RGB or RGBA; None if Pillow has to read it."""
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    image = read_deep(data, header, sample_bits)
    if image is None:
        return None
    image.getexif()[ExifTags.Base.Orientation] = header.orientation
    if data.startswith(PNG):
        with contextlib.suppress(Exception), open_header(data) as opened:  # as in _turn_upright
            image.getexif()[ExifTags.Base.Orientation] = opened.getexif().get(ExifTags.Base.Orientation, 1)
    return _turn_upright(image)


def _refuse_too_deep(header: DeepHeader) -> None:
    _refuse_too_large(2 * header.width, header.height)  # samples of 16 bits take twice the memory
    sample_bytes = header.width * header.height * header.pixel_bytes
    if sample_bytes > MAX_SAMPLE_BYTES:
        raise PhotoError(
            f"{header.width} x {header.height} pixels of {header.pixel_bytes:.3g} bytes are more than "
            f"{MAX_SAMPLE_BYTES:,} bytes"
        )


def _refuse_too_large(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{width} x {height} pixels are more than {MAX_PIXELS:,}")


def convert_image(image: Image.Image, sample_bits: int = FULL_BITS) -> Image.Image:
    """A Pillow image of any mode as `open_photo` returns it; the image itself keeps its pixels and its metadata.

    Raises:
        PhotoError: its file is damaged or truncated, which Pillow finds when it decodes the pixels; or it has none.
    """
    with _failing_as_photo_error(), pillow_silenced():
        if getattr(image, "tile", None) and image.fp is None:  # type: ignore[attr-defined]
            raise PhotoError("its file was closed before its pixels were read; call image.load() before that")
        if 0 in image.size:  # such as a crop beside the photo
            raise PhotoError(f"it has no pixels: {image.width} x {image.height}")
        image.load()
        upright = image
        with contextlib.suppress(Exception):  # as in _turn_upright
            upright = ImageOps.exif_transpose(image)
            upright.format = image.format  # which a copy loses
        return _to_rgb(upright, sample_bits)


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
        if frame := name_frame(_read_start(source, MOST_METADATA)):
            raise PhotoError(frame) from None
        kind = name_other_kind(_read_start(source))
        if not kind and _read_start(source).startswith(TIFFS):
            raise PhotoError("a TIFF of a kind that cannot be read, or damaged; save it as PNG or JPEG") from None
        raise PhotoError(f"not an image: it is {kind}" if kind else "not an image, or damaged") from None
    except OSError as error:
        raise PhotoError(name_disk_failure(error) or error.strerror or str(error)) from None
    # Pillow's decoders raise all of these, and struct.error or IndexError, on damaged files.
    except Exception as error:
        raise PhotoError(str(error) or type(error).__name__) from None


def _read_start(source: Path | str | bytes, length: int = START) -> bytes:
    if isinstance(source, bytes):
        return source[:length]
    with open(source, "rb") as file:
        return file.read(length)


def open_header(source: Path | str | bytes, formats: tuple[str, ...] | None = None) -> ImageFile.ImageFile:
    """A Pillow image, its pixels not decoded yet; `formats` are Pillow's names, None for all and HEIC."""

    def open_image() -> ImageFile.ImageFile:
        image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=formats)
        image.filename = ""  # otherwise Pillow maps some files: one that is cut meanwhile would end the process
        return image

    try:
        return _refuse_other_formats(open_image())
    except Image.UnidentifiedImageError:
        if formats or not is_heic(source):
            raise
        read_heic()
        return open_image()


def _refuse_other_formats(image: ImageFile.ImageFile) -> ImageFile.ImageFile:
    """The image, unless its pixels must not be asked for: see OTHER_FORMATS."""
    reason = OTHER_FORMATS.get(image.format or "")
    if image.format == "TIFF" and image.info.get("compression") == "webp":  # libtiff would write to stderr
        reason = "is a TIFF compressed as WebP; save it as PNG or JPEG"
    if reason:
        image.close()
        raise PhotoError(reason)
    return image


def is_image(data: bytes) -> bool:
    """Whether the bytes of a file begin as an image does."""
    if is_heic(data) or read_deep_header(data):  # also where it cannot be read, or not by Pillow
        return True
    with contextlib.suppress(Exception), pillow_silenced():  # Pillow may raise anything on other data
        without_pillows_limit(lambda: open_header(data).close())
        return True
    return False


def without_pillows_limit(work: Callable[[], Result]) -> Result:
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


def _mend_palette(image: Image.Image) -> None:
    """Take a TIFF's palette of 8 bits, where the format wants 16, for what it is, as libtiff does; in place."""
    colours = getattr(image, "tag_v2", {}).get(PALETTE, ())
    if image.mode == "P" and 0 < max(colours, default=0) < 256:
        image.putpalette(np.reshape(colours, (3, -1)).T.astype(np.uint8).tobytes())


def _turn_upright(image: Image.Image) -> Image.Image:
    # Damaged EXIF does not tell the orientation; the pixels are still good.
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)  # otherwise it copies every photo, upright ones too
    return image


def _to_rgb(image: Image.Image, sample_bits: int = FULL_BITS) -> Image.Image:
    image = to_8_bits(image, sample_bits)
    if image.mode == "La":  # grey that its alpha has multiplied, which Pillow converts to this mode alone
        image = image.convert("LA")
    is_blended = image.has_transparency_data and not is_alpha_unset(image)
    return _blend_with_white(image) if is_blended else image.convert("RGB")


def _blend_with_white(image: Image.Image) -> Image.Image:
    blended = Image.new("RGB", image.size)
    for top in range(0, image.height, BLENDED_ROWS):
        rows = image.crop((0, top, image.width, min(image.height, top + BLENDED_ROWS))).convert("RGBA")
        white = Image.new("RGBA", rows.size, "white")
        blended.paste(Image.alpha_composite(white, rows).convert("RGB"), (0, top))
    return blended


def to_8_bits(image: Image.Image, sample_bits: int = FULL_BITS) -> Image.Image:
    """The image with 8-bit samples: see `_scale_samples` for deeper ones; others stay as they are."""
    is_deep = image.mode.startswith(("I", "F"))
    mode = "I;16" if image.format == "PPM" and image.mode == "I" else image.mode  # Pillow scales those up itself
    return Image.fromarray(_scale_samples(np.asarray(image), mode, sample_bits)) if is_deep else image


def _scale_samples(samples: np.ndarray, mode: str, sample_bits: int) -> np.ndarray:
    """Scale integers beyond 255 by what 16 bits reach, or fewer, and floats in 0..1 by 255; clip others. NaN is 0."""
    if mode == "F":
        samples = np.nan_to_num(samples)
    if mode.startswith("I;16") or (mode == "I" and samples.max() > 255):
        used = sample_bits if samples.max() < 2**sample_bits else FULL_BITS
        return to_eight_bits(samples, 2.0**used - 1)
    return to_eight_bits(samples, find_largest(samples, None, sample_bits) if mode == "F" else 255.0)

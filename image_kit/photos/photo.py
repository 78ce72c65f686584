"""One photo file to one array: the only place that opens an image, in training and in prediction."""

import contextlib
import ctypes
import hashlib
import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from image_kit.machine import cpu_cores

PHOTO_SUFFIXES = frozenset(
    (".avif", ".bmp", ".dib", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm")
    + (".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp")
)
PROGRAMS_FILES = {"thumbs.db", "desktop.ini", "__macosx", "__pycache__"}
# Decoded as RGB this takes 600 MB; a header can claim more than the file holds (a "decompression bomb").
MAX_PIXELS = 200_000_000
# Keras's names for how to load a photo -> Pillow's. One letter of a mode is one channel.
COLOR_MODES = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}
INTERPOLATIONS = {
    name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
}

_JPEG_START = b"\xff\xd8\xff"

Image.MAX_IMAGE_PIXELS = None  # `open_photo` checks MAX_PIXELS itself, with one clear error
# Pillow keeps so many blocks of memory (16 MB at most each) for the next photos. To get them from the system for each
# photo anew takes a fifth of its decoding once TensorFlow runs, which has the system take memory back at once.
Image.core.set_blocks_max(min(2 * cpu_cores(), 16))
with contextlib.suppress(OSError, AttributeError):  # only glibc has this
    # For the same reason: what is freed stays with the process, up to 128 MB, and blocks below 32 MB (glibc's limit)
    # come from it. glibc's own limits begin at 128 kB, and a photo is larger.
    for parameter, limit in ((-1, 2**27), (-3, 2**25)):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
        ctypes.CDLL(None).mallopt(parameter, limit)
# Pillow warns about odd metadata (EXIF, palettes) in photos that it decodes all the same.
warnings.filterwarnings("ignore", module=r"PIL\.")


class PhotoError(Exception):
    """A file that is no readable photo. The message is the reason, without the file's name."""


def is_hidden(path: Path) -> bool:
    """Whether a file or folder belongs to a program and not to the user: .git, .DS_Store, __MACOSX, Thumbs.db."""
    return path.name.startswith(".") or path.name.lower() in PROGRAMS_FILES


def is_photo_name(path: Path) -> bool:
    """Whether the name is that of a photo; says nothing about the content."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not is_hidden(path)


def content_hash(data: bytes) -> str:
    """SHA-256 of a file's bytes, in hexadecimal: the identity of a photo whatever its name."""
    return hashlib.sha256(data).hexdigest()


def open_photo(source: Path | str | bytes, smallest: int | None = None) -> Image.Image:
    """Decode one photo to RGB, upright.

    EXIF orientation is applied; the first frame of an animation is taken; 16-bit and float
    samples are scaled to 8 bits; transparency is laid on white.

    Args:
        source: a path, or the bytes of a file.
        smallest: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as both
            sides keep at least this many pixels (up to 8 times faster for a camera's photo).

    Returns:
        A Pillow image in mode "RGB".

    Raises:
        PhotoError: the file is missing, empty, damaged, cut short, too large or no image.
    """
    return _opened(source, smallest, _to_rgb)


def _opened(source: Path | str | bytes, smallest: int | None, convert: Callable[[Image.Image], Image.Image]):
    """What `convert` makes of a photo that is decoded and upright; see `open_photo` for the rest."""
    _refuse_other_than_files(source)
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            if image.width * image.height > MAX_PIXELS:
                raise PhotoError(f"{image.width} x {image.height} pixels are more than {MAX_PIXELS:,}")
            if smallest:
                image.draft(None, (smallest, smallest))
            image.load()
            return convert(_upright(image))
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


def _refuse_other_than_files(source: Path | str | bytes) -> None:
    # Not pathlib's: they raise where a folder on the way may not be read, or a name is too long.
    if not isinstance(source, bytes) and os.path.exists(source) and not os.path.isfile(source):
        raise PhotoError("not a file")  # a folder; or a pipe, which might never end


def _jpeg_bytes(source: Path | str | bytes) -> bytes:
    """The content of a JPEG file; of another file the first bytes, which are none of a JPEG."""
    if isinstance(source, bytes):
        return source
    with open(source, "rb") as file:
        start = file.read(len(_JPEG_START))
        return start + file.read() if start == _JPEG_START else start


def _upright(image: Image.Image) -> Image.Image:
    # Damaged EXIF says nothing about the orientation; the pixels are still good.
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)  # otherwise it copies every photo, upright ones too
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    image = _with_8_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _with_8_bits(image: Image.Image) -> Image.Image:
    deep = image.mode.startswith(("I", "F"))
    return Image.fromarray(_to_8_bits(np.asarray(image), image.mode)) if deep else image


def _to_8_bits(samples: np.ndarray, mode: str) -> np.ndarray:
    """Scale 16-bit integers by 1/257 (65535 -> 255) and floats in 0..1 by 255; other values are clipped, NaN is 0."""
    if mode == "F":
        samples = np.nan_to_num(samples)
    if mode.startswith("I;16") or (mode == "I" and samples.max() > 255):
        samples = samples / 257
    elif mode == "F" and samples.max() <= 1:
        samples = samples * 255.0
    return np.clip(np.rint(samples), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Preprocessing:
    """How a network wants its images; travels with its weights, so that prediction repeats training.

    Attributes:
        image_shape: (height, width, channels); 3 channels are RGB, 1 is grayscale.
        rescale: factor from uint8 0..255 to what the network was trained on.
    """

    image_shape: tuple[int, int, int]
    rescale: float = 1 / 255

    def photo(self, source: Path | str | bytes) -> np.ndarray:
        """Decode a photo and resize it (antialiased bilinear, aspect ratio not kept, as Keras does).

        Returns:
            uint8 array of `image_shape`, 0..255.

        Raises:
            PhotoError: see `open_photo`.
        """
        return self.resize(open_photo(source, smallest=max(self.image_shape[:2])))

    def resize(self, image: Image.Image) -> np.ndarray:
        """A Pillow image in mode RGB as a uint8 array of `image_shape`."""
        height, width, channels = self.image_shape
        if channels == 1:
            image = image.convert("L")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(self.image_shape)

    def batch(self, images: np.ndarray) -> np.ndarray:
        """uint8 images (n, height, width, channels) as the float32 input of the network."""
        return np.multiply(images, np.float32(self.rescale), dtype=np.float32)


@dataclass(frozen=True)
class KerasLoading:
    """Photos as Keras's `load_img` and `img_to_array` load them, pixel for pixel, as uint8.

    On purpose not as in Keras: EXIF orientation is applied, and samples of 16 bits or float are scaled to 8 bits.

    Attributes:
        target_size: (height, width).
        color_mode: "rgb" (transparency is dropped), "rgba" or "grayscale".
        interpolation: a name of INTERPOLATIONS.
        keep_aspect_ratio: whether to cut the middle out, in the target's proportions, before resizing.
        channels_first: whether the arrays are (channels, height, width).

    Raises:
        ValueError: unknown color_mode or interpolation.
    """

    target_size: tuple[int, int]
    color_mode: str = "rgb"
    interpolation: str = "nearest"
    keep_aspect_ratio: bool = False
    channels_first: bool = False

    def __post_init__(self):
        for name, known in (("color_mode", COLOR_MODES), ("interpolation", INTERPOLATIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}; received {getattr(self, name)!r}")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of every array that `photo` returns."""
        height, width = self.target_size
        channels = len(COLOR_MODES[self.color_mode])
        return (channels, height, width) if self.channels_first else (height, width, channels)

    def photo(self, source: Path | str | bytes) -> np.ndarray:
        """Decode and resize one photo.

        Returns:
            uint8 array of `image_shape`, 0..255.

        Raises:
            PhotoError: see `open_photo`.
        """
        _refuse_other_than_files(source)
        pixels = self._plain_jpeg(source) if self._is_plain else None
        if pixels is None:
            pixels = np.asarray(_opened(source, None, self._arranged)).reshape(*self.target_size, -1)
        # In one piece, as in a cache: NumPy sums a view in another order, which would move a mean by its last bit.
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if self.channels_first else pixels

    @property
    def _is_plain(self) -> bool:
        return (self.color_mode, self.interpolation, self.keep_aspect_ratio) == ("rgb", "nearest", False)

    def _plain_jpeg(self, source: Path | str | bytes) -> np.ndarray | None:
        """The same pixels as Pillow's in two thirds of the time; None for what is no upright, faultless RGB JPEG."""
        import cv2  # prediction starts without these two
        import simplejpeg

        with contextlib.suppress(Exception):  # whatever is wrong with the file, Pillow names it
            data = _jpeg_bytes(source)
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
                plain = image.format == "JPEG" and image.mode == "RGB" and upright
                if not plain or image.width * image.height > MAX_PIXELS:
                    return None
            # OpenCV's exact nearest neighbour is Pillow's; its default one is not.
            return cv2.resize(
                simplejpeg.decode_jpeg(data), self.target_size[::-1], interpolation=cv2.INTER_NEAREST_EXACT
            )
        return None

    def _arranged(self, image: Image.Image) -> Image.Image:
        image = _with_8_bits(image)
        if image.mode != COLOR_MODES[self.color_mode]:
            image = image.convert(COLOR_MODES[self.color_mode])
        height, width = self.target_size
        if image.size == (width, height):
            return image
        box = _middle(image.size, (width, height)) if self.keep_aspect_ratio else None
        return image.resize((width, height), INTERPOLATIONS[self.interpolation], box)


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest box in the middle of an image with a target's proportions; sizes are (width, height)."""
    sides = min(size[0], size[1] * target[0] // target[1]), min(size[1], size[0] * target[1] // target[0])
    left, top = ((whole - side) // 2 for whole, side in zip(size, sides, strict=True))
    return left, top, left + sides[0], top + sides[1]

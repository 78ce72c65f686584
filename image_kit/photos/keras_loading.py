"""Photos as Keras loads them, pixel for pixel."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from image_kit.photos import opening
from image_kit.photos.opening import decode_photo, open_header, to_8_bits
from image_kit.photos.photo_files import refuse_other_than_files
from image_kit.photos.silence import pillow_silenced
from image_kit.retries import read_again

# Keras's names -> Pillow's. Each letter of a mode is one channel.
COLOR_MODES = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}
INTERPOLATIONS = {
    name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
}
_JPEG_START = b"\xff\xd8\xff"


@dataclass(frozen=True)
class KerasLoading:
    """Photos as Keras's `load_img` and `img_to_array` load them, pixel for pixel, as uint8.

    Two differences are on purpose: EXIF orientation is applied, and 16-bit and float samples are scaled to 8 bits.

    Attributes:
        target_size: (height, width).
        color_mode: "rgb" (transparency is dropped), "rgba" or "grayscale".
        interpolation: a name of INTERPOLATIONS.
        keep_aspect_ratio: whether to crop the middle, in the target's proportions, before resizing.
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

        Args:
            source: a path, or the bytes of a file.

        Returns:
            uint8 array of `image_shape`, 0..255.

        Raises:
            PhotoError: see `open_photo`.
        """
        pixels = self._load_plain_jpeg(source) if self._is_plain else None
        if pixels is None:
            pixels = np.asarray(decode_photo(source, self._arrange)).reshape(*self.target_size, -1)
        # Contiguous, as in a cache: NumPy sums a view in another order, which would change a mean in its last bit.
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if self.channels_first else pixels

    @property
    def _is_plain(self) -> bool:
        return (self.color_mode, self.interpolation, self.keep_aspect_ratio) == ("rgb", "nearest", False)

    def _load_plain_jpeg(self, source: Path | str | bytes) -> np.ndarray | None:
        """The same pixels as Pillow's in two thirds of the time; None unless it is an upright, undamaged RGB JPEG."""
        if not isinstance(source, bytes):
            refuse_other_than_files(source)
        import cv2  # predict.py, which does not load photos this way, need not wait for these two
        import simplejpeg

        with contextlib.suppress(Exception), pillow_silenced():  # whatever is wrong with the file, Pillow tells
            data = _read_jpeg(source)
            with open_header(data, formats=("JPEG",)) as image:
                is_upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
                is_rgb = image.format == "JPEG" and image.mode == "RGB"
                if not (is_rgb and is_upright) or image.width * image.height > opening.MAX_PIXELS:
                    return None
            # OpenCV's exact nearest neighbour equals Pillow's; its default one does not.
            return cv2.resize(
                simplejpeg.decode_jpeg(data), self.target_size[::-1], interpolation=cv2.INTER_NEAREST_EXACT
            )
        return None

    def _arrange(self, image: Image.Image) -> Image.Image:
        image = to_8_bits(image)
        if image.mode != COLOR_MODES[self.color_mode]:
            image = image.convert(COLOR_MODES[self.color_mode])
        height, width = self.target_size
        if image.size == (width, height):
            return image
        box = _middle(image.size, (width, height)) if self.keep_aspect_ratio else None
        return image.resize((width, height), INTERPOLATIONS[self.interpolation], box)


@read_again
def _read_jpeg(source: Path | str | bytes) -> bytes:
    """The content of a JPEG file; of any other file the first bytes only."""
    if isinstance(source, bytes):
        return source
    with open(source, "rb") as file:
        start = file.read(len(_JPEG_START))
        return start + file.read() if start == _JPEG_START else start


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest box in the middle of an image that has a target's proportions; sizes are (width, height)."""
    sides = min(size[0], size[1] * target[0] // target[1]), min(size[1], size[0] * target[1] // target[0])
    left, top = ((whole - side) // 2 for whole, side in zip(size, sides, strict=True))
    return left, top, left + sides[0], top + sides[1]

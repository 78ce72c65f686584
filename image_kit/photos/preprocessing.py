"""How a network wants its images: their size, channels and scale."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from image_kit.photos.deep_headers import FULL_BITS
from image_kit.photos.opening import open_photo


@dataclass(frozen=True)
class Preprocessing:
    """How a network wants its images; stored with its weights, so that prediction repeats training.

    Attributes:
        image_shape: (height, width, channels); 3 channels are RGB, 1 is grayscale.
        rescale: factor from uint8 0..255 to the values that the network was trained on.
        crop: 0 squeezes the whole photo into the image's shape, as Keras does. 1 keeps the photo's aspect ratio and
            cuts off what does not fit, at both edges alike. Between them, photos are squeezed less and cut less.
        sample_bits: bits that the samples of photos with more than 8 use, where a file does not say: 12 for many
            scientific cameras.
    """

    image_shape: tuple[int, int, int]
    rescale: float = 1 / 255
    crop: float = 0.0
    sample_bits: int = field(default=FULL_BITS, repr=False)

    def photo(self, source: Path | str | bytes) -> np.ndarray:
        """Decode a photo and resize it (antialiased bilinear).

        Args:
            source: a path, or the bytes of a file.

        Returns:
            uint8 array of `image_shape`, 0..255.

        Raises:
            PhotoError: see `open_photo`.
        """
        return self.resize(self.open(source))

    def open(self, source: Path | str | bytes) -> Image.Image:
        """A decoded photo in mode RGB, or L if images have one channel, for `resize`; see `photo`."""
        photo = open_photo(source, max(self.image_shape[:2]), self.sample_bits)
        return photo.convert("L") if self.image_shape[2] == 1 else photo

    def resize(self, image: Image.Image) -> np.ndarray:
        """A Pillow image in mode RGB or L as a uint8 array of `image_shape`, 0..255."""
        height, width, channels = self.image_shape
        if channels == 1 and image.mode != "L":
            image = image.convert("L")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR, box=self._seen(*image.size))
        return np.asarray(image).reshape(self.image_shape)

    def _seen(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of a photo that is resized: left, top, right, bottom in pixels."""
        # How many times as wide as the image the photo is, in proportion; `crop` of this, as a power, is cut off.
        wider = width * self.image_shape[0] / (height * self.image_shape[1])
        seen_width, seen_height = width / max(1.0, wider) ** self.crop, height * min(1.0, wider) ** self.crop
        left, top = (width - seen_width) / 2, (height - seen_height) / 2
        return left, top, width - left, height - top

    def batch(self, images: np.ndarray) -> np.ndarray:
        """uint8 images (n, height, width, channels) as the float32 input of the network, same shape."""
        return np.multiply(images, np.float32(self.rescale), dtype=np.float32)

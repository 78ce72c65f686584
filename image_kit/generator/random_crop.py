"""Random resized crop: each image is a random part of the photo, resized to the whole image's size."""

import numpy as np

from image_kit.generator.image_generator import ImageDataGenerator
from image_kit.generator.warp import affine_matrices, warp

# Of the part, relative to that of the image. The range that networks for ImageNet are trained with.
NARROWEST, WIDEST = 3 / 4, 4 / 3
CROP = ("crop_x", "crop_y", "crop_width", "crop_height")


class RandomCropGenerator(ImageDataGenerator):
    """An ImageDataGenerator that also cuts out a random part of each image and resizes it to the image's size.

    The cut and Keras's own transforms are one warp, with one interpolation. Keras's transforms apply to what was cut
    out. Parts are enlarged, so nothing needs to be smoothed first.

    Source: Szegedy et al., "Going Deeper with Convolutions", 2014, section 6.
    """

    def __init__(self, *arguments, random_resized_crop: tuple[float, float], **keywords):
        """
        Args:
            arguments, keywords: Keras's.
            random_resized_crop: the smallest and the largest part, as fractions of the image's area; above 0 and at
                most 1.
        """
        super().__init__(*arguments, **keywords)
        self.random_resized_crop = random_resized_crop

    @property
    def is_random(self) -> bool:
        """Always; see `ImageDataGenerator.is_random`."""
        return True

    @property
    def _warps_every_image(self) -> bool:
        return not self.channel_shift_range and self.brightness_range is None

    def _draw(self, random, img_shape: tuple) -> dict:
        """Keras's parameters and the cut: its left and top edge, width and height, as fractions of the image's.

        The area is uniform, the aspect ratio is log-uniform, and the place is uniform.
        """
        parameters = super()._draw(random, img_shape)
        area = random.uniform(*self.random_resized_crop)
        aspect = np.exp(random.uniform(np.log(NARROWEST), np.log(WIDEST)))
        width, height = np.minimum(np.sqrt(area * aspect), 1.0), np.minimum(np.sqrt(area / aspect), 1.0)
        x, y = random.random() * (1 - width), random.random() * (1 - height)
        return {**parameters, **dict(zip(CROP, (x, y, width, height), strict=True))}

    def _transform(self, x: np.ndarray, parameters: dict, out: np.ndarray | None) -> np.ndarray:
        if self._has_fast_path(x) and parameters.get("brightness") is None:
            return super()._transform(x, parameters, out)
        # Keras's own code knows no cut, so the cut is a warp of its own.
        matrix = affine_matrices({name: parameters[name] for name in CROP}, *x.shape[:2])[0]
        others = {name: value for name, value in parameters.items() if name not in CROP}
        return super()._transform(warp(x, matrix), others, out)

"""Images moved off centre, to see how much a network depends on the position."""

import numpy as np

from image_kit.datasets.image_sets import ImageSet
from image_kit.errors import UserError


def shift_images(images: np.ndarray, pixels: int) -> np.ndarray:
    """Move images off centre: the first one left, the next one right, up, down, left, ...

    Args:
        images: uint8 (n, height, width, channels).
        pixels: how far, at least 0 and less than the shorter side. The uncovered border repeats the image's edge.

    Returns:
        The moved images, same shape and dtype.

    Raises:
        UserError: `pixels` is out of that range.
    """
    if not 0 <= pixels < min(images.shape[1:3]):
        raise UserError(f"--shift: must be from 0 to {min(images.shape[1:3]) - 1} for these images, received {pixels}")
    shifted = np.empty_like(images)
    for number, (axis, sign) in enumerate(((2, 1), (2, -1), (1, 1), (1, -1))):
        length = images.shape[axis]
        sources = np.clip(np.arange(length) + sign * pixels, 0, length - 1)
        shifted[number::4] = np.take(images[number::4], sources, axis=axis)
    return shifted


def shift_image_set(images: ImageSet, pixels: int) -> ImageSet:
    """The same images off centre, see `shift_images`; all of them are in memory at once."""
    moved = shift_images(images.take(np.arange(len(images.labels))), pixels)
    return ImageSet(moved, images.labels, images.names)

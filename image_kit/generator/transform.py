"""Images of a batch augmented and standardised, in threads where that pays."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from image_kit.machine import cpu_cores
from image_kit.threads import threads

if TYPE_CHECKING:  # which imports this module, through its iterators
    from image_kit.generator.image_generator import ImageDataGenerator

# Below this many pixels an image's work is mostly Python, which threads cannot share.
_THREADS_FROM_PIXELS = 96 * 96

# Augmented images wait for their standardisation here, few at a time: they are then still in the core's cache.
_SCRATCH_BYTES = 2**18


def transform_batch(
    generator: "ImageDataGenerator",
    images: Sequence[np.ndarray | Future],
    indices: np.ndarray,
    seed: int,
    epoch: int,
    out: np.ndarray,
    exact: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Augment images and standardise them, in threads where that pays.

    Args:
        generator: says how.
        images: k arrays of uint8, or of anything that can be cast to a float `out`; left as they are. Or futures of
            `threads()`, of uint8 arrays; what else comes out of one makes a black image.
        indices: int (k,), the images' places in the data set, which decide their transforms with seed and epoch.
        out: (k, *the shape of an image), overwritten; if it is uint8, images are not standardised.
        exact: whether uint8 images are augmented as floats, and not as uint8, which rounds them to whole grey levels.
        meanwhile: called once, to give the threads more to do behind this.
    """
    are_uint8 = len(out) > 0 and (isinstance(images[0], Future) or images[0].dtype == np.uint8)
    as_uint8 = are_uint8 and out.dtype in (np.uint8, np.float32) and not exact
    transform = _transform_uint8 if as_uint8 else _transform_floats
    plan = (generator.plan if as_uint8 else generator.draw_transforms)(out.shape[1:], seed, epoch, indices)
    _, height, width = sorted(out.shape[1:])  # whichever axis the channels are on
    parts = min(cpu_cores(), max(1, len(out))) if height * width >= _THREADS_FROM_PIXELS else 1
    # The user's own code may draw random numbers or count: it is called in order, by one thread.
    if generator.calls_user_code and out.dtype != np.uint8:
        parts = 1
    bounds = np.linspace(0, len(out), parts + 1).astype(int).tolist()
    tasks = [(generator, images[i:j], plan[i:j], out[i:j]) for i, j in pairwise(bounds)]
    if parts == 1:
        meanwhile()
        transform(*tasks[0])
    else:
        # These wait for images that other threads decode. Those came first, so a thread has each of them in hand.
        transformed = threads().map(transform, *zip(*tasks, strict=True))
        meanwhile()
        list(transformed)


def _arrived(images: Sequence[np.ndarray | Future], shape: tuple) -> Sequence[np.ndarray]:
    """The images of futures."""
    if isinstance(images, np.ndarray):
        return images
    images = [image.result() if isinstance(image, Future) else image for image in images]
    return [image if isinstance(image, np.ndarray) else np.zeros(shape, np.uint8) for image in images]


def _transform_floats(generator: "ImageDataGenerator", images, plan, out: np.ndarray) -> None:
    images = _arrived(images, out.shape[1:])
    for image, planned, result in zip(images, plan, out, strict=True):
        result[...] = generator.standardize(generator.apply_transform(image.astype(out.dtype), planned))


def _transform_uint8(generator: "ImageDataGenerator", images, plan, out: np.ndarray) -> None:
    images = _arrived(images, out.shape[1:])
    if not generator.is_random:
        standardise(generator, images, out)
        return
    few = max(1, _SCRATCH_BYTES // out[0].size)
    is_uint8 = out.dtype == np.uint8
    scratch = None if is_uint8 else np.empty((few, *out.shape[1:]), np.uint8)
    for start in range(0, len(out), few):
        now = slice(start, start + few)
        warped = out[now] if is_uint8 else scratch[: len(out[now])]
        generator.apply_planned(images[now], plan[now], warped)
        if not is_uint8:
            standardise(generator, warped, out[now])


def standardise(generator: "ImageDataGenerator", images: Sequence[np.ndarray], out: np.ndarray) -> None:
    if out.dtype == np.uint8:
        out[...] = images
    else:
        generator.standardize_into(images, out)

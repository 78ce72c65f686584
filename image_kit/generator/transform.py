"""The images of a batch augmented and standardised, in threads where that is faster."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from image_kit.generator.opencv_threads import one_opencv_thread
from image_kit.machine import cpu_cores
from image_kit.threads import threads

# Below this many pixels an image's work is mostly Python, which threads cannot share.
_THREADS_FROM_PIXELS = 96 * 96

# Augmented images wait here for their standardisation, few at a time: they are then still in the core's cache.
_SCRATCH_BYTES = 2**18


class Augmenter(Protocol):
    """What `transform_batch` asks of an ImageDataGenerator, where its members are documented."""

    @property
    def is_random(self) -> bool: ...

    @property
    def calls_user_code(self) -> bool: ...

    def draw_transforms(self, image_shape: tuple, seed: int, epoch: int, indices: np.ndarray) -> list[dict]: ...

    def plan_transforms(self, image_shape: tuple, seed: int, epoch: int, indices: np.ndarray) -> Any: ...

    def apply_transform(self, x: np.ndarray, transform_parameters: dict) -> np.ndarray: ...

    def apply_planned(self, images: Sequence[np.ndarray], plan: Any, out: np.ndarray) -> None: ...

    def standardize(self, x: np.ndarray) -> np.ndarray: ...

    def standardize_into(self, images: Sequence[np.ndarray] | np.ndarray, out: np.ndarray) -> None: ...


def transform_batch(
    generator: Augmenter,
    images: Sequence[np.ndarray | Future] | np.ndarray,
    indices: np.ndarray,
    seed: int,
    epoch: int,
    out: np.ndarray,
    exact: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Augment images and standardise them.

    Args:
        generator: how; an ImageDataGenerator.
        images: k arrays of uint8, or of another dtype that can be cast to a float `out`; they are not changed. Or
            futures of `threads()` with uint8 arrays; a future with any other result makes a black image.
        indices: int (k,), the images' places in the data set. With seed and epoch they decide the transforms.
        seed, epoch: not negative.
        out: (k, *the shape of an image), overwritten; if it is uint8, images are not standardised.
        exact: augment uint8 images as floats, and not as uint8, which rounds them to whole grey levels.
        meanwhile: called once, after this batch's tasks are in the queue of the threads, to add further tasks.
    """
    are_uint8 = len(out) > 0 and (isinstance(images[0], Future) or images[0].dtype == np.uint8)
    as_uint8 = are_uint8 and out.dtype in (np.uint8, np.float32) and not exact
    transform = _transform_uint8 if as_uint8 else _transform_floats
    plan = (generator.plan_transforms if as_uint8 else generator.draw_transforms)(out.shape[1:], seed, epoch, indices)
    bounds = np.linspace(0, len(out), _count_slices(generator, out) + 1).astype(int).tolist()
    tasks = [(generator, images[i:j], plan[i:j], out[i:j]) for i, j in pairwise(bounds)]
    with one_opencv_thread():
        if len(tasks) == 1:
            meanwhile()
            transform(*tasks[0])
        else:
            # These wait for images that other threads decode. Those tasks came first, so each is already in work.
            transformed = threads().map(transform, *zip(*tasks, strict=True))
            meanwhile()
            list(transformed)


def _count_slices(generator: Augmenter, out: np.ndarray) -> int:
    """Into how many slices the batch is cut, one for each thread."""
    _, height, width = sorted(out.shape[1:])  # whichever axis the channels are on
    if height * width < _THREADS_FROM_PIXELS:
        return 1
    # The user's own code may draw random numbers or count its calls, so one thread calls it, in order.
    if generator.calls_user_code and out.dtype != np.uint8:
        return 1
    return min(cpu_cores(), max(1, len(out)))


def _wait_for_images(images: Sequence[np.ndarray | Future], shape: tuple) -> Sequence[np.ndarray]:
    """The images, with those of futures; black where a future has no array."""
    if isinstance(images, np.ndarray):
        return images
    arrived = [image.result() if isinstance(image, Future) else image for image in images]
    return [image if isinstance(image, np.ndarray) else np.zeros(shape, np.uint8) for image in arrived]


def _transform_floats(generator: Augmenter, images, plan, out: np.ndarray) -> None:
    images = _wait_for_images(images, out.shape[1:])
    for image, planned, result in zip(images, plan, out, strict=True):
        result[...] = generator.standardize(generator.apply_transform(image.astype(out.dtype), planned))


def _transform_uint8(generator: Augmenter, images, plan, out: np.ndarray) -> None:
    images = _wait_for_images(images, out.shape[1:])
    if not generator.is_random:
        standardise(generator, images, out)
        return
    few = max(1, _SCRATCH_BYTES // out[0].size)
    is_uint8 = out.dtype == np.uint8
    scratch = out[:0] if is_uint8 else np.empty((few, *out.shape[1:]), np.uint8)
    for start in range(0, len(out), few):
        now = slice(start, start + few)
        warped = out[now] if is_uint8 else scratch[: len(out[now])]
        generator.apply_planned(images[now], plan[now], warped)
        if not is_uint8:
            standardise(generator, warped, out[now])


def standardise(generator: Augmenter, images: Sequence[np.ndarray] | np.ndarray, out: np.ndarray) -> None:
    """Write standardised images to `out`: float32 (k, *shape) as `standardize_into`; uint8 is copied as it is."""
    if out.dtype == np.uint8:
        out[...] = images
    else:
        generator.standardize_into(images, out)

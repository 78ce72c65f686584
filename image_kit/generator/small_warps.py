"""Many small images warped by a few calls to OpenCV.

One call to warpAffine costs about 10 us for 32x32x3, and little of it is the interpolation. So small images are stacked
into one tall image and resampled by `cv2.remap`, with source coordinates that NumPy computes for all of them: 7 us an
image.
"""

from collections.abc import Sequence

import cv2
import numpy as np

# From about 64 x 64 on, warpAffine is as fast, because it needs no array of coordinates.
MAX_PIXELS = 64 * 64
# Up to this source coordinate (pixels from the origin), rounding it to float32 costs less than 0.01 grey levels.
SMALL_REACH = 128
# Coordinates down the stack lie in [_TOP, 2 * _TOP), where float32 has steps of 1/32768 pixel: on noise, the worst
# case, 0.004 grey levels (of 255). The steps are equal throughout, so no result depends on the place in
# the stack.
_TOP = 256


def warp_small(images: Sequence[np.ndarray], matrices: np.ndarray, out: np.ndarray) -> None:
    """Resample images linearly, each under its own inverse affine map, with the edge's pixels beyond the edge.

    The results equal those of `warp.warp` with fill mode "nearest", except where a value halfway between two grey
    levels is rounded. An image's result does not depend on the other images.

    Args:
        images: k images, uint8 (h, w, 1 | 3 | 4) of MAX_PIXELS at most, as an array or a list.
        matrices: float64 (k, 2, 3) as from `warp.affine_matrices`, `warp.are_direct` within SMALL_REACH.
        out: C-contiguous uint8 (k, h, w, c), overwritten; not overlapping the images.
    """
    count, height, width, channels = out.shape
    if count == 0:
        return
    x, y = _sources(matrices, height, width)
    together = max(1, _TOP // height)
    y += np.float32(height) * (np.arange(count, dtype=np.float32) % together)[:, None, None] - _TOP  # exact: see _TOP
    source, result = (np.asarray(stack).reshape(-1, width, channels) for stack in (images, out))
    if channels == 3:
        source = cv2.cvtColor(source, cv2.COLOR_RGB2RGBA)  # four channels are interpolated in half the time of three
    for top in range(0, count * height, together * height):
        rows = slice(top, top + together * height)
        x_map, y_map = (each[top // height : top // height + together].reshape(-1, width) for each in (x, y))
        warped = cv2.remap(source[rows], x_map, y_map, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        if channels == 3:
            cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, result[rows])
        else:
            result[rows] = warped.reshape(-1, width, channels)


def _sources(matrices: np.ndarray, height: int, width: int) -> list[np.ndarray]:
    """The source of every output pixel: x, and y + _TOP, both float32 (k, height, width), inside the image."""
    columns, rows = np.arange(width), np.arange(height)
    sources = []
    for axis, (side, start) in enumerate(((width, 0), (height, _TOP))):
        by_column, by_row, offset = (matrices[:, axis, term, None] for term in range(3))
        across, down = (by_column * columns).astype(np.float32), (by_row * rows + (offset + start)).astype(np.float32)
        source = across[:, None, :] + down[:, :, None]
        last = np.float32(start + side - 1)
        if axis == 0 and side > 1:  # just below the last column, because OpenCV is slow at the border of the stack
            last = np.nextafter(last, np.float32(0))
        np.maximum(source, np.float32(start), out=source)
        sources.append(np.minimum(source, last, out=source))
    return sources

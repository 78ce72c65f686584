"""Keras's affine augmentation of one image, by OpenCV.

Keras calls scipy.ndimage.affine_transform (order 1) once per channel: about 7 ms for 300 x 300 x 3, of which the
interpolation in double precision is nearly all. OpenCV 5 interpolates linearly at full float32 precision (older
versions rounded coordinates to 1/32 pixel and are not close enough), in about 0.3 ms.
"""

import math

import cv2
import numpy as np
from keras.src.legacy.preprocessing.image import apply_affine_transform

# scipy's name for what lies outside the image -> OpenCV's. "constant" warps as "nearest" and paints the outside
# afterwards, as scipy does: OpenCV's BORDER_CONSTANT blends the outermost half pixel with the fill value.
# "wrap" is absent: scipy's has a period of (side - 1) pixels, which OpenCV has no mode for.
BORDERS = {"nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "constant": cv2.BORDER_REPLICATE}
WARP_DTYPES = (np.dtype(np.uint8), np.dtype(np.float32))
WARP_CHANNELS = (1, 3, 4)
# OpenCV holds coordinates as float32. Source coordinates of up to this many pixels keep the worst error, on noise,
# below 0.01 of 255; beyond, the image is warped in blocks (see _warp_blocks).
_RGBA_FROM_PIXELS = 64 * 64  # from here on, 3 channels are faster through 4 (1.7 times at 300 x 300), bit for bit
_MAX_SIDE = 32_767  # OpenCV's limit for a warp's source


def can_warp(image: np.ndarray, fill_mode: str) -> bool:
    """Whether `warp` takes this image: uint8 or float32 (h, w, 1 | 3 | 4), and not fill mode "wrap"."""
    return (
        fill_mode in BORDERS
        and image.ndim == 3
        and image.dtype in WARP_DTYPES
        and image.shape[2] in WARP_CHANNELS
        and max(image.shape) <= _MAX_SIDE
    )


def affine_matrix(parameters: dict, height: int, width: int) -> np.ndarray | None:
    """The map from output to input pixels that Keras's transform parameters stand for, flips included.

    It is rotation . shift . shear . zoom about Keras's centre, followed by the flips. As in Keras, `tx` (drawn from
    height_shift_range) moves along columns and `ty` along rows, and the centre is ((height - 1) / 2, (width - 1) / 2)
    in (x, y) order, which is off the middle of an image that is not square.

    Args:
        parameters: theta and shear in degrees, tx and ty in pixels, zx and zy as factors, flip_horizontal and
            flip_vertical, as from Keras's get_random_transform; missing ones change nothing.

    Returns:
        float64 (2, 3) in OpenCV's (x, y) order, for WARP_INVERSE_MAP, or None where there is nothing to
        interpolate (no parameter or only flips).

    Source: composition as in keras.src.legacy.preprocessing.image.apply_affine_transform.
    """
    get = parameters.get
    theta, tx, ty, shear = get("theta", 0), get("tx", 0), get("ty", 0), get("shear", 0)
    zx, zy = get("zx", 1), get("zy", 1)
    if theta == 0 and tx == 0 and ty == 0 and shear == 0 and zx == 1 and zy == 1:
        return None
    cos, sin = math.cos(math.radians(theta)), math.sin(math.radians(theta))
    slant, squeeze = -math.sin(math.radians(shear)), math.cos(math.radians(shear))
    xx, xy = cos * zx, (cos * slant - sin * squeeze) * zy
    yx, yy = sin * zx, (sin * slant + cos * squeeze) * zy
    centre_x, centre_y = height / 2 - 0.5, width / 2 - 0.5
    x = cos * tx - sin * ty + centre_x - xx * centre_x - xy * centre_y
    y = sin * tx + cos * ty + centre_y - yx * centre_x - yy * centre_y
    if get("flip_horizontal"):
        x, y, xx, yx = x + xx * (width - 1), y + yx * (width - 1), -xx, -yx
    if get("flip_vertical"):
        x, y, xy, yy = x + xy * (height - 1), y + yy * (height - 1), -xy, -yy
    return np.array(((xx, xy, x), (yx, yy, y)))


def warp(
    image: np.ndarray, matrix: np.ndarray, fill_mode: str = "nearest", cval: float = 0.0, out: np.ndarray | None = None
) -> np.ndarray:
    """Resample an image linearly under an inverse affine map.

    Args:
        image: uint8 or float32 (h, w, c) that `can_warp` accepts.
        matrix: (2, 3) from `affine_matrix`.
        fill_mode: "nearest", "reflect" or "constant", as in scipy.ndimage.
        cval: what "constant" fills with, in the image's units.
        out: C-contiguous array like `image` for the result, not overlapping it.

    Returns:
        `out` or a new array; uint8 is rounded to nearest.
    """
    if out is None:
        out = np.empty(image.shape, image.dtype)
    size = image.shape[1::-1]
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, BORDERS[fill_mode]
    if image.shape[2] == 3 and size[0] * size[1] >= _RGBA_FROM_PIXELS:
        padded = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2RGBA)
        cv2.cvtColor(cv2.warpAffine(padded, matrix, size, None, flags, border), cv2.COLOR_RGBA2RGB, out)
    else:
        cv2.warpAffine(np.ascontiguousarray(image), matrix, size, out, flags, border)
    if fill_mode == "constant":
        _paint_outside(out, matrix, cval)
    return out


def _paint_outside(image: np.ndarray, matrix: np.ndarray, cval: float) -> None:
    """Set the pixels whose source lies beyond the outermost pixel centres to `cval`, as scipy's "constant" does."""
    height, width = image.shape[:2]
    columns, rows = np.arange(width), np.arange(height)[:, None]
    outside = np.zeros((height, width), bool)
    for (by_column, by_row, offset), side in zip(matrix, (width, height), strict=True):
        source = (offset + rows * by_row) + columns * by_column
        outside |= (source < 0) | (source > side - 1)
    if image.dtype == np.uint8:
        cval = min(max(round(cval), 0), 255)
    image[outside] = cval


def keras_affine(image: np.ndarray, parameters: dict, fill_mode: str, cval: float, order: int) -> np.ndarray:
    """Keras's own transform (scipy, about 20 times slower), without the flips, for what `warp` does not take.

    Args:
        image: channels last (h, w, c), of any dtype.

    Returns:
        An array like `image`.
    """
    names = ("theta", "tx", "ty", "shear", "zx", "zy")
    given = {name: parameters[name] for name in names if name in parameters}
    return apply_affine_transform(
        image, **given, row_axis=0, col_axis=1, channel_axis=2, fill_mode=fill_mode, cval=cval, order=order
    )

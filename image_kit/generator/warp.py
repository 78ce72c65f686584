"""Keras's affine augmentation of one image, computed by OpenCV.

Keras calls scipy.ndimage.affine_transform (order 1) once per channel. That takes about 7 ms for 300 x 300 x 3, nearly
all of it for interpolation in double precision. OpenCV 5 interpolates linearly at full float32 precision in about
0.3 ms. Older versions round coordinates to 1/32 pixel, which is not close enough.
"""

import math
import threading

import cv2
import numpy as np

# scipy's fill mode -> OpenCV's border mode. "constant" warps as "nearest" and paints the outside afterwards, as scipy
# does: OpenCV's BORDER_CONSTANT blends the outermost half pixel with the fill value. "wrap" is missing: scipy's has a
# period of (side - 1) pixels, and OpenCV has no such mode.
BORDERS = {"nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "constant": cv2.BORDER_REPLICATE}
_NEUTRAL = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}
_WHOLE = {"crop_x": 0, "crop_y": 0, "crop_width": 1, "crop_height": 1}  # of our own, see `random_crop.py`
WARP_DTYPES = (np.dtype(np.uint8), np.dtype(np.float32))
WARP_CHANNELS = (1, 3, 4)
# OpenCV stores coordinates as float32. On noise, the worst case, the error is about 2e-5 grey levels (of 255) per pixel
# of distance from the origin. Within these distances it stays below 0.01 (below 0.51 for uint8, with rounding).
DIRECT_REACH = {np.dtype(np.uint8): 384, np.dtype(np.float32): 256}
_BLOCK_REACH = 192
_RGBA_FROM_PIXELS = 64 * 64  # from here on, 3 channels are warped as 4: same bits, 1.7 times as fast at 300 x 300
_EDGE = 1e-9  # pixels; rounding coordinates to float64 changes them by much less
_KEPT_BYTES = 2**24  # 16 MB: for larger images the cost of new memory does not matter
_threads_own = threading.local()
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
    """The map from output to input pixels for Keras's transform parameters, flips included.

    It is rotation . shift . shear . zoom about Keras's centre, followed by the flips. As in Keras, `tx` (drawn from
    height_shift_range) moves along columns and `ty` along rows, and the centre is ((height - 1) / 2, (width - 1) / 2)
    in (x, y) order, which is not the middle of an image that is not square.

    Args:
        parameters: theta and shear in degrees, tx and ty in pixels, zx and zy as factors, flip_horizontal and
            flip_vertical, as Keras's get_random_transform returns them; crop_x, crop_y, crop_width and crop_height,
            of the part of the image that is transformed, as fractions; missing ones change nothing.

    Returns:
        float64 (2, 3) in OpenCV's (x, y) order, for WARP_INVERSE_MAP, or None where nothing needs
        interpolation (no parameter or only flips).

    Source: composition as in keras.src.legacy.preprocessing.image.apply_affine_transform.
    """
    if all(parameters.get(name, neutral) == neutral for name, neutral in (_NEUTRAL | _WHOLE).items()):
        return None
    terms = _affine_terms(parameters, math, height, width)
    return np.array((terms[:3], terms[3:]))


def affine_matrices(columns: dict, height: int, width: int) -> np.ndarray:
    """`affine_matrix` of many images at once, with the identity instead of None.

    Args:
        columns: the parameters of `affine_matrix`, each an array (k,) or one number for all.

    Returns:
        float64 (k, 2, 3), or (1, 2, 3) if every parameter is one number.
    """
    terms = _affine_terms(columns, np, height, width)
    return np.stack(np.broadcast_arrays(*np.atleast_1d(*terms)), axis=1).reshape(-1, 2, 3)


def _affine_terms(parameters: dict, library, height: int, width: int) -> tuple:
    """The matrix's six terms, row by row, as numbers (library: math) or as arrays (NumPy), like the parameters."""
    theta, tx, ty, shear, zx, zy = (parameters.get(name, neutral) for name, neutral in _NEUTRAL.items())
    flips = parameters.get("flip_horizontal", 0), parameters.get("flip_vertical", 0)
    cos, sin = library.cos(library.radians(theta)), library.sin(library.radians(theta))
    slant, squeeze = -library.sin(library.radians(shear)), library.cos(library.radians(shear))
    xx, xy = cos * zx, (cos * slant - sin * squeeze) * zy
    yx, yy = sin * zx, (sin * slant + cos * squeeze) * zy
    centre_x, centre_y = height / 2 - 0.5, width / 2 - 0.5
    x = cos * tx - sin * ty + centre_x - xx * centre_x - xy * centre_y
    y = sin * tx + cos * ty + centre_y - yx * centre_x - yy * centre_y
    # A flipped output column c reads what column (width - 1 - c) reads otherwise; likewise for rows.
    from_right, from_bottom = flips[0] * (width - 1.0), flips[1] * (height - 1.0)
    x, y = x + xx * from_right + xy * from_bottom, y + yx * from_right + yy * from_bottom
    by_column, by_row = 1.0 - 2.0 * flips[0], 1.0 - 2.0 * flips[1]
    terms = xx * by_column, xy * by_row, x, yx * by_column, yy * by_row, y
    return _in_part(terms, parameters, height, width) if "crop_width" in parameters else terms


def _in_part(terms: tuple, parameters: dict, height: int, width: int) -> tuple:
    """The six terms when the part of the image that the crop_ parameters name takes the place of the image.

    A pixel is an area: the part's left edge is half a pixel left of the centre of its first pixel.
    """
    left, top, across, down = (parameters.get(name, whole) for name, whole in _WHOLE.items())
    xx, xy, x, yx, yy, y = terms
    x, y = (x + 0.5) * across - 0.5 + left * width, (y + 0.5) * down - 0.5 + top * height
    return xx * across, xy * across, x, yx * down, yy * down, y


def warp(
    image: np.ndarray,
    matrix: np.ndarray,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    out: np.ndarray | None = None,
    direct: bool | None = None,
) -> np.ndarray:
    """Resample an image linearly under an inverse affine map.

    Args:
        image: uint8 or float32 (h, w, c) that `can_warp` accepts.
        matrix: (2, 3) from `affine_matrix`.
        fill_mode: "nearest", "reflect" or "constant", as in scipy.ndimage.
        cval: what "constant" fills with, in the image's units.
        out: C-contiguous array like `image` for the result, not overlapping it.
        direct: the result of `are_direct` if it is known, which saves a tenth of a small image's time.

    Returns:
        `out` or a new array; uint8 is rounded to nearest.
    """
    if out is None:
        out = np.empty(image.shape, image.dtype)
    image = np.ascontiguousarray(image)
    if direct is None:
        direct = _reach(matrix, *out.shape[:2]) <= DIRECT_REACH[image.dtype]
    if direct:
        _warp_directly(image, matrix, BORDERS[fill_mode], out)
    else:
        _warp_blocks(image, matrix, fill_mode, out)
    if fill_mode == "constant":
        _paint_outside(out, matrix, cval)
    return out


def are_direct(matrices: np.ndarray, height: int, width: int, most: float) -> list[bool]:
    """For every matrix, float64 (k, 2, 3), whether it reads only pixels within `most` pixels of the origin.

    Within DIRECT_REACH of the image's dtype, OpenCV is exact enough for the whole image at once.
    """
    across, down, offset = matrices[..., 0] * width, matrices[..., 1] * height, matrices[..., 2]
    low = offset + np.minimum(across, 0) + np.minimum(down, 0)
    high = offset + np.maximum(across, 0) + np.maximum(down, 0)
    return (np.maximum(-low, high).max(axis=1) <= most).tolist()


def _reach(matrix: np.ndarray, height: int, width: int) -> float:
    """The largest source coordinate, in pixels from the origin to either side, that a warp reads."""
    reach = 0
    for by_column, by_row, offset in matrix.tolist():
        across, down = by_column * width, by_row * height
        low = offset + (across if across < 0 else 0) + (down if down < 0 else 0)
        high = offset + (across if across > 0 else 0) + (down if down > 0 else 0)
        reach = max(reach, -low, high)
    return reach


def _warp_directly(image: np.ndarray, matrix: np.ndarray, border: int, out: np.ndarray) -> None:
    height, width, channels = out.shape
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if channels == 3 and height * width >= _RGBA_FROM_PIXELS:
        padded = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA, _scratch("padded", image))
        warped = cv2.warpAffine(padded, matrix, (width, height), _scratch("warped", out), flags, border)
        cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, out)
    else:
        cv2.warpAffine(image, matrix, (width, height), out, flags, border)


def _scratch(name: str, like: np.ndarray) -> np.ndarray:
    """This thread's array for 4 channels of an image like this one, kept for the next image.

    A new array of this size is fresh memory from the system each time, which takes a good part of a warp's time.
    """
    shape = (*like.shape[:2], 4)
    kept = getattr(_threads_own, name, None)
    if kept is None or kept.shape != shape or kept.dtype != like.dtype:
        kept = np.empty(shape, like.dtype)
        if kept.nbytes <= _KEPT_BYTES:
            setattr(_threads_own, name, kept)
    return kept


def _warp_blocks(image: np.ndarray, matrix: np.ndarray, fill_mode: str, out: np.ndarray) -> None:
    """Warp block by block, each from its own piece of the source, so that coordinates stay small and exact."""
    gain = max(np.abs(matrix[:, :2]).sum(axis=1).max(), 1e-6)
    block = max(8, int(_BLOCK_REACH / gain))
    height, width = out.shape[:2]
    for top in range(0, height, block):
        for left in range(0, width, block):
            piece = out[top : top + block, left : left + block]
            local = matrix.copy()
            local[:, 2] += matrix[:, :2] @ (left, top)
            # The corners' sources bound the block's; linear interpolation also reads the next pixel.
            corners = local @ [[0, piece.shape[1] - 1] * 2, [0, 0] + [piece.shape[0] - 1] * 2, [1] * 4]
            first, last = np.floor(corners.min(axis=1)).astype(int), np.floor(corners.max(axis=1)).astype(int) + 1
            local[:, 2] -= first
            source = image
            for axis, start, stop in zip((0, 1), first[::-1], last[::-1] + 1, strict=True):
                source = _cut_beyond_edges(source, axis, start, stop, fill_mode)
            _warp_directly(np.ascontiguousarray(source), local, cv2.BORDER_REPLICATE, piece)


def _cut_beyond_edges(image: np.ndarray, axis: int, start: int, stop: int, fill_mode: str) -> np.ndarray:
    """Rows or columns start..stop-1 of an image that `fill_mode` continues beyond its edges."""
    side = image.shape[axis]
    if start >= 0 and stop <= side:
        return image[:, start:stop] if axis else image[start:stop]
    places = np.arange(start, stop)
    if fill_mode == "reflect":
        places %= 2 * side
        places = np.minimum(places, 2 * side - 1 - places)
    return image.take(places.clip(0, side - 1), axis)


def _paint_outside(image: np.ndarray, matrix: np.ndarray, cval: float) -> None:
    """Set the pixels whose source lies beyond the outermost pixel centres to `cval`, as scipy's "constant" does.

    A source that is on such a centre except for rounding, as after a turn by 180 degrees, counts as inside. In scipy
    the rounding decides.
    """
    height, width = image.shape[:2]
    columns, rows = np.arange(width), np.arange(height)[:, None]
    outside = np.zeros((height, width), bool)
    for (by_column, by_row, offset), side in zip(matrix, (width, height), strict=True):
        source = (offset + rows * by_row) + columns * by_column
        outside |= (source < -_EDGE) | (source > side - 1 + _EDGE)
    if image.dtype == np.uint8:
        cval = min(max(round(cval), 0), 255)
    image[outside] = cval

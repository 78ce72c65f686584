"""Whether two photos show the same pixels, up to a small crop and any brightness, contrast or tint.

One is stretched and shifted onto the other by the method of Lucas and Kanade ("An iterative image registration
technique", IJCAI 1981), with brightness and contrast fitted along, for many pairs at once.
"""

import numpy as np

MAX_SHIFT = 0.075  # of a side: how far the middle may move, from a crop at one edge only
MAX_STRETCH = 0.16  # a crop of 6 % at both edges, and some more
# Pixels of the images that are aligned -> steps of the method, and blur in pixels. The first size brings a crop of 5 %
# within one pixel.
LEVELS = {16: (5, 0.0), 32: (3, 0.7), 64: (5, 1.0)}
# Pixels, standard deviation: what is finer is lost by JPEG, and by an alignment that is off by half a pixel.
FINEST = 0.8
DETAIL = 16.0  # what is smoother is light, which different photos have in common: a blur by a side divided by this
PLAIN = 0.5  # grey levels, standard deviation of the details: less is the noise of JPEG
BLOCK = 256  # pairs at once: 4 MB for each array of 64 x 64


def correlate_aligned(one: np.ndarray, other: np.ndarray, floors: tuple[float, float]) -> np.ndarray:
    """How alike photos are once one is aligned to the other.

    Args:
        one, other: uint8 (k, 64, 64), grey; k of about `BLOCK`, because memory grows with it.
        floors: pairs that correlate less at 16 and at 32 pixels are given up, which saves most of the time.

    Returns:
        float32 (k,), the correlation of their details, -1 to 1: 1 if they are the same photo. 0 for plain photos, and
        for pairs that are given up early.
    """
    found = np.zeros(len(one), np.float32)
    left = np.arange(len(one))
    warp = np.zeros((len(one), 4), np.float32)  # shift and stretch of x, of y; in halves of a side
    for (size, (steps, blur)), least in zip(LEVELS.items() if len(one) else (), (*floors, 0.0), strict=False):
        target, source = (_shrink(images[left], size) for images in (one, other))
        aligned = [_blur(images, blur) for images in (target, source)]
        for _ in range(steps):
            warp = _improve(aligned[0], aligned[1], warp)
        target, source = (_blur(images, FINEST) - _blur(images, size / DETAIL) for images in (target, source))
        alike = _correlate(target, *_move(source, warp))
        if size == one.shape[1]:
            found[left] = alike
        kept = alike > least
        left, warp = left[kept], warp[kept]
        if not len(left):
            break
    return found


def _shrink(images: np.ndarray, size: int) -> np.ndarray:
    parts = images.shape[1] // size
    rows = images.reshape(len(images), size, parts, -1).sum(axis=2, dtype=np.float32)
    return rows.reshape(len(images), size, size, parts).sum(axis=3) / parts**2


def _blur(images: np.ndarray, deviation: float) -> np.ndarray:
    """Gaussian blur of images (k, s, s); edges are repeated."""
    import cv2  # 0.2 s that a command's --help does not need

    if not deviation:
        return images
    return np.stack([cv2.GaussianBlur(image, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE) for image in images])


def _move(source: np.ndarray, warp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The images (k, s, s) shifted and stretched, and where what they show lies inside the source, 0 or 1."""
    size = source.shape[1]
    places = np.linspace(-1, 1, size, dtype=np.float32)
    x = places * (1 + warp[:, 1:2]) + warp[:, 0:1]  # (k, s), in halves of a side
    y = places * (1 + warp[:, 3:4]) + warp[:, 2:3]
    inside = (np.abs(y) <= 1.0001)[:, :, None] & (np.abs(x) <= 1.0001)[:, None, :]
    return _rows_at(y, size) @ source @ _rows_at(x, size).swapaxes(1, 2), inside.astype(np.float32)


def _rows_at(places: np.ndarray, size: int) -> np.ndarray:
    """Matrices (k, s, s) that interpolate between neighbours: row i takes what lies at places[i]."""
    at = (np.clip(places, -1, 1) + 1) * (size - 1) / 2
    return np.maximum(0, 1 - np.abs(at[:, :, None] - np.arange(size, dtype=np.float32)))


def _improve(target: np.ndarray, source: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """One step of Gauss and Newton towards the least squared difference."""
    size = target.shape[1]
    moved, inside = _move(source, warp)
    down, across = np.gradient(moved, 2 / (size - 1), axis=(1, 2))
    places = np.linspace(-1, 1, size, dtype=np.float32)
    # The gradient of what is moved is (1 + stretch) times that of the source, which is 1 within what is allowed.
    columns = [across, across * places, down, down * places[:, None], moved, np.ones_like(moved)]
    jacobian = np.stack([(column * inside).reshape(len(moved), -1) for column in columns], axis=2)
    products = jacobian.swapaxes(1, 2) @ jacobian
    scale = np.sqrt(np.einsum("kii->ki", products)) + 1e-6
    products /= scale[:, :, None] * scale[:, None, :]
    products += 1e-4 * np.eye(6, dtype=np.float32)  # plain images have no gradient
    wanted = jacobian.swapaxes(1, 2) @ (target * inside).reshape(len(target), -1, 1)
    solved = np.linalg.solve(products, wanted / scale[:, :, None])[..., 0] / scale
    gain = np.where(np.abs(solved[:, 4:5]) < 0.2, 0.2, solved[:, 4:5])
    step = solved[:, :4] / gain
    step *= np.minimum(1, 0.1 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-6))
    limits = np.array([2 * MAX_SHIFT, MAX_STRETCH] * 2, np.float32)
    return np.clip(warp + step.astype(np.float32), -limits, limits)


def _correlate(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted correlation of images (k, s, s)."""
    total = np.maximum(weights.sum(axis=(1, 2)), 1)

    def mean(images: np.ndarray) -> np.ndarray:
        return (images * weights).sum(axis=(1, 2)) / total

    one, other = (images - mean(images)[:, None, None] for images in (one, other))
    variances = mean(one**2), mean(other**2)
    alike = mean(one * other) / np.sqrt(np.maximum(variances[0] * variances[1], 1e-9))
    return np.where(np.minimum(*variances) < PLAIN**2, 0, alike).astype(np.float32)

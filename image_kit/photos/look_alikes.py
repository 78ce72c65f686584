"""Photos that look alike though their files differ: resized or recompressed copies, shots of one moment.

Where one of such a pair was trained on and the other is scored, the score says less of new photos. Test sets that many
measure with have them: Barz and Denzler, "Do We Train on Test Data?", 2020, found 3.3 % of CIFAR-10's.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from image_kit.photos.folders import PARTS
from image_kit.terminal import progress

SIDE = 12  # pixels of the thumbnails that are compared
BLUR = 3.0  # pixels, standard deviation: what is smoother (light, sky above ground) many photos share
PLAIN = 1.0  # grey levels: thumbnails of less contrast are of noise, and like no other
# Largest difference of two that look alike, from 0 (equal) to 2. Of 368 photos of elephants and cars, resized,
# recompressed and brighter copies differ by .03 at most, cut by 3 % a side by .06 (median), two shots of one elephant
# by .07; the two most alike of the others by .21, of 960 drawings by .09 (benchmarks/look_alikes.py).
ALIKE = 0.075
# Where half of all photos differ less than this from another, they are of one kind: scanned pages, things on white,
# frames of a film. Copies cannot be told from others then. Median of 3,000: CIFAR-10 .46, Fashion-MNIST .06.
UNIFORM = 0.2
FEWEST, SAMPLE = 20, 512  # photos that it takes to tell, and that suffice
BLOCK = 2**24  # comparisons at once: 64 MB


class Signatures:
    """What each of `count` photos looks like, 864 bytes a photo of 3 channels; `see` fills it in, from any thread."""

    def __init__(self, count: int, channels: int):
        self._rows = np.zeros((count, SIDE * SIDE * channels), np.float16)

    def see(self, index: int, image: np.ndarray) -> None:
        """Note the look of photo `index`; `image` is uint8 (height, width, channels)."""
        import cv2  # 0.2 s that a command's --help does not need

        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        detail = np.ravel(small - cv2.GaussianBlur(small, (0, 0), BLUR))
        if detail.std() > PLAIN:
            self._rows[index] = detail / np.linalg.norm(detail)

    def nearest(self, later: np.ndarray, earlier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each photo of `later` the one of `earlier` most like it, and how much they differ, from 0 (not) to 2.

        Args:
            later, earlier: indices, int (n,) and (m,); m at least 1.
        """
        others = self._rows[earlier].astype(np.float32).T
        most_alike, differences = np.empty(len(later), np.int64), np.empty(len(later), np.float32)
        rows = max(1, BLOCK // len(earlier))
        for start in progress(range(0, len(later), rows), label="comparing"):
            some = slice(start, start + rows)
            likeness = self._rows[later[some]].astype(np.float32) @ others
            most_alike[some], differences[some] = earlier[likeness.argmax(axis=1)], 1 - likeness.max(axis=1)
        return most_alike, differences

    def pairs(self, later: np.ndarray, earlier: np.ndarray) -> list[tuple[int, int]]:
        """(photo, the one of `earlier` most like it) for each of `later` that looks like one; see `nearest`."""
        if not len(earlier):
            return []
        most_alike, differences = self.nearest(later, earlier)
        alike = differences < ALIKE
        return list(zip(later[alike].tolist(), most_alike[alike].tolist(), strict=True))

    def are_uniform(self, photos: np.ndarray) -> bool:
        """Whether the photos at these indices are so much alike that copies cannot be told from others.

        False where they are too few to say.
        """
        return len(photos) >= FEWEST and self.median_difference(photos) < UNIFORM

    def median_difference(self, photos: np.ndarray) -> float:
        """How much half of the photos at these indices, at least 2, differ at most from the one most like them.

        Told by every other one, or by a sample of these, among the rest.
        """
        some, others = photos[1::2], photos[::2]
        some = some[np.linspace(0, len(some) - 1, min(len(some), SAMPLE)).astype(int)]
        return float(np.median(self.nearest(some, others)[1]))


def look_alikes_across_parts(
    signatures: Signatures, paths: Sequence[Path], parts: np.ndarray
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Which photos look like one of an earlier part (train before validation before test).

    Args:
        paths: the photos.
        parts: the part of each, None for one that is left out.

    Returns:
        By part, each such photo and the earlier one; and sentences for the user. Nothing is found among photos that are
        all of one kind, and a sentence says so.
    """
    if signatures.are_uniform(np.flatnonzero(parts == PARTS[0])):
        return {}, [
            "the photos look so much alike that copies cannot be told from others; if several parts hold copies of one "
            "photo, or frames of one film, the score flatters"
        ]
    found, notes = {}, []
    for number, part in enumerate(PARTS):
        pairs = signatures.pairs(np.flatnonzero(parts == part), np.flatnonzero(np.isin(parts, PARTS[:number])))
        if pairs:
            photo, other = (paths[index] for index in pairs[0])
            found[part] = {str(paths[photo]): str(paths[other]) for photo, other in pairs}
            notes.append(
                f"photos of {part} that look like one of an earlier part, which may flatter the score: {len(pairs)}, "
                f"as {photo} like {other}; keep such photos in one part (metrics.json names all)"
            )
    return found, notes

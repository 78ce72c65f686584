"""Photos that look alike though their files differ: resized or recompressed copies, shots of one moment.

If one of such a pair was trained on and the other is scored, the score says less about new photos. Widely used test
sets have such pairs: Barz and Denzler, "Do We Train on Test Data?", 2020, found them for 3.3 % of CIFAR-10's.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from image_kit.photos.part_names import PARTS
from image_kit.terminal import progress

SIDE = 12  # pixels of the thumbnails that are compared
BLUR = 3.0  # pixels, standard deviation: many photos have the smoother features in common (light, sky above ground)
SIGNATURE_VALUES = SIDE * SIDE * 3  # of one photo with 3 channels
PLAIN = 1.0  # grey levels: a thumbnail with less contrast is noise, and looks like no other
# Two photos look alike if they differ by less, on a scale from 0 (equal) to 2. Of 368 photos of elephants and cars,
# resized, recompressed and brighter copies differ by .03 at most, copies cropped by 3 % a side by .06 (median), and two
# shots of one elephant by .07. The most similar two of the other photos differ by .21, of 960 drawings by .09
# (benchmarks/look_alikes.py).
ALIKE_BELOW = 0.075
# If half of all photos differ by less from a tenth of the others, all are of one kind: scanned pages, things on white,
# frames of one film. Then copies cannot be told from other photos. Median for Fashion-MNIST .28, MNIST .46, clothing
# .55, drawings .57, elephants and cars .73, CIFAR-10 .76, from 100 to 3,000 photos alike. The nearest one tells less:
# where each photo has a copy or belongs to a burst, it is near in any set.
UNIFORM_BELOW, UNIFORM_FRACTION = 0.5, 0.1
FEWEST, SAMPLE = 20, 512  # photos: fewer cannot tell whether they are of one kind, more are not needed
BLOCK = 2**24  # comparisons at once: 64 MB
MAIN_AXES = 64  # of 432; on random noise, too, they rule out all pairs that do not look alike
FEW = 2**20  # pairs: fewer are compared in full sooner than the axes are found
CANDIDATES = 2**14  # pairs compared in full at once: 57 MB
ROUNDING = 1e-3  # of products of float32, well above their errors: no pair may be ruled out by them
MOST_PAIRS = 2**20  # in a list, 100 MB


class Signatures:
    """What each of `count` photos looks like, in 864 bytes for a photo with 3 channels.

    A signature is the detail of a thumbnail, as a vector of length 1; all zeros for a plain photo, and until `add`.

    Attributes:
        rows: the signatures, float16 (count, 144 * channels).
    """

    def __init__(self, count: int, channels: int):
        self.rows = np.zeros((count, SIDE * SIDE * channels), np.float16)

    def add(self, index: int, image: np.ndarray) -> None:
        """Compute the signature of photo `index`, in any thread; `image` is uint8 (height, width, channels)."""
        import cv2  # 0.2 s that a command's --help does not need

        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        detail = np.ravel(small - cv2.GaussianBlur(small, (0, 0), BLUR))
        if detail.std() > PLAIN:
            self.rows[index] = detail / np.linalg.norm(detail)

    def find_nearest(self, later: np.ndarray, earlier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each photo of `later`, find the most similar one of `earlier`.

        Args:
            later, earlier: indices, int (n,) and (m,); m at least 1.

        Returns:
            The indices of the most similar photos, int64 (n,); and the differences, float32 (n,), from 0 (equal) to 2.
        """
        others = self.rows[earlier].astype(np.float32).T
        nearest, differences = np.empty(len(later), np.int64), np.empty(len(later), np.float32)
        rows = max(1, BLOCK // len(earlier))
        for start in progress(range(0, len(later), rows), label="comparing"):
            some = slice(start, start + rows)
            similarity = self.rows[later[some]].astype(np.float32) @ others
            nearest[some], differences[some] = earlier[similarity.argmax(axis=1)], 1 - similarity.max(axis=1)
        return nearest, differences

    def find_pairs(self, later: np.ndarray, earlier: np.ndarray) -> list[tuple[int, int]]:
        """(photo of `later`, the most similar one of `earlier`) for each pair that looks alike.

        Args:
            later, earlier: indices, int (n,) and (m,).
        """
        best, nearest = np.full(len(later), -np.inf, np.float32), np.zeros(len(later), np.int64)
        for one, other, similarity in self._find_alike(later, earlier):
            order = np.lexsort((other, -similarity, one))  # of equal ones the first
            first = order[np.unique(one[order], return_index=True)[1]]
            better = first[similarity[first] > best[one[first]]]
            best[one[better]], nearest[one[better]] = similarity[better], other[better]
        alike = np.isfinite(best)
        return list(zip(later[alike].tolist(), earlier[nearest[alike]].tolist(), strict=True))

    def find_all_pairs(self, photos: np.ndarray) -> list[tuple[int, int]]:
        """Each two of the photos at these indices, int (n,), that look alike; none if the photos are uniform.

        Of more than MOST_PAIRS, those that join the same photos are kept: 10,000 copies of one photo are 50 million
        pairs, of which 9,999 say as much about who belongs together.
        """
        if self.are_uniform(photos):
            return []
        found = np.zeros((0, 2), np.int64)
        for one, other, _ in self._find_alike(photos, photos):
            found = np.concatenate([found, np.stack([one, other], axis=1)[one < other]])
            if len(found) > MOST_PAIRS:
                found = _joining(found, len(photos))
        return list(zip(photos[found[:, 0]].tolist(), photos[found[:, 1]].tolist(), strict=True))

    def _find_alike(
        self, later: np.ndarray, earlier: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For some of `later` at a time, who looks alike: places in `later` and `earlier`, and their similarity.

        If both are the same array, a pair is compared with the smaller place first only.

        Most pairs are ruled out by the main axes alone, in a sixth of the time: what two photos have in common along
        the other axes is at most the product of their lengths there.
        """
        if not len(later) or not len(earlier):
            return
        axes = self._main_axes(earlier) if len(later) * len(earlier) > FEW else None
        bounds, others = self._bounds(later, axes), self._bounds(earlier, axes).T
        rows = max(1, BLOCK // len(earlier))
        for start in progress(range(0, len(later), rows), label="comparing"):
            skipped = start if later is earlier else 0
            products = bounds[start : start + rows] @ others[:, skipped:]
            candidates = np.flatnonzero(products > 1 - ALIKE_BELOW - ROUNDING)
            for first in range(0, len(candidates), CANDIDATES):
                one, other = np.divmod(candidates[first : first + CANDIDATES], products.shape[1])
                other += skipped
                pair = (self.rows[each].astype(np.float32) for each in (later[start + one], earlier[other]))
                similarity = np.einsum("ij,ij->i", *pair)
                alike = similarity > 1 - ALIKE_BELOW
                yield start + one[alike], other[alike], similarity[alike]

    def _main_axes(self, photos: np.ndarray) -> np.ndarray:
        """Orthonormal columns, float32 (values, MAIN_AXES): where a sample of the signatures is longest."""
        some = self.rows[photos[np.linspace(0, len(photos) - 1, min(len(photos), SAMPLE)).astype(int)]]
        products = some.astype(np.float32).T @ some.astype(np.float32)
        return np.linalg.eigh(products)[1][:, -MAIN_AXES:]

    def _bounds(self, photos: np.ndarray, axes: np.ndarray | None) -> np.ndarray:
        """float32 (n, MAIN_AXES + 1): the product of two rows is at least that of the photos' signatures.

        Without axes, the signatures themselves.
        """
        if axes is None:
            return self.rows[photos].astype(np.float32)
        found = np.empty((len(photos), axes.shape[1] + 1), np.float32)
        for start in range(0, len(photos), CANDIDATES):
            rows = self.rows[photos[start : start + CANDIDATES]].astype(np.float32)
            along = found[start : start + CANDIDATES, :-1] = rows @ axes
            rest = np.einsum("ij,ij->i", rows, rows) - np.einsum("ij,ij->i", along, along)
            found[start : start + CANDIDATES, -1] = np.sqrt(np.maximum(rest, 0))
        return found

    def are_uniform(self, photos: np.ndarray) -> bool:
        """Whether the photos at these indices are so similar that copies cannot be told from other photos.

        False if there are too few to tell.
        """
        return len(photos) >= FEWEST and self.typical_difference(photos) < UNIFORM_BELOW

    def typical_difference(self, photos: np.ndarray) -> float:
        """How different photos are, 0 to 2: half of them differ by less than this from UNIFORM_FRACTION of the others.

        Those that look like a photo do not count for it: where most photos are copies, copies are most of the others.

        Args:
            photos: indices, int (n,), at least 2. A sample of them is compared with all.
        """
        some = photos[np.linspace(0, len(photos) - 1, min(len(photos), SAMPLE)).astype(int)]
        others = self.rows[photos].astype(np.float32).T
        rows = max(1, BLOCK // len(photos))
        found = []
        for start in range(0, len(some), rows):
            for differences in 1 - self.rows[some[start : start + rows]].astype(np.float32) @ others:
                unlike = differences[differences >= ALIKE_BELOW]
                rank = int(UNIFORM_FRACTION * len(unlike))
                found.append(np.partition(unlike, rank)[rank] if len(unlike) else 0)
        return float(np.median(found))


def _joining(pairs: np.ndarray, n: int) -> np.ndarray:
    """Pairs, int (k, 2), of which there are fewer than `n`, that join the same of `n` photos as `pairs` do."""
    from scipy.sparse import coo_array  # 0.2 s, which hardly any folder needs
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(n, n))
    group = connected_components(graph, directed=False)[1]
    first = np.unique(group, return_index=True)[1][group]
    others = np.flatnonzero(first != np.arange(n))
    return np.stack([first[others], others], axis=1)


def find_look_alikes(
    signatures: Signatures, paths: Sequence[Path], parts: np.ndarray
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Find photos that look like one of an earlier part (train before validation before test).

    Args:
        signatures: of all photos.
        paths: the photos.
        parts: the part of each photo, object (n,); None for a photo that is left out.

    Returns:
        For each part, {photo: the photo of an earlier part}; and notes for the user. If the training photos are all of
        one kind, nothing is found and a note says so.
    """
    if signatures.are_uniform(np.flatnonzero(parts == PARTS[0])):
        return {}, [
            "the photos look so much alike that copies cannot be told from other photos; if several parts contain "
            "copies of one photo, or frames of one film, the score is too good"
        ]
    found: dict[str, dict[str, str]] = {}
    notes = []
    for number, part in enumerate(PARTS):
        pairs = signatures.find_pairs(np.flatnonzero(parts == part), np.flatnonzero(np.isin(parts, PARTS[:number])))
        if pairs:
            photo, other = (paths[index] for index in pairs[0])
            found[part] = {str(paths[photo]): str(paths[other]) for photo, other in pairs}
            notes.append(
                f"photos of {part} that look like one of an earlier part, which may make the score too good: "
                f"{len(pairs)}, for example {photo} like {other}; keep such photos in one part (metrics.json lists all)"
            )
    return found, notes

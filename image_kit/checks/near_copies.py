"""Pairs of photos that are copies of one photo: the same file, or resized, recompressed, cropped, mirrored, recoloured.

Candidates are the nearest neighbours by features and by signatures; their pixels decide.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from image_kit.checks.alignment import BLOCK, correlate_aligned
from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.file_facts import FileFacts
from image_kit.checks.similar_photos import pick_largest
from image_kit.features import unit_length
from image_kit.threads import threads

# Correlation of details after alignment, from which two photos are copies. Of 4,000 copies of clothing, elephants and
# cars by ten changes, 99 % reach .945; of the other pairs of neighbours in these sets none reaches .92. Seven in fruit
# do: two shots each of one crate.
COPY_FROM = 0.92
FLOORS = 0.75, 0.8  # see correlate_aligned; of 4,000 copies, 99 % reach .85 and .89
# Photos of one kind (digits, things on white) correlate as different photos, too: a quarter of the pairs of neighbours
# above .7 in MNIST and Fashion-MNIST, above .33 in clothing. Then only nearly the same pixels are copies.
UNIFORM_FROM, UNIFORM_QUANTILE = 0.6, 0.75
UNIFORM_COPY_FROM = 0.975
UNIFORM_FLOORS = 0.9, 0.93
SAMPLE = 256  # pairs, to tell which is the case
NEIGHBOURS = 6  # by features
SIGNATURE_NEIGHBOURS = 3  # by signatures, and as many by mirrored ones
COMPARED = 2**22  # similarities at once, in each thread: 50 MB with what sorting them takes
SIGNATURE_SIDE = 12  # pixels, see image_kit.photos.Signatures


@dataclass(frozen=True, slots=True)  # of 100,000 photos that are copies there may be a million
class NearCopy:
    """Two photos, by index, that are copies of one photo.

    Attributes:
        one, other: `one` < `other`.
        likeness: correlation of their details, 0 to 1.
        is_exact: the files are the same, byte for byte.
        is_mirrored: one is the mirror image of the other.
    """

    one: int
    other: int
    likeness: float
    is_exact: bool = False
    is_mirrored: bool = False


def find_near_copies(photos: CheckedPhotos, facts: FileFacts) -> list[NearCopy]:
    """Find pairs of copies. Of several that are the same file, the pairs with the first one are listed.

    Takes a time that grows with the square of the number of photos, and memory that grows with the number.
    """
    first_of: dict[str, int] = {}
    firsts = np.array([first_of.setdefault(digest, index) for index, digest in enumerate(photos.hashes)], int)
    found = [NearCopy(int(one), other, 1.0, is_exact=True) for other, one in enumerate(firsts) if one != other]
    different = np.unique(firsts)
    pairs = _find_candidates(photos, different)
    compare = partial(_compare, facts.grey, _are_uniform(facts.grey, pairs))
    blocks = [pairs[start : start + BLOCK] for start in range(0, len(pairs), BLOCK)]
    for some in threads().map(compare, blocks):
        found += some
    return sorted(found, key=lambda pair: (pair.one, pair.other))


def _are_uniform(grey: np.ndarray, pairs: np.ndarray) -> bool:
    """Whether even different photos look so much alike that only nearly the same pixels tell a copy."""
    if not len(pairs):
        return False
    some = pairs[np.linspace(0, len(pairs) - 1, min(SAMPLE, len(pairs))).astype(int)]
    likeness = correlate_aligned(grey[some[:, 0]], grey[some[:, 1]], (-1.0, -1.0))
    return len(some) == SAMPLE and bool(np.quantile(likeness, UNIFORM_QUANTILE) > UNIFORM_FROM)


def _compare(grey: np.ndarray, are_uniform: bool, pairs: np.ndarray) -> list[NearCopy]:
    """Those of the pairs, int (k, 2), that are copies."""
    plain, mirrored = (_correlate_both_ways(grey, pairs, flipped, are_uniform) for flipped in (False, True))
    least = UNIFORM_COPY_FROM if are_uniform else COPY_FROM
    likeness, flipped = np.maximum(plain, mirrored), mirrored > plain
    return [
        NearCopy(int(pairs[at, 0]), int(pairs[at, 1]), float(likeness[at]), is_mirrored=bool(flipped[at]))
        for at in np.flatnonzero(likeness >= least)
    ]


def _correlate_both_ways(grey: np.ndarray, pairs: np.ndarray, flipped: bool, are_uniform: bool) -> np.ndarray:
    """Likeness of pairs, float32 (k,); the better one of both ways to align them, since either may be the crop."""
    one, other = grey[pairs[:, 0]], grey[pairs[:, 1]]
    if flipped:
        other = other[:, :, ::-1]
    floors = UNIFORM_FLOORS if are_uniform else FLOORS
    likeness = correlate_aligned(one, other, floors)
    unsure = np.flatnonzero((likeness > 0) & (likeness < UNIFORM_COPY_FROM))
    likeness[unsure] = np.maximum(likeness[unsure], correlate_aligned(other[unsure], one[unsure], floors))
    return likeness


def _find_candidates(photos: CheckedPhotos, different: np.ndarray) -> np.ndarray:
    """Pairs of indices, int (k, 2), the smaller one first, each pair once."""
    if len(different) < 2:
        return np.zeros((0, 2), int)
    nearest = [*_nearest_by_features(photos, different), *_nearest_by_signatures(photos, different)]
    pairs = np.concatenate([np.stack([np.arange(len(different)), others], axis=1) for others in nearest])
    return different[np.unique(np.sort(pairs, axis=1), axis=0)]


def _nearest_by_features(photos: CheckedPhotos, different: np.ndarray) -> np.ndarray:
    """int (NEIGHBOURS, k), places in `different`; a function of its own, so that its half a gigabyte is freed."""
    features = unit_length(photos.features[different])
    return find_neighbours(features, features, NEIGHBOURS)[0].T


def _nearest_by_signatures(photos: CheckedPhotos, different: np.ndarray) -> np.ndarray:
    """int (2 * SIGNATURE_NEIGHBOURS, k), places in `different`: by signatures as they are, and mirrored."""
    rows = photos.signatures.rows[different]
    pixels = rows.reshape(len(different), SIGNATURE_SIDE, SIGNATURE_SIDE, -1)
    means = pixels.mean(axis=3, dtype=np.float32)  # a tint changes colours only
    grey = unit_length(means.reshape(len(different), -1))
    mirrored = grey.reshape(-1, SIGNATURE_SIDE, SIGNATURE_SIDE)[:, :, ::-1].reshape(len(grey), -1)
    both = (find_neighbours(each, grey, SIGNATURE_NEIGHBOURS)[0].T for each in (grey, mirrored))
    return np.concatenate(list(both))


def find_neighbours(rows: np.ndarray, others: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest rows of `others` for each of `rows`, without the row of the same number; in blocks, in threads.

    Args:
        rows, others: float32 (n, d) of unit length.
        count: how many; fewer if there are fewer.

    Returns:
        int (n, count), nearest first; and their cosines, float32 (n, count).
    """
    n, count = len(rows), max(0, min(count, len(others) - 1))
    nearest, cosines = np.zeros((n, count), int), np.zeros((n, count), np.float32)
    step = max(1, COMPARED // max(1, n))

    def find(start: int) -> None:
        some = np.arange(start, min(start + step, n))
        alike = rows[some] @ others.T
        alike[some - start, some] = -np.inf
        nearest[some], cosines[some] = pick_largest(alike, count)

    if count:
        _finish(threads().map(find, range(0, n, step)))
    return nearest, cosines


def _finish(work: Iterable[None]) -> None:
    for _ in work:
        pass

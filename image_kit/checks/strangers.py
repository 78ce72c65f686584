"""Photos that are unlike every class of the folder: a receipt among clothes."""

from dataclasses import dataclass

import numpy as np

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.findings import Finding
from image_kit.checks.similar_photos import compare_in_blocks
from image_kit.features import unit_length

# A photo belongs to a class if it is similar to a fifth of its photos. Strangers often come from one source and are
# similar to each other: with 5 % of fruit among clothes, a twentieth of a class as the measure finds .22 of them among
# the first 2 n, a tenth .79, a fifth and two fifths all.
OF_CLASS = 0.2
FEWEST_OF_CLASS = 3  # photos: a stranger's own copy and a second one do not vouch for it
# A photo is a stranger if its similarity lies this far below the median, in distances from the median to the 16 %
# quantile, which is one standard deviation of a normal distribution, and is also this small a part of the median.
# Photos of another set lie at 2.7 or more among clothing or elephants and cars, and reach .72 of the median at most.
# Where most photos of a set are nearly the same, as with fruit, the first alone calls 4 % of the set's own strange.
FAR, VERY_FAR = 2.6, 3.5
UNLIKE = 0.72
ONE_DEVIATION = 0.8413
FEWEST = 20  # photos: fewer cannot tell what is usual
SHARPER = 2.0  # how fast certainty grows with the distance


@dataclass(frozen=True, eq=False)
class StrangerScores:
    """How unlike the folder each of n photos is.

    Attributes:
        similarities: float32 (n,), the cosine that the photo reaches with a fifth of the class that is most like it.
        closest: int (n,), that class.
        nearest: int (n,), the photo that is most similar.
        distances: float (n,), how far the similarity is below the median, in standard deviations.
    """

    similarities: np.ndarray
    closest: np.ndarray
    nearest: np.ndarray
    distances: np.ndarray


def score_strangers(features: np.ndarray, labels: np.ndarray) -> StrangerScores:
    """Score each photo; the photo itself never counts.

    Args:
        features: (n, d), of any length, n at least 2.
        labels: int (n,).
    """
    order = np.argsort(labels, kind="stable")  # the photos of a class side by side, so that no copies are made
    sorted_labels = labels[order]
    starts = np.flatnonzero(np.diff(sorted_labels, prepend=-1))
    ends = np.append(starts[1:], len(labels))
    similarities, closest = np.full(len(labels), -np.inf, np.float32), np.zeros(len(labels), np.int64)
    nearest = np.zeros(len(labels), np.int64)
    for some, products in compare_in_blocks(unit_length(features[order])):
        photos = np.arange(len(labels))[some]
        products[np.arange(len(photos)), photos] = -np.inf
        nearest[some] = products.argmax(axis=1)
        reached = np.stack([_reached(products[:, start:end]) for start, end in zip(starts, ends, strict=True)], axis=1)
        best = reached.argmax(axis=1)
        similarities[some], closest[some] = reached[np.arange(len(photos)), best], sorted_labels[starts[best]]
    places = np.argsort(order)
    similarities = similarities[places]
    middle, low = np.quantile(similarities, [0.5, 1 - ONE_DEVIATION])
    distances = (middle - similarities) / max(middle - low, 1e-6)
    return StrangerScores(similarities, closest[places], order[nearest[places]], distances)


def _reached(products: np.ndarray) -> np.ndarray:
    """The similarity that a photo reaches with OF_CLASS of the photos of a class: (photos, class) -> (photos,)."""
    size = products.shape[1]
    rank = min(max(FEWEST_OF_CLASS, int(np.ceil(OF_CLASS * size))), size)
    reached = np.partition(products, size - rank, axis=1)[:, size - rank]
    if rank < size:
        return reached
    # All photos of a small class count: the photo itself, if it is of that class, is left out.
    finite = np.where(np.isfinite(products), products, np.inf).min(axis=1)
    return np.where(np.isfinite(finite), finite, -1).astype(products.dtype)


def list_strangers(photos: CheckedPhotos, scores: StrangerScores) -> list[Finding]:
    """The photos that are unlike all others, the most unlike first; none if there are fewer than FEWEST photos."""
    if len(photos.labels) < FEWEST:
        return []
    usual = float(np.median(scores.similarities))
    chosen = np.flatnonzero((scores.distances > FAR) & (scores.similarities < UNLIKE * usual))
    chosen = chosen[np.argsort(-scores.distances[chosen], kind="stable")]
    return [_finding(photos, scores, int(photo), usual) for photo in chosen]


def _finding(photos: CheckedPhotos, scores: StrangerScores, photo: int, usual: float) -> Finding:
    distance = float(scores.distances[photo])
    similarity = max(0.0, float(scores.similarities[photo]))
    return Finding(
        file=photos.files[photo],
        kind="stranger",
        severity="medium" if distance > VERY_FAR else "low",
        evidence=f"It is {100 * similarity:.0f} % similar to {photos.class_names[scores.closest[photo]]}, the class "
        f"that it is most like; half of the photos reach {100 * usual:.0f} % or more.",
        suggestion="If it shows none of the classes, drop it.",
        related=photos.files[scores.nearest[photo]],
        action="drop",
        certainty=float(1 / (1 + np.exp(-SHARPER * (distance - FAR)))),
    )

"""Whether the parts of a folder show the same kind of photos: a classifier tries to tell train from test."""

import numpy as np

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.findings import Finding
from image_kit.features import unit_length

FEWEST = 20  # photos of a part: fewer cannot be told from others
MOST = 2_000  # photos of a part: more do not make the answer clearer
DIRECTIONS = 64  # in which the photos differ most: more would be learned by heart
SAMPLE = 512  # photos, to find these directions
PENALTY = 0.1  # by photo, relative to the mean square of a direction
PERMUTATIONS = 99
# Of the photos of both parts; chance .5. Parts of clothing by other senders, as they should be, are told for .58 to
# .73 of photos, parts at random for .44 to .52 (12 divisions each).
TOLD_FROM = 0.8
FOLDS = 5


def find_unlike_parts(photos: CheckedPhotos, seed: int = 0) -> list[Finding]:
    """Parts whose photos a classifier tells from those of train, within each class: they come from other sources.

    It must be right for TOLD_FROM of photos that were held out, and more often than with any permuted parts.

    Args:
        photos: nothing is found where the folder is not divided into parts.
        seed: of samples, folds and permutations.
    """
    rng = np.random.default_rng(seed)
    parts = np.array([part or "" for part in photos.parts], dtype=object)
    found = []
    for part in ("validation", "test"):
        some = [np.flatnonzero(parts == each) for each in ("train", part)]
        if min(map(len, some)) < FEWEST:
            continue
        chosen = np.concatenate([rng.permutation(each)[:MOST] for each in some])
        labels, is_later = photos.labels[chosen], parts[chosen] == part
        accuracy, permuted = compare_parts(photos.features[chosen], labels, is_later, rng)
        if accuracy >= TOLD_FROM and accuracy > permuted:
            found.append(_describe(part, accuracy))
    return found


def _describe(part: str, accuracy: float) -> Finding:
    return Finding(
        "",
        "split",
        "medium",
        f"A classifier tells photos of {part} from those of train, of the same class, for {100 * accuracy:.0f} % "
        "(chance 50 %).",
        f"Mind that {part} has photos of another source or time; if that is not on purpose, divide all photos anew.",
        certainty=accuracy,
    )


def compare_parts(
    features: np.ndarray, labels: np.ndarray, is_later: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """How well ridge regression tells two parts apart for photos that were held out, both counting alike.

    Classes are taken out: each photo is compared with the mean of its class, and parts are permuted within classes.

    Args:
        features: (n, d).
        labels: int (n,), the classes.
        is_later: bool (n,), the part.
        rng: for the sample, folds and permutations.

    Returns:
        The accuracy, 0 to 1, and the best of PERMUTATIONS permuted ones.
    """
    kept = np.array([len(np.unique(is_later[labels == label])) == 2 for label in labels])  # classes of both parts
    if min(kept[is_later].sum(), kept[~is_later].sum()) < FEWEST:
        return 0.5, 0.5
    rows, labels, is_later = unit_length(features[kept]), labels[kept], is_later[kept]
    for label in np.unique(labels):
        own = labels == label
        rows[own] -= rows[own].mean(axis=0)
    some = rng.permutation(len(rows))[:SAMPLE]
    directions = np.linalg.svd(rows[some], full_matrices=False)[2][:DIRECTIONS]
    columns = np.concatenate([rows @ directions.T, np.full((len(rows), 1), rows.std(), np.float32)], axis=1)
    permuted = [_permute_within(is_later, labels, rng) for _ in range(PERMUTATIONS)]
    scores = _score(columns, np.stack([is_later, *permuted], axis=1), rng.permutation(len(rows)) % FOLDS)
    return float(scores[0]), float(scores[1:].max())


def _permute_within(is_later: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    permuted = is_later.copy()
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        permuted[own] = rng.permutation(is_later[own])
    return permuted


def _score(columns: np.ndarray, later: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Mean accuracy of both parts for each column of `later`, bool (n, p)."""
    shares = later.mean(axis=0)
    targets = np.where(later, 1 / shares, -1 / (1 - shares)).astype(np.float32)
    right = np.zeros(later.shape, bool)
    for fold in range(FOLDS):
        known, held = folds != fold, folds == fold
        products = columns[known].T @ columns[known]
        products += PENALTY * np.trace(products) / len(products) * np.eye(len(products), dtype=np.float32)
        answers = columns[held] @ np.linalg.solve(products, columns[known].T @ targets[known])
        right[held] = (answers > 0) == later[held]
    return (np.where(later, right, 0).sum(axis=0) / later.sum(axis=0) + _rest(later, right)) / 2


def _rest(later: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.where(later, 0, right).sum(axis=0) / (~later).sum(axis=0)

"""Whether the edge of the image tells the classes apart better than its centre, where the subject is."""

import numpy as np

CELLS = 8  # of a side, into which a thumbnail is divided: 28 make the edge, 16 the centre
PENALTY = 0.03  # of the squared weights, by photo, for columns of variance 1
FOLDS = 5
MOST_NUMBERS = 2**23  # of permuted labels at once: 32 MB
MOST_PHOTOS = 4_000  # more do not make the accuracy any clearer


def compare_edge(
    thumbnails: np.ndarray, labels: np.ndarray, n_classes: int, permutations: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """How well a linear classifier tells the classes of photos that were held out, each class counting alike.

    Args:
        thumbnails: uint8 (n, 32, 32, 3).
        labels: int (n,); each class has a photo at least.
        n_classes: number of classes.
        permutations: of the labels, to learn what chance reaches.
        rng: for the folds and permutations.

    Returns:
        The accuracies by the edge and by the centre, 0 to 1, and the best one by the edge for permuted labels.
    """
    if len(labels) > MOST_PHOTOS:
        some = np.sort(rng.choice(len(labels), MOST_PHOTOS, replace=False))
        thumbnails, labels = thumbnails[some], labels[some]
    step = thumbnails.shape[1] // CELLS
    cells = thumbnails.reshape(len(thumbnails), CELLS, step, CELLS, step, 3).mean(axis=(2, 4), dtype=np.float32)
    is_edge, is_centre = np.ones((CELLS, CELLS), bool), np.zeros((CELLS, CELLS), bool)
    is_edge[1:-1, 1:-1], is_centre[2:-2, 2:-2] = False, True
    edge, centre = (_standardise(cells[:, mask].reshape(len(cells), -1)) for mask in (is_edge, is_centre))
    folds = rng.permutation(len(labels)) % FOLDS
    true = labels[None]
    by_edge, by_centre = (float(_score(columns, true, n_classes, folds)[0]) for columns in (edge, centre))
    best, at_once = 0.0, max(1, MOST_NUMBERS // (len(labels) * n_classes))
    for start in range(0, permutations, at_once):
        permuted = np.stack([rng.permutation(labels) for _ in range(min(at_once, permutations - start))])
        best = max(best, float(_score(edge, permuted, n_classes, folds).max()))
    return by_edge, by_centre, best


def _standardise(columns: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1, their squares, and ones."""
    columns = (columns - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-3)
    return np.concatenate([columns, columns**2 - 1, np.ones((len(columns), 1), np.float32)], axis=1)


def _score(columns: np.ndarray, labels: np.ndarray, n_classes: int, folds: np.ndarray) -> np.ndarray:
    """Mean of the classes' accuracies by ridge regression on their indicators, for each row of labels (p, n)."""
    wanted = (labels.T[:, :, None] == np.arange(n_classes)).astype(np.float32)  # (n, p, c)
    share = np.maximum(wanted.sum(axis=0, keepdims=True), 1)
    right = np.zeros(labels.shape, bool)
    for fold in range(FOLDS):
        known, held = folds != fold, folds == fold
        products = columns[known].T @ columns[known]
        products += PENALTY * known.sum() * np.eye(len(products), dtype=np.float32)
        # Each class is divided by its number, so that a large one is not answered for its size.
        targets = (wanted[known] / share).reshape(known.sum(), -1) * (len(folds) / n_classes)
        answers = (columns[held] @ np.linalg.solve(products, columns[known].T @ targets)).reshape(
            held.sum(), len(labels), n_classes
        )
        right[:, held] = labels[:, held] == answers.argmax(axis=2).T
    return ((right[:, :, None] * wanted.swapaxes(0, 1)).sum(axis=1) / share[0]).mean(axis=1)

"""Shortcuts: can the class be told without the subject, from the file or from the edge of the image?"""

from dataclasses import dataclass

import numpy as np

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.cues import BACKGROUND_ADVICE, Cue, list_cues
from image_kit.checks.edge_alone import compare_edge
from image_kit.checks.file_facts import FileFacts
from image_kit.checks.findings import Finding, Severity

# A class is marked by a value that many of its photos have and hardly any others.
MARKED_FROM = 0.18  # of the photos of the class, so that 20 % are found with a tenth of them missed
MARKED_PHOTOS = 5  # at least
TIMES_RARER = 10.0  # among the photos of the other classes
# Of what chance leaves, what a cue must tell: (accuracy - chance) / (1 - chance). Of two kinds of clothing the width
# tells up to .45 (pants are photographed upright), the colour of a plain background up to .39, the file size up to .29.
TOLD_FROM = 0.6
# The edge of the image, and by how much better than its centre. Of elephants and cars the edge tells .80, .17 more than
# the centre: savanna and street, which is natural. A wall that shines through the edges of one class by .4 tells .84 to
# .92, about .2 to .6 more.
EDGE_TOLD_FROM, EDGE_BETTER_BY = 0.8, 0.2
PERMUTATIONS = 199  # of the labels
BETTER_ONES = 1  # permuted labels that may do as well, so that p is .01 at most
MOST_CLASSES_OF_EDGE = 100  # with more, permuting their labels takes too long
PERMUTATIONS_OF_EDGE = 19  # its margin asks for much more than chance ever reaches
FOLDS = 5
SMALLEST_CLASS = 5  # photos: smaller classes say nothing
NOT_VISIBLE = {"date", "camera"}  # a network does not see them, though it may see the light and the lens


@dataclass(frozen=True)
class _Told:
    """What one cue tells: `strength`, 0 to 1, is comparable among cues of a family."""

    family: str
    strength: float
    evidence: str
    advice: str


def find_shortcuts(photos: CheckedPhotos, facts: FileFacts, seed: int = 0) -> list[Finding]:
    """What tells classes apart without their subject, the strongest first, at most one finding for each kind of cue.

    A cue must do better than with permuted labels, all but BETTER_ONES of them, and by a margin: a value that marks a
    class, or an accuracy in answers to photos that the rule was not made from. Natural colours are no shortcut, so the
    edge of the image must tell more than its centre.

    Args:
        photos, facts: of the same photos.
        seed: of the folds and permutations.
    """
    sizes = np.bincount(photos.labels, minlength=len(photos.class_names))
    large = np.flatnonzero(sizes >= SMALLEST_CLASS)
    if len(large) < 2:
        return []
    chosen = np.flatnonzero(np.isin(photos.labels, large))
    names = [photos.class_names[label] for label in large]
    labels = np.searchsorted(large, photos.labels[chosen])
    rng = np.random.default_rng(seed)
    told = [
        each
        for cue in list_cues(facts)
        for each in (_ask_overall(cue, chosen, labels, names, rng), _ask_marks(cue, chosen, labels, names, rng))
        if each
    ]
    if edge := _ask_edge(facts.thumbnails[chosen], labels, names, rng):
        told.append(edge)
    best: dict[str, _Told] = {}
    for each in sorted(told, key=lambda each: -each.strength):
        best.setdefault(each.family, each)
    if "compression" in best or "size" in best:
        best.pop("file size", None)  # which follows from them
    found = [_describe(each) for each in best.values()]
    return sorted(found, key=lambda each: -each.certainty)


def _describe(told: _Told) -> Finding:
    severity: Severity = "low" if told.family in NOT_VISIBLE else "high" if told.strength > 0.5 else "medium"
    return Finding("", "shortcut", severity, told.evidence, told.advice, certainty=round(min(1.0, told.strength), 3))


def _ask_marks(
    cue: Cue, chosen: np.ndarray, labels: np.ndarray, names: list[str], rng: np.random.Generator
) -> _Told | None:
    """The value that marks a class best, if it is not by chance."""
    if not cue.marks:
        return None
    codes = cue.codes[chosen]
    table = _count(codes, labels, len(cue.values), len(names))
    sizes = table.sum(axis=0)
    own = table / sizes
    # Half a photo more among the others, so that "none of three" does not count as never.
    others = (table.sum(axis=1, keepdims=True) - table + 0.5) / (len(labels) - sizes + 1)
    is_named = np.array([bool(value) for value in cue.values])[:, None]
    is_mark = is_named & (own >= MARKED_FROM) & (table >= MARKED_PHOTOS) & (own >= TIMES_RARER * others)
    if not is_mark.any():
        return None
    scores = np.where(is_mark, _deviate(table), -np.inf)
    code, label = np.unravel_index(scores.argmax(), scores.shape)
    permuted = (
        _deviate(_count(codes, rng.permutation(labels), len(cue.values), len(names))).max() for _ in range(PERMUTATIONS)
    )
    if sum(each >= scores[code, label] for each in permuted) > BETTER_ONES:
        return None
    rest = (table[code].sum() - table[code, label]) / (len(labels) - sizes[label])
    these = f"{100 * own[code, label]:.0f} % of the photos of {names[label]} {cue.values[code]}"
    evidence = f"{these}, but only {100 * rest:.0f} % of the others: a network can learn that instead of the subject."
    return _Told(cue.family, float(own[code, label]), evidence, cue.advice)


def _count(codes: np.ndarray, labels: np.ndarray, n_codes: int, n_classes: int) -> np.ndarray:
    """Photos by value (row) and class (column)."""
    return np.bincount(codes * n_classes + labels, minlength=n_codes * n_classes).reshape(n_codes, n_classes)


def _deviate(table: np.ndarray) -> np.ndarray:
    """How far counts exceed those of independence, in standard deviations; values of few photos count as 0."""
    rows, columns, n = table.sum(axis=1, keepdims=True), table.sum(axis=0), table.sum()
    expected = rows * columns / n
    variance = expected * (1 - rows / n) * (1 - columns / n)
    return np.where(rows >= MARKED_PHOTOS, (table - expected) / np.sqrt(np.maximum(variance, 1e-9)), 0)


def _ask_overall(
    cue: Cue, chosen: np.ndarray, labels: np.ndarray, names: list[str], rng: np.random.Generator
) -> _Told | None:
    """How often the value alone tells the class of a photo that was held out, each class counting alike."""
    codes, chance = cue.codes[chosen], 1 / len(names)
    folds = rng.permutation(len(labels)) % FOLDS
    accuracy = _guess(codes, labels, folds, len(cue.values), len(names))
    told = (accuracy - chance) / (1 - chance)
    if told < TOLD_FROM:
        return None
    permuted = (_guess(codes, rng.permutation(labels), folds, len(cue.values), len(names)) for _ in range(PERMUTATIONS))
    if sum(each >= accuracy for each in permuted) > BETTER_ONES:
        return None
    return _Told(
        cue.family, float(told), _describe_accuracy(f"The image's {cue.name} alone", names, accuracy), cue.advice
    )


def _describe_accuracy(what: str, names: list[str], accuracy: float) -> str:
    """The sentence on a cue that tells classes apart."""
    which = f"{names[0]} from {names[1]}" if len(names) == 2 else f"the {len(names)} classes apart"
    return (
        f"{what} tells {which} for {100 * accuracy:.0f} % of photos (chance {100 / len(names):.0f} %): "
        "a network can learn that instead of the subject."
    )


def _ask_edge(thumbnails: np.ndarray, labels: np.ndarray, names: list[str], rng: np.random.Generator) -> _Told | None:
    """Whether the edge of the image tells much, and more than the centre."""
    if len(names) > MOST_CLASSES_OF_EDGE:
        return None
    chance = 1 / len(names)
    edge, centre, permuted = compare_edge(thumbnails, labels, len(names), PERMUTATIONS_OF_EDGE, rng)
    told, better = (edge - chance) / (1 - chance), (edge - centre) / (1 - chance)
    if told < EDGE_TOLD_FROM or better < EDGE_BETTER_BY or edge <= permuted:
        return None
    evidence = _describe_accuracy("The edge of the image alone, without its centre,", names, edge)
    return _Told("background", told, evidence, BACKGROUND_ADVICE)


def _guess(codes: np.ndarray, labels: np.ndarray, folds: np.ndarray, n_codes: int, n_classes: int) -> float:
    """Mean of the classes' accuracies, if each value stands for the class in which it is most frequent elsewhere."""
    recalls = np.zeros(n_classes)
    sizes = np.maximum(np.bincount(labels, minlength=n_classes), 1)
    whole = _count(codes, labels, n_codes, n_classes)
    for fold in range(FOLDS):
        held = folds == fold
        known = whole - _count(codes[held], labels[held], n_codes, n_classes)
        answers = (known / np.maximum(known.sum(axis=0), 1)).argmax(axis=1)[codes[held]]
        recalls += np.bincount(labels[held][answers == labels[held]], minlength=n_classes)
    return float((recalls / sizes).mean())

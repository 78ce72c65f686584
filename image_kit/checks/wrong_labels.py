"""Photos whose label is probably wrong, each with the class that the other photos suggest.

The heads of the cross-validation answer each photo without knowing it (Northcutt, Jiang and Chuang, "Confident
learning", arXiv 1911.00068). But wrong labels spoil these heads too. So the photos whose label is doubtful are left
out, the heads are fitted once more, and their answers are joined with the labels of the most similar photos.
"""

from dataclasses import dataclass

import numpy as np

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.findings import Finding, Severity
from image_kit.checks.similar_photos import SimilarPhotos, find_similar
from image_kit.features import CrossValidation, FeatureRows, answer_held_out

SIMILAR = 20  # photos that have a say
SHOWN = 10  # of them are counted in the sentence
# A photo has a say of e to the power of this times its cosine: one of cosine .5 has 11 times the say of one of .2.
SHARPNESS = 8
DOUBT = 0.02  # added to the fraction of each class among the similar photos: no 20 photos exclude a class
SAY = 0.5  # of the similar photos' logarithms, beside 1 of the heads'
LEFT_OUT = 1.0  # nats: a photo whose label is that much less likely than another class is not learned from
# Of the labels of ten well-known test sets 3.3 % are wrong on average (Northcutt, Athalye and Mueller, "Pervasive label
# errors", 2021). Errors between similar classes look like hard photos, so that fewer may seem to be wrong.
FEWEST_WRONG, MOST_WRONG = 0.03, 0.4
NO_NOISE = 0.005
DISBELIEF = 20.0  # nats for each unit of noise: .1 must explain the labels better by 2 than none
DIVISORS = np.geomspace(0.25, 4, 17)  # a strong penalty gives answers that are too timid, few photos too bold ones
FEWEST_ALIKE = 5  # photos of the same label outside of its group: fewer cannot tell what the class looks like
# Certainty from which a label is reported. Of the photos of clothing as it is, 2 % are; .3 lists 3 % and finds .02 more
# of 5 % wrong labels.
LISTED = 0.4
HIGH, MEDIUM = 0.95, 0.8  # certainties


@dataclass(frozen=True, eq=False)
class LabelScores:
    """How doubtful the label of each of n photos is.

    Attributes:
        margins: float (n,), nats: how much likelier the suggested class is than the label; negative: less likely.
        suggested: int (n,), the likeliest other class.
        certainty: float (n,), 0 to 1: the probability that the suggested class is right rather than the label.
        doubtful: bool (n,), whether `list_wrong_labels` reports the label.
        probabilities: float32 (n, c), the answers of heads that do not know the photo nor any doubtful label.
        similar: the photos that had a say.
        noise: the fraction of wrong labels that explains the answers best, FEWEST_WRONG at least.
    """

    margins: np.ndarray
    suggested: np.ndarray
    certainty: np.ndarray
    doubtful: np.ndarray
    probabilities: np.ndarray
    similar: SimilarPhotos
    noise: float


def score_labels(rows: FeatureRows, labels: np.ndarray, groups: np.ndarray, validated: CrossValidation) -> LabelScores:
    """Score the label of each photo.

    Args:
        rows: of the photos' features.
        labels: int (n,).
        groups: int (n,), as `validated` had them; near copies share one.
        validated: of these rows, labels and groups.
    """
    n_classes = validated.probabilities.shape[1]
    similar = find_similar(rows, groups, SIMILAR)
    says = np.exp(SHARPNESS * similar.similarities)
    logs, votes = np.log(np.maximum(validated.probabilities, 1e-12)), _log_votes(similar, labels, n_classes, says)
    noise = _fit_noise(logs + SAY * votes, labels)
    margins = _margins(logs + votes, labels)[0]
    trusted = (margins <= np.maximum(LEFT_OUT, _class_medians(margins, labels))).astype(np.float32)
    answers = answer_held_out(rows, labels, n_classes, validated.folds, validated.strength, trusted)
    logs = np.mean(list(answers), axis=0)
    joined = logs + SAY * _log_votes(similar, labels, n_classes, says * trusted[similar.photos])
    margins, suggested = _margins(joined, labels)
    divisor = _fit_divisor(joined, labels, noise)
    certainty = 1 / (1 + (1 - noise) / noise * np.exp(-np.clip(margins / divisor, -50, 50)))
    supported = _count(similar, labels, suggested) > _count(similar, labels, labels)
    doubtful = (certainty >= LISTED) & supported & (_alike(labels, groups) >= FEWEST_ALIKE)
    return LabelScores(margins, suggested, certainty, doubtful, _softmax(logs), similar, noise)


def list_wrong_labels(photos: CheckedPhotos, scores: LabelScores) -> list[Finding]:
    """The doubtful labels of `score_labels`, most certain first."""
    chosen = np.flatnonzero(scores.doubtful)
    chosen = chosen[np.argsort(-scores.margins[chosen], kind="stable")]
    return [_finding(photos, scores, int(photo)) for photo in chosen]


def _finding(photos: CheckedPhotos, scores: LabelScores, photo: int) -> Finding:
    label, suggested = int(photos.labels[photo]), int(scores.suggested[photo])
    given, other = photos.class_names[label], photos.class_names[suggested]
    certainty = float(scores.certainty[photo])
    severity: Severity = "high" if certainty >= HIGH else "medium" if certainty >= MEDIUM else "low"
    nearest = scores.similar.photos[photo]
    agreeing = nearest[photos.labels[nearest] == suggested]
    shown = min(SHOWN, len(nearest))
    count = int((photos.labels[nearest[:shown]] == suggested).sum())
    are = "is" if count == 1 else "are"
    probability, own = scores.probabilities[photo, [suggested, label]]
    return Finding(
        file=photos.files[photo],
        kind="wrong_label",
        severity=severity,
        evidence=f"It is labelled {given}; the others of the folder say {other} with {_percent(probability)} "
        f"({given}: {_percent(own)}), and {count} of the {shown} most similar photos {are} {other}.",
        suggestion=f"If the photo shows {other}, move it to {other}.",
        related=photos.files[agreeing[0]] if len(agreeing) else "",
        action=f"move {other}",
        certainty=certainty,
    )


def _percent(fraction: float) -> str:
    return "less than 1 %" if fraction < 0.005 else f"{100 * min(fraction, 0.99):.0f} %"


def _margins(logs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much likelier the likeliest other class is than the label, (n,), and which it is."""
    photos = np.arange(len(labels))
    others = logs.copy()
    others[photos, labels] = -np.inf
    suggested = others.argmax(axis=1)
    return others[photos, suggested] - logs[photos, labels], suggested


def _class_medians(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each photo the median of its class: at least half of a class is always learned from."""
    medians = np.zeros(labels.max() + 1)
    for label in np.unique(labels):
        medians[label] = np.median(values[labels == label])
    return medians[labels]


def _log_votes(similar: SimilarPhotos, labels: np.ndarray, n_classes: int, says: np.ndarray) -> np.ndarray:
    votes = similar.votes(labels, n_classes, says)
    return np.log(votes / np.maximum(votes.sum(axis=1, keepdims=True), 1e-9) + DOUBT)


def _count(similar: SimilarPhotos, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How many of the SHOWN most similar photos have the wanted label, int (n,)."""
    is_usable = np.isfinite(similar.similarities[:, :SHOWN])
    return ((labels[similar.photos[:, :SHOWN]] == wanted[:, None]) & is_usable).sum(axis=1)


def _alike(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How many photos outside of its group have the same label, int (n,)."""
    _, pairs, counts = np.unique(np.stack([labels, groups]), axis=1, return_inverse=True, return_counts=True)
    return np.bincount(labels)[labels] - counts[pairs.ravel()]


def _softmax(logs: np.ndarray) -> np.ndarray:
    numbers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return numbers / numbers.sum(axis=1, keepdims=True)


def _fit_noise(logs: np.ndarray, labels: np.ndarray) -> float:
    """The fraction of wrong labels that makes the given labels most probable, FEWEST_WRONG at least.

    A label is taken to be right with probability 1 - noise, and else to be any other class alike. The noise is found by
    expectation and maximization, for each divisor of the logarithms.
    """
    best = (-np.inf, 0.0)
    for divisor in DIVISORS:
        right, other = _label_probabilities(logs / divisor, labels)
        noise = FEWEST_WRONG
        for _ in range(50):
            wrong = noise * other / (noise * other + (1 - noise) * right)
            noise = float(np.clip(wrong.mean(), NO_NOISE, MOST_WRONG))
        best = max(best, (_log_likelihood(right, other, noise) - DISBELIEF * noise, noise))
    return max(best[1], FEWEST_WRONG)


def _fit_divisor(logs: np.ndarray, labels: np.ndarray, noise: float) -> float:
    """The divisor of the logarithms that makes the given labels most probable, with this fraction of wrong ones.

    Without the doubtful labels the heads are too sure, the more so the more labels were left out: where classes cannot
    be told apart, half of all labels would otherwise seem wrong.
    """
    found = [_log_likelihood(*_label_probabilities(logs / divisor, labels), noise) for divisor in DIVISORS]
    return float(DIVISORS[int(np.argmax(found))])


def _label_probabilities(logs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probability of each photo's label, and of each other class on average, both (n,)."""
    right = np.clip(_softmax(logs)[np.arange(len(labels)), labels], 1e-30, 1)
    return right, (1 - right) / (logs.shape[1] - 1)


def _log_likelihood(right: np.ndarray, other: np.ndarray, noise: float) -> float:
    return float(np.log(noise * other + (1 - noise) * right).sum())

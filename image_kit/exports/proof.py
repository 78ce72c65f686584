"""Does an export answer as the run does? Both are asked about the same images, the export through its own runtime."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from image_kit.answering import Classifier, load_classifier, score
from image_kit.errors import UserError
from image_kit.exports.formats import Format, RuntimeMissing
from image_kit.exports.held_photos import RunPhotos
from image_kit.exports.source import Source
from image_kit.exports.whole_network import temperature_of
from image_kit.trust import with_temperature

# A format that is not exact may change one answer in 50; more, if at most one right answer in 100 is lost.
MOST_CHANGED, MOST_LOST = 0.02, 0.01
TOLERANCE = 1e-3  # the most that a float format may move a probability
# Classes whose probabilities differ by less are equally probable: it is a few times float32's resolution next to 1.
TIE = 1e-6
STEP = 2.0**-24  # float32's resolution below 1
DISTRIBUTIONS = {"ai_edge_litert": "ai-edge-litert"}


@dataclass(frozen=True, eq=False)
class Reference:
    """What the run itself answers, as predict.py prints it; probabilities are float32 (n, classes), calibrated."""

    classifier: Classifier
    photos: RunPhotos
    probabilities: np.ndarray

    @classmethod
    def of(cls, source: Source, photos: RunPhotos) -> "Reference":
        """Ask the run about its held images. Raises UserError as `load_classifier`."""
        classifier = load_classifier(source.path)
        return cls(classifier, photos, classifier.probabilities(photos.held.take(np.arange(len(photos.held.labels)))))


@dataclass(frozen=True)
class Proof:
    """How the answers of an export differ from those of the run.

    Attributes:
        n: images; 0 if the runtime is missing here, and the export checks itself when it is used.
        photos: which, in words; or what is missing.
        largest_difference: of any probability, 0..1; None without images.
        changed_answers: images whose most probable class is another one.
        tolerance: see `tolerance_of`; None for a format that is not exact.
        accuracy, accuracy_of_run: 0..1; None where the images show no class.
    """

    n: int
    photos: str
    largest_difference: float | None
    changed_answers: int
    tolerance: float | None
    accuracy: float | None
    accuracy_of_run: float | None

    def sentence(self) -> str:
        """For the user: "51 photos ...: no answer changed, the largest difference of a probability is 6e-07"."""
        if self.largest_difference is None:
            return f"not proven here, since that {self.photos}; it checks itself whenever it is used"
        changed = f"{self.changed_answers} answers changed" if self.changed_answers else "no answer changed"
        accuracy = "" if self.accuracy is None else f"; {100 * self.accuracy:.1f} % are answered correctly"
        largest = f"the largest difference of a probability is {self.largest_difference:.1g}"
        return f"proven on {self.photos}: {changed}, {largest}{accuracy}"


def tolerance_of(source: Source) -> float:
    """The most that a probability may move: TOLERANCE, or one step of float32 where the temperature makes more of it.

    A network with one sigmoid unit knows the other class's probability, 1 - p, in steps of STEP only. A temperature
    above 2.6 makes more than TOLERANCE of such a step in predict.py's own answers.
    """
    if source.head != "sigmoid":
        return TOLERANCE
    certain = np.array([[0.0, 1.0], [STEP, 1 - STEP]])
    none, one = with_temperature(certain, temperature_of(source))[:, 0]
    return max(TOLERANCE, 2 * float(one - none))


def prove(chosen: Format, path: Path, source: Source, reference: Reference) -> Proof:
    """Ask an export about the held images.

    Raises:
        UserError: it is exact, and moves an answer or a probability; it loses more than a format may that is not
            exact; or its answers are not numbers.
    """
    images, labels = reference.photos.held.take(np.arange(len(reference.probabilities))), reference.photos.held.labels
    try:
        answers, expected = chosen.answer(path, images, source), reference.probabilities
    except RuntimeMissing as error:
        return Proof(0, str(error), None, 0, None, None, None)
    if answers.shape != expected.shape or not np.isfinite(answers).all():
        raise UserError(f"--to {chosen.name}: its answers are no probabilities; {_nothing(chosen)}")
    rows = np.arange(len(expected))
    lost = expected[rows, expected.argmax(axis=1)] - expected[rows, answers.argmax(axis=1)]
    names = source.description.class_names
    accuracies = [
        score(each, labels, names).accuracy if reference.photos.is_labelled else None for each in (answers, expected)
    ]
    largest = float(np.abs(answers - expected).max())
    proof = Proof(
        len(rows),
        reference.photos.words,
        largest,
        int((lost > TIE).sum()),
        tolerance_of(source) if chosen.is_exact else None,
        *accuracies,
    )
    _refuse_other_answers(chosen, proof)
    return proof


def _refuse_other_answers(chosen: Format, proof: Proof) -> None:
    difference = proof.largest_difference or 0.0
    if proof.tolerance is not None:
        is_other, limit = proof.changed_answers or difference > proof.tolerance, f"at most {proof.tolerance:.2g}"
    else:
        is_other, limit = proof.changed_answers > max(1, MOST_CHANGED * proof.n), f"at most {100 * MOST_CHANGED:g} %"
        if proof.accuracy is not None and proof.accuracy_of_run is not None:  # a change may also be for the better
            fall = proof.accuracy_of_run - proof.accuracy
            is_other = is_other and fall > MOST_LOST
            limit += f", or {100 * MOST_LOST:g} point of the accuracy; {100 * fall:.1f} are lost"
    if is_other:
        raise UserError(
            f"--to {chosen.name}: it answers otherwise than the run: {proof.changed_answers} of {proof.n} answers "
            f"changed, and a probability by {difference:.2g} ({limit}); {_nothing(chosen)}"
        )


def _nothing(chosen: Format) -> str:
    versions = f", or another version of {' and '.join(chosen.packages)}" if chosen.packages else ""
    return f"nothing was written; use another format{versions}"


def versions_of(chosen: Format) -> dict[str, str | None]:
    """The versions of the packages that ran the proof."""
    found: dict[str, str | None] = {}
    for package in chosen.packages:
        name = DISTRIBUTIONS.get(package, package)
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found

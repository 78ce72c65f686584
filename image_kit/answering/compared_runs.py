"""Several networks on the same photos: their scores, how they differ, and the photos on which they differ."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from image_kit.answering.comparison import Overall, Pair, cochran_q, compare_pairs
from image_kit.answering.scores import Scores, score
from image_kit.errors import UserError
from image_kit.tables import cell_of_class, cell_of_name, encoding_for
from image_kit.text_table import table


@dataclass(frozen=True, eq=False)
class RunAnswers:
    """What one network answered.

    Attributes:
        images: the photos' paths, or their numbers in an array data set.
        labels: int (n,), indices into `class_names`.
        probabilities: float (n, classes).
        class_names: the network's, in its own order.
    """

    images: Sequence[str]
    labels: np.ndarray
    probabilities: np.ndarray
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class DifferingPhoto:
    """A photo that the networks answered differently.

    Attributes:
        image: its path, or its number in an array data set.
        label: the class that it is in.
        answers: of each network the most probable class, in the order of the networks.
        probabilities: of these answers, 0..1.
    """

    image: str
    label: str
    answers: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class ComparedRuns:
    """The result of `compare_runs`.

    Attributes:
        runs: the names of the networks, in the order given.
        scores: of each, on the same photos.
        overall: Cochran's Q test of three or more; None for two.
        pairs: each two of them.
        differing: the photos on which they differ; first those that some answered correctly and some did not.
    """

    runs: tuple[str, ...]
    scores: tuple[Scores, ...]
    overall: Overall | None
    pairs: tuple[Pair, ...]
    differing: tuple[DifferingPhoto, ...]

    def sentences(self) -> list[str]:
        """The result for a learner, first about all, then about each pair."""
        return [*([self.overall.sentence()] if self.overall else []), *(pair.sentence() for pair in self.pairs)]

    def table(self) -> str:
        """One aligned line per network: correct answers, accuracy, 95 % interval."""
        rows = [("run", "correct", "photos", "accuracy", "95 % interval")]
        for run, each in zip(self.runs, self.scores, strict=True):
            low, high = (f"{100 * bound:.1f}" for bound in each.interval)
            rows.append((run, str(each.correct), str(each.total), f"{100 * each.accuracy:.1f} %", f"{low} to {high}"))
        return table(rows)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "total": self.scores[0].total,
            "differing": len(self.differing),
            "runs": [{"run": run, **each.as_dict()} for run, each in zip(self.runs, self.scores, strict=True)],
            "overall": self.overall.as_dict() if self.overall else None,
            "pairs": [pair.as_dict() for pair in self.pairs],
        }


def refuse_other_classes(class_names: Mapping[str, Sequence[str]]) -> None:
    """Raise UserError unless all networks know the same classes, in any order; {name of the network: its classes}."""
    (first, known), *others = class_names.items()
    for run, names in others:
        if set(names) != set(known):
            raise UserError(
                f"--compare: {run} knows the classes {', '.join(names)}, and {first} knows {', '.join(known)}; "
                "compare runs that know the same classes"
            )


def compare_runs(answers: Mapping[str, RunAnswers]) -> ComparedRuns:
    """Compare networks on the photos that all of them answered.

    Args:
        answers: by the name of the network, two or more. Photos are matched by name, classes too.

    Raises:
        UserError: there is no such photo, or the networks know different classes.
    """
    refuse_other_classes({run: each.class_names for run, each in answers.items()})
    chosen = _common_photos(answers)
    first = next(iter(answers.values()))
    names = first.class_names
    of_first = next(iter(chosen.values()))
    images, labels = [first.images[index] for index in of_first], first.labels[of_first]
    probabilities = {run: _in_order(each, chosen[run], names) for run, each in answers.items()}
    right = {run: each.argmax(axis=1) == labels for run, each in probabilities.items()}
    return ComparedRuns(
        runs=tuple(answers),
        scores=tuple(score(each, labels, names) for each in probabilities.values()),
        overall=cochran_q(right) if len(right) > 2 else None,
        pairs=tuple(compare_pairs(right)),
        differing=_find_differing(images, labels, names, list(probabilities.values())),
    )


def _common_photos(answers: Mapping[str, RunAnswers]) -> dict[str, np.ndarray]:
    """For each network the indices of the photos that all answered, in the order of the first one's photos."""
    places = {run: {name: index for index, name in enumerate(each.images)} for run, each in answers.items()}
    of_first = next(iter(places.values()))
    names = [name for name in of_first if all(name in each for each in places.values())]
    if not names:
        raise UserError("--compare: there is no photo that all runs could answer; give other photos")
    return {run: np.array([each[name] for name in names]) for run, each in places.items()}


def _in_order(answers: RunAnswers, photos: np.ndarray, class_names: Sequence[str]) -> np.ndarray:
    """The probabilities of these photos, with the classes in this order."""
    columns = [answers.class_names.index(name) for name in class_names]
    return answers.probabilities[photos][:, columns]


def _find_differing(
    images: Sequence[str], labels: np.ndarray, class_names: Sequence[str], probabilities: Sequence[np.ndarray]
) -> tuple[DifferingPhoto, ...]:
    answers = np.stack([each.argmax(axis=1) for each in probabilities], axis=1)
    of_answers = np.stack([each.max(axis=1) for each in probabilities], axis=1)
    differing = np.flatnonzero((answers != answers[:, :1]).any(axis=1))
    nobody_right = (answers[differing] != labels[differing, None]).all(axis=1)
    return tuple(
        DifferingPhoto(
            images[index],
            class_names[labels[index]],
            tuple(class_names[answer] for answer in answers[index]),
            tuple(map(float, of_answers[index])),
        )
        for index in differing[np.argsort(nobody_right, kind="stable")]
    )


def write_differences(path: Path, compared: ComparedRuns) -> None:
    """Write a row for each differing photo: its name, its label, and of each network its answer with its probability.

    Raises:
        OSError: the file cannot be written.
    """
    # Names of files that are not valid UTF-8 are written byte for byte.
    encoding = encoding_for([*compared.scores[0].class_names, *(photo.image for photo in compared.differing)])
    with open(path, "w", newline="", encoding=encoding, errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", *(column for run in compared.runs for column in (run, f"p({run})"))])
        for photo in compared.differing:
            pairs = zip(photo.answers, photo.probabilities, strict=True)
            cells = (cell for answer, p in pairs for cell in (cell_of_class(answer), f"{p:.6f}"))
            writer.writerow([cell_of_name(photo.image), cell_of_class(photo.label), *cells])

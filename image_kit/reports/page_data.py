"""What the pages of the reports are made of: plain data, which the callers fill in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from image_kit.answering import ComparedRuns, Scores
from image_kit.datasets import ImageSet
from image_kit.photos import FULL_BITS, Preprocessing, Subset
from image_kit.reports.charts import Chart
from image_kit.reports.thumbnails import Photo

Severity = Literal["high", "medium", "low"]
Facts = Sequence[tuple[str, str]]  # (what, value), as a table


@dataclass(frozen=True, eq=False)
class ScoredImages:
    """Labelled images with a network's answers.

    Attributes:
        scores: of these answers.
        probabilities: float (n, classes), calibrated if the network is.
        images: the n images.
        listing: the file beside the report that lists all answers.
        heat_maps: {index of an image: the image with its heat map, uint8 (height, width, 3)}, for the worst mistakes.
    """

    scores: Scores
    probabilities: np.ndarray
    images: ImageSet
    listing: str
    heat_maps: Mapping[int, np.ndarray] = field(default_factory=dict)

    @property
    def has_files(self) -> bool:
        """Whether the images are photos, each a file."""
        return isinstance(self.images.images, Subset)

    def photo(self, index: int) -> Photo:
        """An image by its index."""
        return photo_of(self.images, index)


def photo_of(images: ImageSet, index: int) -> Photo:
    """An image by its index: a photo's file, or the pixels of an image of an array."""
    name = images.names[index]
    if not isinstance(images.images, Subset):
        return Photo(name, images.images[index])
    preprocessing = images.images.store.preprocessing
    return Photo(name, Path(name), preprocessing.sample_bits if isinstance(preprocessing, Preprocessing) else FULL_BITS)


@dataclass(frozen=True)
class LikelyCause:
    """Why a training may be stuck.

    Attributes:
        name: the cause in a few words.
        fact: one sentence with the figure that says so.
        advice: one sentence.
    """

    name: str
    fact: str
    advice: str


@dataclass(frozen=True)
class TrainingPage:
    """The page of a run.

    Attributes:
        title: the run's name.
        summary: one sentence: what was trained on what.
        scores: {what was scored: scores}, the most important first.
        details: the answers behind one of the scores; None if there is none.
        details_name: what `details` is of, such as "test images".
        charts: see `history_charts`; several runs may share a chart.
        stopped: why the training ended, in a sentence.
        causes: why it may be stuck; [] if it learned.
        facts: what was trained on what.
        notes: about the data, in a line each.
    """

    title: str
    summary: str
    scores: Mapping[str, Scores]
    details: ScoredImages | None = None
    details_name: str = ""
    charts: Sequence[Chart] = ()
    stopped: str = ""
    causes: Sequence[LikelyCause] = ()
    facts: Facts = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class EvaluationPage:
    """The page of an evaluation.

    Attributes:
        title: what was scored.
        summary: one sentence: with which weights.
        details: the answers.
        facts, notes: as in `TrainingPage`.
    """

    title: str
    summary: str
    details: ScoredImages
    facts: Facts = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class ComparisonPage:
    """The page of a comparison.

    Attributes:
        title: what was scored.
        summary: one sentence: which runs, on which photos.
        compared: their scores, how they differ, and where.
        images: all that were compared, among others perhaps.
        facts, notes: as in `TrainingPage`.
        listing: the file beside the report that lists all photos with different answers.
    """

    title: str
    summary: str
    compared: ComparedRuns
    images: ImageSet
    facts: Facts = ()
    notes: Sequence[str] = ()
    listing: str = "differences.csv"


@dataclass(frozen=True)
class SeedsPage:
    """The page of runs that differ in their seed only.

    Attributes:
        title: the name of their folder.
        summary: one sentence: what was trained, and how often.
        sentences: {what was scored: the result over all seeds}.
        values: {seed: its accuracies, 0..1, in the order of `sentences`}.
        chosen: the seed whose weights the folder has.
        charts: with a line for each seed.
        facts, notes: as in `TrainingPage`.
    """

    title: str
    summary: str
    sentences: Mapping[str, str]
    values: Mapping[int, Sequence[float]]
    chosen: int
    charts: Sequence[Chart] = ()
    facts: Facts = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class CheckedFor:
    """One question that a check asked.

    Attributes:
        kind: of its findings.
        title: what its findings are called, such as "Wrong labels".
        question: what was looked at, in a sentence.
        certainty: how sure an answer is, in a sentence with a rate of false alarms.
    """

    kind: str
    title: str
    question: str
    certainty: str


@dataclass(frozen=True)
class ListedFinding:
    """One finding. `photo` and `related` are None where it concerns a class or the whole folder."""

    kind: str
    severity: Severity
    evidence: str
    suggestion: str
    photo: Photo | None = None
    related: Photo | None = None


@dataclass(frozen=True)
class PhotoPair:
    """Two photos side by side, such as of classes that are confused, each with a caption."""

    first: Photo
    first_caption: str
    second: Photo
    second_caption: str


@dataclass(frozen=True)
class CheckPage:
    """The page of a check.

    Attributes:
        title: the folder.
        summary: one sentence: what was checked.
        checked_for: the questions, in the order of the page where severity does not decide.
        findings: of all kinds; those of one kind with the most certain first.
        charts: such as the learning curve.
        pairs: photos side by side.
        facts, notes: as in `TrainingPage`.
        listing: the file beside the report that lists all findings.
    """

    title: str
    summary: str
    checked_for: Sequence[CheckedFor]
    findings: Sequence[ListedFinding]
    charts: Sequence[Chart] = ()
    pairs: Sequence[PhotoPair] = ()
    facts: Facts = ()
    notes: Sequence[str] = ()
    listing: str = "findings.csv"

"""What a page shows of labelled images and their answers: classes, confusion matrix, what is behind its cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from image_kit.answering import most_confident_mistakes
from image_kit.reports.charts import Chart, reliability_chart
from image_kit.reports.page_data import ScoredImages
from image_kit.reports.thumbnails import Photo

MATRIX_CLASSES = 25  # a larger matrix cannot be read on a screen; its mistakes are listed by their number
LISTED_CLASSES = 100
CELLS = 60  # that open; the largest
IN_A_CELL = 24  # photos of a cell that are listed
RIGHT_ONES = 6  # of the right answers to each class
MISTAKES = 16


@dataclass(frozen=True, eq=False)
class ShownAnswer:
    """One image with its answer; `heat_map` is None or a picture of it."""

    photo: Photo
    label: str
    answer: str
    probability: float
    heat_map: Photo | None = None


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell of the confusion matrix.

    Attributes:
        anchor: of what it opens, in the page; empty if it opens nothing.
        label, answer: names of classes.
        count: its images.
        shade: 0..1, the square root of its fraction of the row: the few mistakes of a good network stay visible.
        shown: some of its images; mistakes with the most confident first, right answers with the most doubtful first.
    """

    anchor: str
    label: str
    answer: str
    count: int
    shade: float
    shown: Sequence[ShownAnswer] = ()


@dataclass(frozen=True)
class ClassRow:
    """One class of the table; recall and precision are None where undefined."""

    name: str
    photos: int
    correct: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True, eq=False)
class AnswersView:
    """All that a page shows of labelled images.

    Attributes:
        classes: the worst recall first.
        classes_left_out: how many more classes there are.
        matrix: a row of cells for each label; [] if there are too many classes.
        opened: the cells with mistakes, the largest first.
        pairs_left_out: how many more pairs of classes are confused.
        right: the cells of right answers.
        mistakes: the most confident ones.
        calibration: how far the probabilities can be taken at their word.
        listing: see `ScoredImages`.
        noun: "photo", or "image" where there are no files.
    """

    classes: list[ClassRow]
    classes_left_out: int
    matrix: list[list[Cell]]
    opened: list[Cell]
    pairs_left_out: int
    right: list[Cell]
    mistakes: list[ShownAnswer]
    calibration: Chart
    listing: str
    noun: str

    def photos(self) -> list[Photo]:
        """The photos to show, the most important first; as often as they are shown."""
        found = [photo for each in self.mistakes for photo in (each.photo, each.heat_map) if photo]
        for cells in (self.opened, self.right):
            for rank in range(IN_A_CELL):  # one of each cell before the second of any
                found += [cell.shown[rank].photo for cell in cells if rank < len(cell.shown)]
        return found


def view_answers(scored: ScoredImages) -> AnswersView:
    """Choose what a page shows of labelled images and their answers."""
    scores, answers = scored.scores, scored.probabilities.argmax(axis=1)
    confusion = scores.confusion
    wrong = np.where(np.eye(len(confusion), dtype=bool), 0, confusion)
    order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
    pairs = [divmod(int(place), len(confusion)) for place in order]
    opened = {pair: _cell(scored, answers, *pair, IN_A_CELL) for pair in pairs[:CELLS]}
    is_small = len(confusion) <= MATRIX_CLASSES
    diagonal = [(label, label) for label in range(len(confusion)) if is_small and confusion[label, label]]
    right = {pair: _cell(scored, answers, *pair, RIGHT_ONES) for pair in diagonal}
    numbers = range(len(confusion)) if is_small else ()
    opening = {**opened, **right}
    rows = sorted(
        (ClassRow(*row) for row in _class_rows(scored)), key=lambda row: 2.0 if row.recall is None else row.recall
    )
    worst = most_confident_mistakes(scored.probabilities, scored.images.labels, MISTAKES)
    return AnswersView(
        classes=rows[:LISTED_CLASSES],
        classes_left_out=max(0, len(rows) - LISTED_CLASSES),
        matrix=[
            [opening.get((row, column)) or _plain_cell(scored, row, column) for column in numbers] for row in numbers
        ],
        opened=list(opened.values()),
        pairs_left_out=len(pairs) - len(opened),
        right=list(right.values()),
        mistakes=[_shown(scored, int(index)) for index in worst],
        calibration=reliability_chart(scored.probabilities, scored.images.labels),
        listing=scored.listing,
        noun="photo" if scored.has_files else "image",
    )


def _class_rows(scored: ScoredImages):
    scores = scored.scores
    totals, right = scores.confusion.sum(axis=1).tolist(), scores.confusion.diagonal().tolist()
    return zip(scores.class_names, totals, right, scores.recall, scores.precision, strict=True)


def _plain_cell(scored: ScoredImages, label: int, answer: int) -> Cell:
    confusion, names = scored.scores.confusion, scored.scores.class_names
    count, total = int(confusion[label, answer]), int(confusion[label].sum())
    return Cell("", names[label], names[answer], count, round((count / total) ** 0.5, 3) if count else 0.0)


def _cell(scored: ScoredImages, answers: np.ndarray, label: int, answer: int, most: int) -> Cell:
    plain = _plain_cell(scored, label, answer)
    inside = np.flatnonzero((scored.images.labels == label) & (answers == answer))
    confidence = scored.probabilities[inside, answer]
    chosen = inside[np.argsort(confidence if label == answer else -confidence, kind="stable")][:most]
    shown = [_shown(scored, int(index)) for index in chosen]
    return Cell(f"cell-{label}-{answer}", plain.label, plain.answer, plain.count, plain.shade, shown)


def _shown(scored: ScoredImages, index: int) -> ShownAnswer:
    names, row, photo = scored.scores.class_names, scored.probabilities[index], scored.photo(index)
    heat_map = scored.heat_maps.get(index)
    return ShownAnswer(
        photo,
        names[scored.images.labels[index]],
        names[row.argmax()],
        float(row.max()),
        None if heat_map is None else Photo(f"heat map of {photo.name}", heat_map),
    )

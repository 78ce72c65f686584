"""One check of a folder: every question asked, in the order in which the answers build on each other."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from image_kit.answering import beside_guessing
from image_kit.checks.balance import find_imbalance
from image_kit.checks.check_page import write_page
from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.confusions import ConfusedPair, find_confusions, list_confusions
from image_kit.checks.copies import find_copies
from image_kit.checks.file_facts import FileFacts, read_file_facts
from image_kit.checks.films import find_films, write_groups
from image_kit.checks.findings import Finding
from image_kit.checks.findings_file import SUMMARY, write_findings
from image_kit.checks.learning_curve import LearningCurve, find_learning_curve
from image_kit.checks.near_copies import find_near_copies
from image_kit.checks.odd_files import find_odd_files
from image_kit.checks.shortcuts import find_shortcuts
from image_kit.checks.splits import find_unlike_parts
from image_kit.checks.strangers import list_strangers, score_strangers
from image_kit.checks.summary import count_kinds, rank_findings, summarise
from image_kit.checks.wrong_labels import LabelScores, list_wrong_labels, score_labels
from image_kit.errors import UserError
from image_kit.features import CrossValidation, FeatureRows, cross_validate, merge_groups, prepare_rows
from image_kit.files import write_json
from image_kit.reports import REPORT, try_to_write
from image_kit.threads import one_thread_for_algebra

# Photos times classes up to which heads are asked. Fitting takes some minutes at this number, for example for 20,000
# photos of 1,000 classes, and grows with it.
MOST_TO_FIT = 20_000_000
FINDINGS, GROUPS = "findings.csv", "groups.csv"


@dataclass(frozen=True, eq=False)
class FolderCheck:
    """What a check found.

    Attributes:
        photos: that were checked.
        findings: the worst first.
        groups: int (n,); photos of one group belong together.
        validated: answers of heads that do not know the photo; None if no head could be fitted.
        curve: what more photos would bring; None if that cannot be told.
        pairs: classes that are confused.
        notes: for the user, a line each: what could not be asked.
    """

    photos: CheckedPhotos
    findings: list[Finding]
    groups: np.ndarray
    validated: CrossValidation | None
    curve: LearningCurve | None
    pairs: list[ConfusedPair]
    notes: list[str]

    @property
    def is_serious(self) -> bool:
        """Whether something of weight was found."""
        return any(each.severity != "low" for each in self.findings)

    @property
    def has_groups(self) -> bool:
        """Whether any two photos belong together."""
        return len(np.unique(self.groups)) < len(self.groups)

    def summary(self) -> list[str]:
        """Lines for a terminal, `MOST_LINES` at most: what was checked, and what was found."""
        curve = [self.curve.sentence] if self.curve else []
        found = [*self.notes, *summarise(self.findings)]
        return [f"{self.photos.folder}: {self.sentence()}", *curve, *(found or ["Nothing was found."])]

    def sentence(self) -> str:
        """What was checked, and how well its classes can be told apart."""
        checked = f"{len(self.photos.paths):,} photos of {len(self.photos.class_names):,} classes"
        if self.validated is None:
            return checked
        low, high = self.validated.interval
        return (
            f"{checked}; a classifier names {100 * self.validated.accuracy:.0f} % of photos that it does not know "
            f"(95 % interval {100 * low:.0f} to {100 * high:.0f})"
            + beside_guessing(self.validated.interval, self.photos.sizes, self.photos.class_names)
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it, for a program."""
        photos, validated, curve = self.photos, self.validated, self.curve
        return {
            "folder": str(photos.folder.resolve()),
            "photos": len(photos.paths),
            "unreadable": photos.unreadable,
            "classes": dict(zip(photos.class_names, photos.sizes.tolist(), strict=True)),
            "groups": len(np.unique(self.groups)),
            "accuracy": validated and validated.accuracy,
            "interval": validated and list(validated.interval),
            "learning_curve": curve and {name: _plain(value) for name, value in vars(curve).items()},
            "confused": [asdict(pair) for pair in self.pairs],
            "counts": count_kinds(self.findings),
            "findings": [asdict(each) for each in self.findings],
            "notes": self.notes,
        }


@one_thread_for_algebra()  # two wait for each other when other programs run: 15 s for 9 on two busy cores
def check_folder(photos: CheckedPhotos, show_progress: Callable[[Iterable], Iterable] = iter) -> FolderCheck:
    """Ask every question about a folder's photos.

    Photos belong together if the user says so, if they are near copies, and if they follow one another and are alike.

    Args:
        photos: of `load_checked_photos`.
        show_progress: wraps the iterables of files and of questions, to show a progress bar.

    Raises:
        UserError: see `read_file_facts`.
    """
    questions = _Questions(photos, read_file_facts(photos.paths, show_progress, photos.sample_bits))
    for ask in show_progress(questions.in_order()):
        ask()
    return questions.answer()


class _Questions:
    """The questions about one folder, each a method that adds to the findings."""

    def __init__(self, photos: CheckedPhotos, facts: FileFacts):
        self._photos, self._facts = photos, facts
        self._groups = np.arange(len(photos.paths))
        self._findings: list[Finding] = []
        self._rows: FeatureRows | None = None  # until a head can be fitted
        self._validated: CrossValidation | None = None
        self._scores: LabelScores | None = None
        self._curve: LearningCurve | None = None
        self._pairs: list[ConfusedPair] = []
        self._notes: list[str] = []

    def in_order(self) -> list[Callable[[], None]]:
        """The methods; each may use what those before it have found."""
        files = [self._compare_photos, self._count, self._find_shortcuts, self._find_strangers]
        return [*files, self._cross_validate, self._score_labels, self._draw_curve, self._find_confusions]

    def answer(self) -> FolderCheck:
        """Everything, once all questions have been asked."""
        strange = {each.file for each in self._findings if each.kind == "stranger"}
        # A photo of no class is not one of another class either.
        kept = [each for each in self._findings if not (each.kind == "wrong_label" and each.file in strange)]
        found = (self._groups, self._validated, self._curve, self._pairs, self._notes)
        return FolderCheck(self._photos, rank_findings(kept), *found)

    def _compare_photos(self) -> None:
        copies = find_near_copies(self._photos, self._facts)
        in_row, films = find_films(self._photos, self._facts, copies)
        self._groups = merge_groups(self._photos.named_groups, _chain(in_row), len(in_row))
        self._findings += [*find_copies(self._photos, self._facts, copies), *films]

    def _count(self) -> None:
        self._findings += [*find_odd_files(self._photos, self._facts), *find_imbalance(self._photos)]
        self._findings += find_unlike_parts(self._photos)

    def _find_shortcuts(self) -> None:
        self._findings += find_shortcuts(self._photos, self._facts)

    def _find_strangers(self) -> None:
        scores = score_strangers(self._photos.features, self._photos.labels)
        self._findings += list_strangers(self._photos, scores)

    def _cross_validate(self) -> None:
        labels, n_classes = self._photos.labels, len(self._photos.class_names)
        if len(labels) * n_classes > MOST_TO_FIT:
            many = f"{len(labels):,} photos of {n_classes:,} classes"
            self._notes += [f"Labels were not checked: {many} would take too long; check a part of the classes."]
            return
        self._rows = prepare_rows(self._photos.features)
        try:
            self._validated = cross_validate(self._rows, labels, n_classes, self._groups)
        except UserError as error:  # all photos belong together
            self._notes += [f"Labels were not checked: {error}."]

    def _score_labels(self) -> None:
        if self._rows and self._validated:
            self._scores = score_labels(self._rows, self._photos.labels, self._groups, self._validated)
            self._findings += list_wrong_labels(self._photos, self._scores)

    def _draw_curve(self) -> None:
        if self._rows and self._validated:
            photos = self._photos
            known = (self._rows, photos.labels, self._groups, photos.class_names, self._validated)
            self._curve = find_learning_curve(*known)

    def _find_confusions(self) -> None:
        if self._validated and self._scores:
            self._pairs = find_confusions(self._photos, self._validated, self._scores, self._curve)
            self._findings += list_confusions(self._pairs)


def _chain(groups: np.ndarray) -> Iterable[tuple[int, int]]:
    """Pairs that join the photos of each group."""
    first = np.unique(groups, return_index=True)[1]
    return ((int(first[group]), photo) for photo, group in enumerate(groups) if first[group] != photo)


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value


def write_tables(folder: Path, check: FolderCheck) -> None:
    """Write findings.csv, check.json and, if photos belong together, groups.csv into an existing folder.

    Raises:
        OSError: a file cannot be written.
    """
    write_findings(folder / FINDINGS, check.findings)
    write_json(folder / SUMMARY, check.as_dict())
    if check.has_groups:
        write_groups(folder / GROUPS, check.photos, check.groups)


def write_report(folder: Path, check: FolderCheck) -> None:
    """Write report.html into an existing folder; one that cannot be written costs one line."""
    path, summary = folder / REPORT, f"{check.sentence()}."
    found = (check.findings, check.curve, check.pairs, summary, check.notes)
    try_to_write(lambda: write_page(path, check.photos, *found), path)

"""The network's answer to one photo, and how answers are written for programs and for people.

If the output is None, as stdout is in a program started without one, nothing is written.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np

from image_kit.tables import cell_of_class, cell_of_name
from image_kit.terminal import print_json, visible
from image_kit.text_table import display_width, end_of, table

TABLE_CLASSES = 3  # the most classes in a row of the table
SENTENCE_CLASSES = 5  # the most classes of a prediction set that its sentence names
REFUSED = "unlike the photos it was trained on"
NAME_WIDTH = 50  # the most letters of a photo's name in the table
FIELDS = ("path", "label", "probability", "probabilities", "prediction_set", "error")  # of --json and --csv


@dataclass(frozen=True)
class Answer:
    """The answer to one photo; --json and --csv write its FIELDS.

    Attributes:
        path: the photo, as the user named it.
        label: the most probable class; None if there is an `error`, as `probability` and `prediction_set` then are.
        probability: of `label`, 0..1.
        probabilities: class to probability, the most probable first; with --top K, K classes only. Empty if there
            is an `error`.
        prediction_set: the classes that may be right at the coverage asked for, the most probable first; empty if the
            image is refused as unlike the training images; None without calibration.
        error: why there is no answer; None if there is one.
        n_classes: how many classes the network knows, however many are in `probabilities`.
    """

    path: str
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    prediction_set: list[str] | None = None
    error: str | None = None
    n_classes: int | None = None

    @property
    def is_known(self) -> bool | None:
        """Whether the photo is like the training images, so that some class may be right; None without calibration."""
        return None if self.prediction_set is None else bool(self.prediction_set)

    def as_dict(self) -> dict[str, Any]:
        """The FIELDS in their order; without an answer the probabilities are None."""
        values = {name: getattr(self, name) for name in FIELDS}
        return values | {"probabilities": self.probabilities or None}

    def sentence(self) -> str | None:
        """The prediction set in words, "elephants or cars" or "neither: unlike ..."; None without calibration."""
        if self.prediction_set is None:
            return None
        if not self.prediction_set:
            return f"{'neither' if self.n_classes == 2 else 'none of them'}: {REFUSED}"
        if len(self.prediction_set) > SENTENCE_CLASSES:
            named = self.prediction_set[:SENTENCE_CLASSES]
            return f"{', '.join(named)} or one of {len(self.prediction_set) - len(named):,} more"
        *others, last = self.prediction_set
        return f"{', '.join(others)} or {last}" if others else last


def make_answer(
    path: str,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    top: int | None = None,
    prediction_set: Sequence[int] | None = None,
) -> Answer:
    """The answer to a photo, from what the network returned.

    Args:
        path: the photo, as the user named it.
        probabilities: float (classes,), 0..1. Of equal ones the first comes first, as in Keras's accuracy.
        class_names: in the order of the labels.
        top: how many classes to name; None for all.
        prediction_set: indices of classes, the most probable first; None without calibration.
    """
    order = np.argsort(-probabilities, kind="stable").tolist()
    ranked = {class_names[i]: float(probabilities[i]) for i in order[:top]}
    label = class_names[order[0]]
    names = None if prediction_set is None else [class_names[i] for i in prediction_set]
    return Answer(path, label, ranked[label], ranked, names, n_classes=len(class_names))


def write_answers(style: str, answers: Iterable[Answer], out: TextIO | None, names: Sequence[str]) -> None:
    """Write each answer as soon as it is there.

    Args:
        style: "json", "csv", "table" or "listing".
        answers: one per photo.
        out: where to write; None for nowhere.
        names: the names of all photos, which decide the width of the table.
    """
    if style == "table":
        write_table(answers, out, names)
    else:
        {"json": write_json, "csv": write_csv, "listing": write_listing}[style](answers, out)


def write_json(answers: Iterable[Answer], out: TextIO | None) -> None:
    """One JSON object per line."""
    for each in answers:
        if out:
            print_json(each.as_dict(), out)


def write_csv(answers: Iterable[Answer], out: TextIO | None) -> None:
    """A header, then a row for each answer. A cell with several values is JSON; a missing value is an empty cell."""
    if out is None:
        return
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    for each in answers:
        label = each.label and cell_of_class(each.label)
        values = each.as_dict() | {"path": cell_of_name(each.path), "label": label}
        writer.writerow(map(_cell, values.values()))
        out.flush()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value, keep="\n\t")
    return json.dumps(value).replace("\x7f", "\\u007f") if isinstance(value, dict | list) else value


def write_listing(answers: Iterable[Answer], out: TextIO | None) -> None:
    """A paragraph for each answer: the photo's name and the prediction set, then a line for each class."""
    for each in answers:
        if each.error is None:
            rows = [(f"  {name}", f"{value:6.1%}") for name, value in each.probabilities.items()]
            told = visible(" ".join(filter(None, [f"{each.path}:", each.sentence()])), keep="")
            print(told, table(rows), sep="\n", file=out, flush=True)


def write_table(answers: Iterable[Answer], out: TextIO | None, names: Sequence[str]) -> None:
    """A line for each answer; the first column is as wide as the longest of `names`, but at most NAME_WIDTH."""
    width = min(NAME_WIDTH, max(display_width(visible(name, keep="")) for name in names))
    for each in answers:
        if each.error is None:
            name = end_of(visible(each.path, keep=""), width)
            name += " " * (width - display_width(name))
            best = [f"{value:6.1%} {label}" for label, value in list(each.probabilities.items())[:TABLE_CLASSES]]
            if each.prediction_set is not None and each.prediction_set != [each.label]:  # otherwise it adds nothing
                best.append(f"({each.sentence()})")
            print(name, *(visible(text, keep="") for text in best), sep="  ", file=out, flush=True)

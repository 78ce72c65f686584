"""What the network answers to one photo, and how answers are written: for programs and for people.

An output of None, the stdout of a program that was started without one, takes nothing.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np

TABLE_TOP = 3  # classes in a row of the table, unless said otherwise
SENTENCE_CLASSES = 5  # of a prediction set that are named in its sentence
UNLIKE = "unlike the photos it was trained on"
NAME_COLUMNS = 50  # of the terminal, at most, for a photo's name
FIELDS = ("path", "label", "probability", "probabilities", "prediction_set", "error")  # of --json and --csv


@dataclass(frozen=True)
class Answer:
    """The answer to one photo; programs are given its FIELDS.

    Attributes:
        path: the photo, as the user named it.
        label: the most probable class; None with an `error`, and so are the next two.
        probability: of `label`, 0..1.
        probabilities: by class, the most probable first; of the `--top` classes only, if that is given.
        prediction_set: the classes that may be right at the coverage asked, most probable first; none of them for a
            picture unlike those that the network was trained on; None without calibration.
        error: why there is no answer; None if there is one.
        n_classes: that the network knows, however many are in `probabilities`.
    """

    path: str
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    prediction_set: list[str] | None = None
    error: str | None = None
    n_classes: int | None = None

    def record(self) -> dict[str, Any]:
        """The FIELDS, in their order."""
        return {name: getattr(self, name) for name in FIELDS}

    def sentence(self) -> str | None:
        """The prediction set in words: "elephants or cars", or "neither: unlike ..."; None if there is none."""
        if self.prediction_set is None:
            return None
        if not self.prediction_set:
            return f"{'neither' if self.n_classes == 2 else 'none of them'}: {UNLIKE}"
        if len(self.prediction_set) > SENTENCE_CLASSES:
            named = self.prediction_set[:SENTENCE_CLASSES]
            return f"{', '.join(named)} or one of {len(self.prediction_set) - len(named):,} more"
        *others, last = self.prediction_set
        return f"{', '.join(others)} or {last}" if others else last


def answer(
    path: str,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    top: int | None = None,
    prediction_set: Sequence[int] | None = None,
) -> Answer:
    """From float (classes,) and indices of classes; among equals the first comes first, as in Keras's accuracy."""
    order = np.argsort(-probabilities, kind="stable").tolist()
    ranked = {class_names[i]: float(probabilities[i]) for i in order[:top]}
    label = class_names[order[0]]
    names = None if prediction_set is None else [class_names[i] for i in prediction_set]
    return Answer(path, label, ranked[label], ranked, names, n_classes=len(class_names))


def write_answers(form: str, answers: Iterable[Answer], out: TextIO | None, names: Sequence[str]) -> None:
    """Each answer as soon as it is there, as "json", "csv", "table" or "listing"; `names` are all the photos'."""
    if form == "table":
        write_table(answers, out, names)
    else:
        {"json": write_json, "csv": write_csv, "listing": write_listing}[form](answers, out)


def write_json(answers: Iterable[Answer], out: TextIO | None) -> None:
    """One JSON object a line."""
    for each in answers:
        print(json.dumps(each.record()), file=out, flush=True)


def write_csv(answers: Iterable[Answer], out: TextIO | None) -> None:
    """A header and one row an answer; a cell that holds several values is JSON, one that holds none is empty."""
    if out is None:
        return
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    for each in answers:
        values = each.record().values()
        writer.writerow([json.dumps(value) if isinstance(value, dict | list) else value for value in values])
        out.flush()


def write_listing(answers: Iterable[Answer], out: TextIO | None) -> None:
    """A paragraph an answer: the photo's name and the prediction set, then a line for each class."""
    for each in answers:
        if each.error is None:
            width = max(map(len, each.probabilities))
            lines = [f"  {name:{width}}  {value:6.1%}" for name, value in each.probabilities.items()]
            print(" ".join(filter(None, [f"{each.path}:", each.sentence()])), *lines, sep="\n", file=out, flush=True)


def write_table(answers: Iterable[Answer], out: TextIO | None, names: Sequence[str]) -> None:
    """One line an answer, with columns as wide as the longest of `names` needs, up to NAME_COLUMNS."""
    width = min(NAME_COLUMNS, max(map(len, names)))
    for each in answers:
        if each.error is None:
            name = each.path if len(each.path) <= width else "…" + each.path[1 - width :]
            best = [f"{value:6.1%} {label}" for label, value in list(each.probabilities.items())[:TABLE_TOP]]
            if each.prediction_set is not None and each.prediction_set != [each.label]:  # else it says nothing new
                best.append(f"({each.sentence()})")
            print(f"{name:{width}}", *best, sep="  ", file=out, flush=True)

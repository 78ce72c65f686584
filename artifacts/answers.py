"""What the network answers to one photo, and how answers are written: for programs and for people."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TextIO

import numpy as np

TABLE_TOP = 3  # classes in a row of the table, unless said otherwise
NAME_COLUMNS = 50  # of the terminal, at most, for a photo's name


@dataclass(frozen=True)
class Answer:
    """The answer to one photo; its fields in this order are those of --json and --csv.

    Attributes:
        path: the photo, as the user named it.
        label: the most probable class; None with an `error`, and so are the next two.
        probability: of `label`, 0..1.
        probabilities: by class, the most probable first; of the `--top` classes only, if that is given.
        prediction_set: None without calibration.
        error: why there is no answer; None if there is one.
    """

    path: str
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    prediction_set: list[str] | None = None
    error: str | None = None


def answer(path: str, probabilities: np.ndarray, class_names: Sequence[str], top: int | None = None) -> Answer:
    """From float (classes,); among equals the first class comes first, as in Keras's accuracy."""
    order = np.argsort(-probabilities, kind="stable").tolist()
    ranked = {class_names[i]: float(probabilities[i]) for i in order[:top]}
    label = class_names[order[0]]
    return Answer(path, label, ranked[label], ranked)


def write_json(answers: Iterable[Answer], out: TextIO) -> None:
    """One JSON object a line."""
    for each in answers:
        print(json.dumps(asdict(each)), file=out, flush=True)


def write_csv(answers: Iterable[Answer], out: TextIO) -> None:
    """A header and one row an answer; a cell that holds several values is JSON, one that holds none is empty."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([each.name for each in fields(Answer)])
    for each in answers:
        values = asdict(each).values()
        writer.writerow([json.dumps(value) if isinstance(value, dict | list) else value for value in values])
        out.flush()


def write_listing(answers: Iterable[Answer], out: TextIO) -> None:
    """A paragraph an answer: the photo's name, then a line for each class."""
    for each in answers:
        if each.error is None:
            width = max(map(len, each.probabilities))
            lines = [f"  {name:{width}}  {value:6.1%}" for name, value in each.probabilities.items()]
            print(f"{each.path}:", *lines, sep="\n", file=out, flush=True)


def write_table(answers: Iterable[Answer], out: TextIO, names: Sequence[str]) -> None:
    """One line an answer, with columns as wide as the longest of `names` needs, up to NAME_COLUMNS."""
    width = min(NAME_COLUMNS, max(map(len, names)))
    for each in answers:
        if each.error is None:
            name = each.path if len(each.path) <= width else "…" + each.path[1 - width :]
            best = list(each.probabilities.items())[:TABLE_TOP]
            print(
                f"{name:{width}}", *(f"{value:6.1%} {label}" for label, value in best), sep="  ", file=out, flush=True
            )

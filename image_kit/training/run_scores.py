"""What a run's metrics.json says about how good it is, whichever kind of run wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from image_kit.answering import wilson_interval

MOST = 1e12  # images or minutes: beyond any use


@dataclass(frozen=True)
class RunScore:
    """How many images were answered correctly.

    Attributes:
        accuracy: 0..1.
        interval: its 95 % interval.
        images: how many.
    """

    accuracy: float
    interval: tuple[float, float]
    images: int


def read_run_scores(metrics: Mapping[str, Any]) -> dict[str, RunScore]:
    """The scores of a run by what was scored, the most telling first; never empty.

    "test"; then "held back" of a fine-tuned run, "cross-validation" of a head, or "validation" of a network, which also
    chose the weights.

    Raises:
        KeyError, ValueError or TypeError: this is not the content of a metrics.json.
    """
    scores = {"test": _read_score(metrics["test"])} if metrics.get("test") else {}
    if tuning := metrics.get("fine_tuning"):
        kept = tuning["fine_tuned"] if tuning["kept"] == "fine-tuned" else tuning["frozen"]
        scores["held back"] = count_score(kept, tuning["held_back"])
    elif metrics.get("cross_validation"):
        scores["cross-validation"] = _read_score(metrics["cross_validation"])
    else:
        scores["validation"] = count_score(metrics["validation"]["accuracy"], metrics["images"]["validation"])
    return scores


def read_minutes(metrics: Mapping[str, Any]) -> float:
    """Minutes of training; of a head, of the whole run. Errors as `read_run_scores`."""
    is_told = "minutes_of_training" in metrics
    return read_number(metrics["minutes_of_training"] if is_told else metrics["seconds"] / 60)


def count_score(accuracy: float, images: int) -> RunScore:
    """The score of so many images with its Wilson interval. Errors as `read_run_scores`."""
    accuracy, count = read_number(accuracy, 1), int(read_number(images))
    if not count:
        raise ValueError("it is a score of no images")
    return RunScore(accuracy, wilson_interval(round(accuracy * count), count), count)


def read_number(value: Any, most: float = MOST) -> float:
    """A number from 0 to `most`. Raises TypeError or ValueError on anything else."""
    if not isinstance(value, int | float):
        raise TypeError(f"{str(value)[:40]!r} is not a number")
    if not 0 <= value <= most:
        raise ValueError(f"a number is not from 0 to {most:g}")
    return float(value)


def _read_score(scores: Mapping[str, Any]) -> RunScore:
    low, high = (read_number(bound, 1) for bound in scores["interval"])
    return RunScore(read_number(scores["accuracy"], 1), (low, high), int(read_number(scores["total"])))

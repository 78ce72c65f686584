"""What a run's metrics.json says about how good it is, whichever kind of run wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from image_kit.answering import wilson_interval


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
        scores["held back"] = _count_score(kept, tuning["held_back"])
    elif metrics.get("cross_validation"):
        scores["cross-validation"] = _read_score(metrics["cross_validation"])
    else:
        scores["validation"] = _count_score(metrics["validation"]["accuracy"], metrics["images"]["validation"])
    return scores


def read_minutes(metrics: Mapping[str, Any]) -> float:
    """Minutes of training; of a head, of the whole run. Errors as `read_run_scores`."""
    return float(metrics["minutes_of_training"] if "minutes_of_training" in metrics else metrics["seconds"] / 60)


def _read_score(scores: Mapping[str, Any]) -> RunScore:
    low, high = scores["interval"]
    return RunScore(float(scores["accuracy"]), (float(low), float(high)), int(scores["total"]))


def _count_score(accuracy: float, images: int) -> RunScore:
    return RunScore(float(accuracy), wilson_interval(round(accuracy * images), images), int(images))

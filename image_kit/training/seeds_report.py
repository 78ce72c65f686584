"""report.html of runs that differ in their seed: what each scored, and a curve of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from image_kit.reports import REPORT, Chart, SeedsPage, Series, try_to_write, write_seeds_report
from image_kit.training.run_report import SCORE_NAMES

if TYPE_CHECKING:
    from image_kit.training.seed_runs import SeedsSummary

History = Mapping[str, Sequence[float]]


def report_seeds(folder: Path, summary: "SeedsSummary", histories: Mapping[int, History]) -> None:
    """Write report.html into the folder of the runs; if that fails, say so in one line.

    Args:
        folder: of all runs.
        summary: what they say together.
        histories: {seed: its history as columns}; a head has none.
    """
    names = {key: SCORE_NAMES.get(key, key) for key in summary.scores}
    page = SeedsPage(
        title=folder.name,
        summary=f"{len(summary.seeds)} runs that differ in their seed only, in {summary.minutes:g} minutes.",
        sentences={names[key]: each.sentence() for key, each in summary.scores.items()},
        values={
            seed: [each.values[index] for each in summary.scores.values()] for index, seed in enumerate(summary.seeds)
        },
        chosen=summary.chosen,
        charts=draw_seeds(histories, summary.chosen),
    )
    try_to_write(lambda: write_seeds_report(folder / REPORT, page), folder / REPORT)


def draw_seeds(histories: Mapping[int, History], chosen: int) -> list[Chart]:
    """Accuracy and loss on validation images, a line for each seed; [] without epochs."""
    charts = []
    for quantity in ("accuracy", "loss"):
        key = f"val_{quantity}"
        series = [
            Series(f"seed {seed}", list(enumerate(map(float, history[key]), 1)), "first" if seed == chosen else "faint")
            for seed, history in histories.items()
            if len(history.get(key, ()))
        ]
        if series:
            text = f"{quantity.capitalize()} on validation images by epoch, a line for each of {len(series)} seeds."
            title = f"{quantity.capitalize()} on validation images"
            charts.append(Chart(title, text, "epoch", quantity, series, is_percent=quantity == "accuracy"))
    return charts

"""What the one-file classifier's page says about its network: when and on what it was trained, and how good it is."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from image_kit.exports.source import Source
from image_kit.json_files import read_json
from image_kit.training import METRICS, RunScore, read_number, read_run_scores

# What was scored, for somebody who does not know the words.
SCORED_ON = {
    "test": "test pictures that it had never seen",
    "held back": "pictures that were kept back from its training",
    "cross-validation": "pictures, each answered by a copy of it that had not seen that picture",
    "validation": "pictures that it did not learn from, but that helped to choose it",
}


@dataclass(frozen=True)
class PageFacts:
    """What the page says; what is not known is None.

    Attributes:
        title: the run's name.
        class_names: in index order.
        trained: the day on which the weights were written.
        photos: the number of training photos.
        scored_on: what `score` was measured on, a key of SCORED_ON.
        score: the most telling score, see `read_run_scores`.
    """

    title: str
    class_names: tuple[str, ...]
    trained: date | None = None
    photos: int | None = None
    scored_on: str | None = None
    score: RunScore | None = None


def read_page_facts(source: Source) -> PageFacts:
    """What the run folder around a weights file says. A folder without readable metrics.json leaves out the score."""
    folder = source.path.absolute().parent
    trained = date.fromtimestamp(source.path.stat().st_mtime)
    named = folder.name or source.path.stem, source.description.class_names, trained
    try:
        return PageFacts(*named, *_read_metrics(folder / METRICS))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return PageFacts(*named)


def describe_facts(facts: PageFacts) -> list[str]:
    """The facts as sentences."""
    lines = []
    if facts.photos or facts.trained:
        on = f" on {facts.photos:,} {'picture' if facts.photos == 1 else 'pictures'}" if facts.photos else ""
        when = f" on {facts.trained.day} {facts.trained:%B %Y}" if facts.trained else ""
        lines.append(f"It was trained{on}{',' if on and when else ''}{when}.")
    if facts.score and facts.scored_on:
        correct = round(facts.score.accuracy * facts.score.images)
        low, high = facts.score.interval
        lines.append(
            f"It was right for {correct:,} of {facts.score.images:,} {SCORED_ON[facts.scored_on]}: "
            f"{facts.score.accuracy:.1%}. Expect {low:.0%} to {high:.0%} on pictures like these."
        )
    return lines


def _read_metrics(path: Path) -> tuple[int, str, RunScore]:
    metrics = read_json(path)
    scored_on, score = next(iter(read_run_scores(metrics).items()))
    return int(read_number(metrics["images"]["train"])), scored_on, score

"""Write the pages: plain data through the templates into one HTML file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from image_kit.answering import DifferingPhoto
from image_kit.errors import first_line
from image_kit.files import write_text
from image_kit.reports.answer_views import view_answers
from image_kit.reports.charts import HEIGHT, RIGHT, WIDTH, draw
from image_kit.reports.findings_view import view_findings
from image_kit.reports.page_data import CheckPage, ComparisonPage, EvaluationPage, SeedsPage, TrainingPage, photo_of
from image_kit.reports.thumbnails import Photo, Thumbnails
from image_kit.terminal import say

if TYPE_CHECKING:  # takes .1 s, which only a report must wait for
    from jinja2 import Environment

REPORT = "report.html"
MOST_SHOWN = 60  # photos with different answers
MOST_BYTES = 3_000_000  # of a page, so that it can be sent by mail and opens at once on a phone
# Bytes for thumbnails: the second and third where the texts alone are long.
THUMBNAIL_BYTES = (2_000_000, 500_000, 0)


@dataclass(frozen=True)
class DifferingView:
    """A photo of a comparison, with what the runs answered."""

    photo: Photo
    answers: DifferingPhoto


def try_to_write(write: Callable[[], None], path: Path) -> None:
    """Write a report; one that cannot be written costs one line on stderr, not what it reports on."""
    try:
        write()
    except Exception as error:  # photos, Pillow, templates and disks fail in many ways
        say(f"{path}: could not be written ({first_line(error)}); everything else is complete")


def write_training_report(path: Path, page: TrainingPage) -> None:
    """Write the page of a run.

    Raises:
        OSError: the file cannot be written.
    """
    view = view_answers(page.details) if page.details else None
    _write(path, "training.html", page, view.photos() if view else [], answers=view)


def write_evaluation_report(path: Path, page: EvaluationPage) -> None:
    """Write the page of an evaluation; raises as `write_training_report`."""
    view = view_answers(page.details)
    _write(path, "evaluation.html", page, view.photos(), answers=view)


def write_comparison_report(path: Path, page: ComparisonPage) -> None:
    """Write the page of a comparison; raises as `write_training_report`."""
    index_of = {name: index for index, name in enumerate(page.images.names)}
    differing = page.compared.differing[:MOST_SHOWN]
    shown = [DifferingView(photo_of(page.images, index_of[each.image]), each) for each in differing]
    _write(path, "comparison.html", page, [each.photo for each in shown], shown=shown)


def write_seeds_report(path: Path, page: SeedsPage) -> None:
    """Write the page of runs of several seeds; raises as `write_training_report`."""
    _write(path, "seeds.html", page, [])


def write_check_report(path: Path, page: CheckPage) -> None:
    """Write the page of a check; raises as `write_training_report`."""
    view = view_findings(page)
    _write(path, "check.html", page, view.photos(), view=view)


def _write(path: Path, template: str, page: Any, photos: Sequence[Photo], **views: Any) -> None:
    environment = _environment()
    for most in THUMBNAIL_BYTES:
        thumbnails = Thumbnails(photos if most else [], most)
        text = environment.get_template(template).render(page=page, thumbnail=thumbnails, **views)
        # Names of files that are not valid UTF-8 are shown with the bytes that are not.
        encoded = text.encode("utf-8", "backslashreplace")
        if len(encoded) <= MOST_BYTES:
            break
    write_text(path, encoded.decode("utf-8"))


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # takes .1 s, which only a report must wait for

    environment = Environment(
        loader=PackageLoader("image_kit.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "short": _short, "draw": draw, "many": _many}
    environment.globals |= {"chart_width": WIDTH, "chart_height": HEIGHT, "chart_right": RIGHT}
    return environment


def _percent(fraction: float | None, decimals: int = 1) -> str:
    return "-" if fraction is None else f"{100 * fraction:.{decimals}f} %"


def _short(name: str) -> str:
    """The last part of a path."""
    return PurePath(name).name or name


def _many(count: int, singular: str) -> str:
    """A count with its noun."""
    plural = "es" if singular.endswith("s") else "s"
    return f"{count:,} {singular}{'' if count == 1 else plural}"

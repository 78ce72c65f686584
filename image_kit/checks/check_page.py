"""The report of a check: its findings with their photos, as a page."""

from collections.abc import Sequence
from pathlib import Path

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.confusions import ConfusedPair
from image_kit.checks.findings import Finding
from image_kit.checks.learning_curve import LearningCurve
from image_kit.reports import Chart, CheckedFor, CheckPage, ListedFinding, Photo, PhotoPair, Series, write_check_report

# How sure: what was measured on three sets of real photos (docs/results.md, "Checks").
CHECKED_FOR = (
    CheckedFor("unreadable", "Photos that cannot be read", "Every file was decoded.", "This is sure."),
    CheckedFor(
        "contradiction",
        "Photos with two labels",
        "Copies of one photo in two classes, also resized, cut a little, mirrored or recoloured.",
        "Of 100 such copies, 99 are found. Of 2,211 photos without any, 7 were called copies: shots of one crate.",
    ),
    CheckedFor(
        "leak",
        "Photos that a split may divide",
        "Copies in two parts, and rows of photos that are alike.",
        "Copies are found as those with two labels. For rows of photos, no rate was measured: look at them.",
    ),
    CheckedFor(
        "wrong_label",
        "Labels that may be wrong",
        "Photos that the others of the folder would label otherwise.",
        "Of 100 wrong labels, about 90 are found, fewer between classes that look alike. In real photos 0 to 2 of 100 "
        "are listed; about half of these are right.",
    ),
    CheckedFor(
        "shortcut",
        "Shortcuts",
        "Whether the class can be told from files, sizes, colours or edges alone.",
        "A cue on a fifth of one class was found in 159 of 160 folders. Of 380 without one, 7 had a false alarm.",
    ),
    CheckedFor(
        "split",
        "Parts that differ",
        "Whether test photos can be told from training photos.",
        "In 24 divisions of one set, at random and by sender, there was no false alarm.",
    ),
    CheckedFor(
        "balance", "Balance", "Classes with few photos, far fewer than others, or none in a part.", "This is counted."
    ),
    CheckedFor(
        "stranger",
        "Photos unlike all others",
        "Photos that resemble no class.",
        "Photos of another kind are nearly all found. In real photos 3 to 9 of 1,000 are listed.",
    ),
    CheckedFor("copy", "Copies", "Copies of one photo in one class.", "They are found as those with two labels."),
    CheckedFor(
        "odd",
        "Odd files",
        "Files that are cut short, animated, tiny, of one colour, or named wrongly.",
        "In 2,211 real photos, none was called odd.",
    ),
    CheckedFor(
        "confused",
        "Classes that are confused",
        "Pairs of classes that are taken for each other.",
        "This is counted, in answers to photos that the classifier did not know.",
    ),
)


def write_page(
    path: Path,
    photos: CheckedPhotos,
    findings: Sequence[Finding],
    curve: LearningCurve | None,
    pairs: Sequence[ConfusedPair],
    summary: str,
    notes: Sequence[str],
) -> None:
    """Write report.html; see `FolderCheck` for the arguments."""
    page = CheckPage(
        title=photos.folder.resolve().name,
        summary=summary,
        checked_for=CHECKED_FOR,
        findings=[_listed(photos, each) for each in findings],
        charts=[_draw_curve(curve)] if curve else [],
        pairs=[side for pair in pairs for side in _side_by_side(photos, pair)],
        notes=notes,
    )
    write_check_report(path, page)


def _listed(photos: CheckedPhotos, finding: Finding) -> ListedFinding:
    photo, related = (
        Photo(file, photos.folder / file, photos.sample_bits) if file else None
        for file in (finding.file, finding.related)
    )
    return ListedFinding(finding.kind, finding.severity, finding.evidence, finding.suggestion, photo, related)


def _draw_curve(curve: LearningCurve) -> Chart:
    measured = list(zip(curve.sizes.tolist(), curve.accuracies.tolist(), strict=True))
    ahead = curve.now + curve.more
    foreseen = [(curve.now, curve.accuracy), (ahead, curve.prediction)]
    band = [(curve.now, curve.accuracy, curve.accuracy), (ahead, *curve.interval)]
    return Chart(
        title="What more photos would bring",
        text=curve.sentence,
        x_label="photos of each class",
        y_label="right answers",
        series=[Series("measured", measured), Series("foreseen, with its 90 % interval", foreseen, "second", band)],
        is_percent=True,
    )


def _side_by_side(photos: CheckedPhotos, pair: ConfusedPair) -> list[PhotoPair]:
    """Photos of one class that are taken for the other, beside photos of the other that are taken for the one."""
    return [
        PhotoPair(
            Photo(photos.files[one], photos.paths[one], photos.sample_bits),
            f"{pair.first}, taken for {pair.second}",
            Photo(photos.files[other], photos.paths[other], photos.sample_bits),
            f"{pair.second}, taken for {pair.first}",
        )
        for one, other in zip(pair.first_examples, pair.second_examples, strict=False)
    ]

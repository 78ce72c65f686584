"""What a page says, without a browser: its size, its words, and what happens if it cannot be written."""

import subprocess
import sys

import numpy as np
import pytest

from image_kit.answering import RunAnswers, compare_runs, score
from image_kit.datasets import ImageSet
from image_kit.reports import (
    CheckedFor,
    CheckPage,
    ComparisonPage,
    EvaluationPage,
    ListedFinding,
    Photo,
    ScoredImages,
    try_to_write,
    write_check_report,
    write_comparison_report,
    write_evaluation_report,
    write_training_report,
)
from image_kit.reports.pages import MOST_BYTES


def test_a_calm_page_for_a_clean_folder(tmp_path):
    questions = [CheckedFor("copy", "Copies", "All were compared.", "2 of 1,000 are false.")]
    write_check_report(tmp_path / "report.html", CheckPage("mine", "9 photos were checked.", questions, []))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Nothing to mend" in text
    assert "2 of 1,000 are false." in text
    assert len(text) < 20_000


def test_the_worst_kind_comes_first_and_unknown_kinds_are_not_lost(tmp_path):
    findings = [
        ListedFinding("odd", "low", "A.", "B."),
        ListedFinding("copy", "low", "C.", "D."),
        ListedFinding("copy", "high", "E.", "F."),
    ]
    page = CheckPage("mine", "", [CheckedFor("copy", "Copies", "", "")], findings)
    write_check_report(tmp_path / "report.html", page)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "3 findings" in text
    places = [text.index(f"<p>{each}</p>") for each in ("E.", "C.", "A.")]
    assert places == sorted(places)


def test_thousands_of_long_names_and_noisy_photos_stay_below_the_limit(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (120, 120, 3), np.uint8)
    kinds = [f"kind_{number}" for number in range(11)]
    findings = [
        ListedFinding(kind, "low", "x" * 300, "y" * 300, Photo(f"{kind} {'<' * 250} {number}", noise))
        for kind in kinds
        for number in range(300)
    ]
    write_check_report(tmp_path / "report.html", CheckPage("mine", "", [], findings))
    size = (tmp_path / "report.html").stat().st_size
    assert 1_000_000 < size <= MOST_BYTES


def test_300_classes_have_no_matrix_but_the_pairs_that_are_confused(tmp_path):
    labels = np.repeat(np.arange(300, dtype=np.int32), 2)
    probabilities = np.full((600, 300), 1e-4, np.float32)
    probabilities[np.arange(600), np.where(np.arange(600) % 2, labels, (labels + 1) % 300)] = 0.9
    names = [f"class {number}" for number in range(300)]
    images = ImageSet(np.zeros((600, 8, 8, 1), np.uint8), labels, [f"test {number}" for number in range(600)])
    scored = ScoredImages(score(probabilities, labels, names), probabilities, images, "predictions.csv")
    write_evaluation_report(tmp_path / "report.html", EvaluationPage("many", "", scored))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'class="matrix"' not in text
    assert "240 more pairs of classes" in text
    assert "200 more classes" in text


def test_a_name_that_is_no_utf_8_is_shown(tmp_path, pages):
    page = CheckPage("caf\udce9", "", [], [])
    write_check_report(tmp_path / "report.html", page)
    assert r"caf\udce9" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_costs_one_line(tmp_path, pages, capsys):
    path = tmp_path / "report.html"
    path.mkdir()
    try_to_write(lambda: write_training_report(path, pages["training"]), path)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{path}: could not be written (")
    assert list(tmp_path.iterdir()) == [path]


def test_a_training_page_tells_what_it_was_given(tmp_path, pages):
    write_training_report(tmp_path / "report.html", pages["training"])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in (
        "Why is it stuck?",
        "Do something.",
        "It stopped.",
        "the same image; bright places",
        "27 of 36 right",
    ):
        assert words in text


@pytest.mark.slow
def test_the_room_needs_neither_jinja_nor_tensorflow_until_a_page_is_written(pytestconfig):
    code = "import sys, image_kit.training.head_run, image_kit.reports.pages; "
    code += "print([name for name in ('jinja2', 'tensorflow', 'keras', 'matplotlib') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=pytestconfig.rootpath, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_comparison_on_an_array_shows_its_images(tmp_path):
    labels, pixels = np.array([0, 1, 0], np.int32), np.zeros((3, 8, 8, 1), np.uint8)
    images = ImageSet(pixels, labels, ["0", "1", "2"])
    first = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], np.float32)
    answers = {
        run: RunAnswers(images.names, labels, each, ("a", "b")) for run, each in (("x", first), ("y", 1 - first))
    }
    page = ComparisonPage("digits", "", compare_runs(answers), images)
    write_comparison_report(tmp_path / "report.html", page)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("data:image/jpeg") == 3
    assert "could not be opened" not in text

"""Confusion matrices of few and of many classes."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from image_kit.pictures import confusion_matrix

pytestmark = pytest.mark.usefixtures("no_complaints")


def test_a_matrix_that_is_not_square_is_refused(tmp_path):
    with pytest.raises(ValueError, match="got"):
        confusion_matrix.plot_confusion_matrix(np.ones((2, 3)), ["a", "b"], tmp_path / "a.png", "Title")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("classes", [1, 2, 30, 31, 100, 250])
def test_confusion_matrices_of_any_size(tmp_path, classes, opened):
    confusion = np.eye(classes, dtype=int) * 12345
    names = [f"a class of number {number}" for number in range(classes)]
    confusion_matrix.plot_confusion_matrix(confusion, names, tmp_path / "matrix.png", "Test photos")
    opened(tmp_path / "matrix.png")


def test_a_confusion_matrix_counts_in_rows_of_the_label(tmp_path, drawn_figure):
    confusion = np.array([[3, 1, 0], [0, 0, 0], [0, 2, 6]])
    names = ["cars", "none", "elephants"]
    figure = drawn_figure(confusion_matrix.plot_confusion_matrix, confusion, names, tmp_path / "matrix.png", "Title")
    axes = figure.axes[0]
    fractions = axes.images[0].get_array()
    assert fractions.filled(-1).tolist() == [[0.75, 0.25, 0], [-1, -1, -1], [0, 0.25, 0.75]]
    assert [text.get_text() for text in axes.texts] == ["3", "1", "0", "0", "0", "0", "0", "2", "6"]
    assert [text.get_text() for text in axes.get_yticklabels()] == names


@pytest.mark.parametrize("classes", [2, 8, 60])
def test_no_text_of_a_confusion_matrix_covers_another(tmp_path, classes, drawn_figure):
    names = [f"a rather long name of the class number {number}" for number in range(classes)]
    arguments = (np.eye(classes, dtype=int), names, tmp_path / "matrix.png", "A title of some words " * 8)
    figure = drawn_figure(confusion_matrix.plot_confusion_matrix, *arguments)
    FigureCanvasAgg(figure).draw()
    axes, bar = figure.axes
    inside = figure.bbox
    rows, columns = (
        [label.get_window_extent() for label in labels] for labels in (axes.get_yticklabels(), axes.get_xticklabels())
    )
    others = [text.get_window_extent() for text in figure.texts] + [bar.get_tightbbox()]
    for boxes in (rows, columns, others):
        assert all(inside.x0 < box.x0 and box.x1 < inside.x1 for box in boxes)
        assert all(inside.y0 < box.y0 and box.y1 < inside.y1 for box in boxes)
    assert len(others) == 4  # title, "true label", "predicted class" and the bar
    assert not any(label.overlaps(other) for label in rows + columns for other in [*others, axes.bbox])
    assert not any(one.overlaps(other) for place, one in enumerate(others) for other in others[:place])
    assert not any(one.overlaps(other) for labels in (rows, columns) for one, other in pairwise(labels))


def test_hard_names_are_drawn_whole(tmp_path, hard_names, opened):
    confusion = np.eye(len(hard_names), dtype=int)
    confusion_matrix.plot_confusion_matrix(confusion, hard_names, tmp_path / "a.png", "\n".join(hard_names))
    opened(tmp_path / "a.png")

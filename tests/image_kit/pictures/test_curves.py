"""Plots of accuracy and loss."""

import pytest
from PIL import Image

from image_kit.pictures import curves, figure

pytestmark = pytest.mark.usefixtures("no_complaints")

CURVE = [0.5, 0.7, 0.9, 0.8]
HISTORY = {"accuracy": CURVE, "val_accuracy": CURVE, "loss": CURVE[::-1], "val_loss": CURVE[::-1]}


@pytest.mark.parametrize("epochs", [1, 2, 4, 200])
def test_curves_of_any_length(tmp_path, epochs, opened, has_colour):
    history = {name: (values * 50)[:epochs] for name, values in HISTORY.items()}
    curves.plot_curves(history, tmp_path / "curves.png", "Cars and elephants")
    pixels = opened(tmp_path / "curves.png")
    assert has_colour(pixels, figure.TRAIN)
    assert has_colour(pixels, figure.VALIDATION)


def test_curves_without_validation(tmp_path, opened, has_colour):
    curves.plot_curves({"accuracy": CURVE, "loss": CURVE}, tmp_path / "curves.png", "No validation")
    pixels = opened(tmp_path / "curves.png")
    assert has_colour(pixels, figure.TRAIN)
    assert not has_colour(pixels, figure.VALIDATION)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_curves_of_a_training_that_diverged(tmp_path, broken, opened):
    history = {"accuracy": [broken] * 2, "val_accuracy": [0.5, broken], "loss": [1, broken], "val_loss": [broken] * 2}
    curves.plot_curves(history, tmp_path / "curves.png", "Diverged")
    opened(tmp_path / "curves.png")


def test_the_best_validation_epoch_is_named_and_epochs_count_from_1(tmp_path, drawn_figure):
    figure = drawn_figure(curves.plot_curves, HISTORY, tmp_path / "curves.png", "Title")
    accuracy, loss = figure.axes
    assert "best: 90.0 % (epoch 3)" in accuracy.get_legend_handles_labels()[1]
    assert "best: 0.5 (epoch 4)" in loss.get_legend_handles_labels()[1]
    assert accuracy.get_xticks().tolist() == [1, 2, 3, 4]
    assert accuracy.lines[0].get_xydata().tolist() == [[1, 0.5], [2, 0.7], [3, 0.9], [4, 0.8]]
    assert accuracy.get_ylim()[1] <= 1


def test_many_epochs_get_whole_ticks_from_1(tmp_path, drawn_figure):
    figure = drawn_figure(curves.plot_curves, {"loss": CURVE * 10}, tmp_path / "curves.png", "Title")
    ticks = figure.axes[1].get_xticks()
    assert ticks[0] == 1
    assert ticks[-1] == 40
    assert len(ticks) <= 12
    assert (ticks == ticks.astype(int)).all()


def test_a_history_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no epoch"):
        curves.plot_curves({"accuracy": [], "lr": [1.0]}, tmp_path / "curves.png", "Title")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scores", [[(10, 1.0)], [(1, 0.0)], [(40, 0.96), (1, 0.7)], [(n, 0.5) for n in range(1, 60)]])
def test_test_scores(tmp_path, scores, opened, has_colour):
    curves.plot_test_scores(scores, 400, tmp_path / "scores.png", "Test accuracy")
    assert has_colour(opened(tmp_path / "scores.png"), figure.TRAIN)


def test_test_scores_are_sorted_and_have_wilsons_band(tmp_path, drawn_figure):
    scores = [(20, 0.9575), (5, 0.9)]
    figure = drawn_figure(curves.plot_test_scores, scores, 400, tmp_path / "scores.png", "Title")
    (axes,) = figure.axes
    assert axes.lines[0].get_xydata().tolist() == [[5, 0.9], [20, 0.9575]]
    band = axes.collections[0].get_paths()[0].vertices
    assert sorted({round(y, 3) for x, y in band if x == 20}) == [0.933, 0.973]
    assert [text.get_text() for text in axes.texts] == ["90.0 %", "95.8 %"]


def test_no_test_scores_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no test scores"):
        curves.plot_test_scores([], 400, tmp_path / "scores.png", "Title")


def test_a_failed_plot_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "curves.png").write_bytes(b"old")

    def full(self, path, *_, **__):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        curves.plot_curves(HISTORY, tmp_path / "curves.png", "Title")
    assert (tmp_path / "curves.png").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1

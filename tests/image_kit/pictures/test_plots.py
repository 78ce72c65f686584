from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from image_kit.pictures import plots
from image_kit.pictures.lettering import DPI

pytestmark = pytest.mark.filterwarnings("error")

CURVE = [0.5, 0.7, 0.9, 0.8]
HISTORY = {"accuracy": CURVE, "val_accuracy": CURVE, "loss": CURVE[::-1], "val_loss": CURVE[::-1]}
NOISE = np.random.default_rng(0).integers(0, 256, (64, 30, 40, 3), np.uint8)


@pytest.fixture(autouse=True)
def _no_logged_complaints(caplog):
    yield
    assert not [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def opened(path) -> np.ndarray:
    """The pixels of a PNG that is complete, of a sensible size, not blank and not cut at its border."""
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        assert image.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)
        pixels = np.asarray(image)
    assert min(pixels.shape[:2]) >= 200
    assert max(pixels.shape[:2]) <= 4000
    assert (pixels < 128).any()
    for border in (pixels[:3], pixels[-3:], pixels[:, :3], pixels[:, -3:]):
        assert (border == 255).all()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    return pixels


def has_colour(pixels: np.ndarray, colour: str) -> bool:
    return (pixels == [int(colour[place : place + 2], 16) for place in (1, 3, 5)]).all(axis=2).any()


@pytest.mark.parametrize("epochs", [1, 2, 4, 200])
def test_curves_of_any_length(tmp_path, epochs):
    history = {name: (values * 50)[:epochs] for name, values in HISTORY.items()}
    plots.plot_curves(history, tmp_path / "curves.png", "Cars and elephants")
    pixels = opened(tmp_path / "curves.png")
    assert has_colour(pixels, plots.TRAIN)
    assert has_colour(pixels, plots.VALIDATION)


def test_curves_without_validation(tmp_path):
    plots.plot_curves({"accuracy": CURVE, "loss": CURVE}, tmp_path / "curves.png", "No validation")
    pixels = opened(tmp_path / "curves.png")
    assert has_colour(pixels, plots.TRAIN)
    assert not has_colour(pixels, plots.VALIDATION)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_curves_of_a_training_that_diverged(tmp_path, broken):
    history = {"accuracy": [broken] * 2, "val_accuracy": [0.5, broken], "loss": [1, broken], "val_loss": [broken] * 2}
    plots.plot_curves(history, tmp_path / "curves.png", "Diverged")
    opened(tmp_path / "curves.png")


def drawn_figure(monkeypatch, plot, *arguments):
    """The figure itself, taken where it would be saved."""
    figures = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: figures.append(figure))
    plot(*arguments)
    return figures[0]


def test_the_best_validation_epoch_is_named_and_epochs_count_from_1(tmp_path, monkeypatch):
    figure = drawn_figure(monkeypatch, plots.plot_curves, HISTORY, tmp_path / "curves.png", "Title")
    accuracy, loss = figure.axes
    assert "best: 90.0 % (epoch 3)" in accuracy.get_legend_handles_labels()[1]
    assert "best: 0.5 (epoch 4)" in loss.get_legend_handles_labels()[1]
    assert accuracy.get_xticks().tolist() == [1, 2, 3, 4]
    assert accuracy.lines[0].get_xydata().tolist() == [[1, 0.5], [2, 0.7], [3, 0.9], [4, 0.8]]
    assert accuracy.get_ylim()[1] <= 1


def test_many_epochs_get_whole_ticks_from_1(tmp_path, monkeypatch):
    figure = drawn_figure(monkeypatch, plots.plot_curves, {"loss": CURVE * 10}, tmp_path / "curves.png", "Title")
    ticks = figure.axes[1].get_xticks()
    assert ticks[0] == 1
    assert ticks[-1] == 40
    assert len(ticks) <= 12
    assert (ticks == ticks.astype(int)).all()


def test_a_history_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no epoch"):
        plots.plot_curves({"accuracy": [], "lr": [1.0]}, tmp_path / "curves.png", "Title")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scores", [[(10, 1.0)], [(1, 0.0)], [(40, 0.96), (1, 0.7)], [(n, 0.5) for n in range(1, 60)]])
def test_test_scores(tmp_path, scores):
    plots.plot_test_scores(scores, 400, tmp_path / "scores.png", "Test accuracy")
    assert has_colour(opened(tmp_path / "scores.png"), plots.TRAIN)


def test_test_scores_are_sorted_and_have_wilsons_band(tmp_path, monkeypatch):
    scores = [(20, 0.9575), (5, 0.9)]
    figure = drawn_figure(monkeypatch, plots.plot_test_scores, scores, 400, tmp_path / "scores.png", "Title")
    (axes,) = figure.axes
    assert axes.lines[0].get_xydata().tolist() == [[5, 0.9], [20, 0.9575]]
    band = axes.collections[0].get_paths()[0].vertices
    assert sorted({round(y, 3) for x, y in band if x == 20}) == [0.933, 0.973]
    assert [text.get_text() for text in axes.texts] == ["90.0 %", "95.8 %"]


def test_no_test_scores_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no test scores"):
        plots.plot_test_scores([], 400, tmp_path / "scores.png", "Title")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 5, 64])
def test_mosaic(tmp_path, channels, count):
    plots.plot_mosaic(NOISE[:count, ..., :channels], ["cars"] * count, tmp_path / "mosaic.png", "First batch")
    pixels = opened(tmp_path / "mosaic.png")
    coloured = (np.ptp(pixels.astype(int), axis=2) > 100).any()
    assert coloured == (channels == 3)


def test_a_mosaic_stops_after_64_images(tmp_path):
    plots.plot_mosaic(NOISE, ["cars"] * 64, tmp_path / "a" / "64.png", "First batch")
    plots.plot_mosaic(np.concatenate([NOISE, NOISE]), ["cars"] * 128, tmp_path / "b" / "128.png", "First batch")
    assert (opened(tmp_path / "a" / "64.png") == opened(tmp_path / "b" / "128.png")).all()


def test_images_are_drawn_pixel_by_pixel_with_the_original_framed(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    plots.plot_contact_sheet([[(image, "original"), (image[::-1], "flipped")]], tmp_path / "sheet.png")
    pixels = opened(tmp_path / "sheet.png")
    windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 0], (300, 300))
    starts = np.argwhere(windows[:, :, 0, 0] == image[0, 0, 0])
    assert sum((windows[y, x] == image[..., 0]).all() for y, x in starts) == 1
    assert has_colour(pixels[:, : pixels.shape[1] // 2], plots.TRAIN)


@pytest.mark.parametrize("count", [1, 7, 21])
def test_contact_sheets_go_on_in_lines_of_seven(tmp_path, count):
    caption = "rotation 23.1°\nshift 31, -12 px\nshear 0.1°\nzoom 1.12, 0.94\nflipped"
    plots.plot_contact_sheet([[(NOISE[0], caption)] * count, [(NOISE[1, ..., :1], "original")]], tmp_path / "sheet.png")
    height, width, _ = opened(tmp_path / "sheet.png").shape
    assert width == pytest.approx((0.5 + min(count, 7) * 2.12 - 0.12) * DPI if count > 1 else 750, abs=2)
    assert (height > 1300) == (count > 7)


def test_a_gallery_of_all_sizes(tmp_path):
    shapes = [(200, 300, 3), (300, 200, 1), (1, 1, 3), (1200, 900, 3), (3, 500, 1), (224, 224, 3), (9, 9, 1)]
    images = [np.full(shape, 90, np.uint8) for shape in shapes]
    plots.plot_gallery(images, ["is cars, answered elephants 99 %"] * 7, tmp_path / "gallery.png", "Mistakes")
    assert has_colour(opened(tmp_path / "gallery.png"), "#5A5A5A")


def test_an_empty_gallery_says_so(tmp_path, monkeypatch):
    plots.plot_gallery([], [], tmp_path / "gallery.png", "Mistakes")
    opened(tmp_path / "gallery.png")
    figure = drawn_figure(monkeypatch, plots.plot_gallery, [], [], tmp_path / "gallery.png", "Mistakes")
    assert "No mistakes." in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("image", [np.zeros((5, 5, 3)), np.zeros((5, 5), np.uint8), np.zeros((5, 5, 4), np.uint8)])
def test_arrays_that_are_no_images_are_refused(tmp_path, image):
    with pytest.raises(ValueError, match="uint8"):
        plots.plot_gallery([image], ["a"], tmp_path / "gallery.png", "Title")


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no images"):
        plots.plot_mosaic(NOISE[:0], [], tmp_path / "a.png", "Title")
    for rows in ([], [[]]):
        with pytest.raises(ValueError, match="no images"):
            plots.plot_contact_sheet(rows, tmp_path / "a.png")
    with pytest.raises(ValueError, match="got"):
        plots.plot_confusion_matrix(np.ones((2, 3)), ["a", "b"], tmp_path / "a.png", "Title")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("classes", [1, 2, 30, 31, 100, 250])
def test_confusion_matrices_of_any_size(tmp_path, classes):
    confusion = np.eye(classes, dtype=int) * 12345
    names = [f"a class of number {number}" for number in range(classes)]
    plots.plot_confusion_matrix(confusion, names, tmp_path / "matrix.png", "Test photos")
    opened(tmp_path / "matrix.png")


def test_a_confusion_matrix_counts_in_rows_of_the_label(tmp_path, monkeypatch):
    confusion = np.array([[3, 1, 0], [0, 0, 0], [0, 2, 6]])
    names = ["cars", "none", "elephants"]
    figure = drawn_figure(monkeypatch, plots.plot_confusion_matrix, confusion, names, tmp_path / "matrix.png", "Title")
    axes = figure.axes[0]
    shares = axes.images[0].get_array()
    assert shares.filled(-1).tolist() == [[0.75, 0.25, 0], [-1, -1, -1], [0, 0.25, 0.75]]
    assert [text.get_text() for text in axes.texts] == ["3", "1", "0", "0", "0", "0", "0", "2", "6"]
    assert [text.get_text() for text in axes.get_yticklabels()] == names


@pytest.mark.parametrize("classes", [2, 8, 60])
def test_no_text_of_a_confusion_matrix_covers_another(tmp_path, monkeypatch, classes):
    names = [f"a rather long name of the class number {number}" for number in range(classes)]
    arguments = (np.eye(classes, dtype=int), names, tmp_path / "matrix.png", "A title of some words " * 8)
    figure = drawn_figure(monkeypatch, plots.plot_confusion_matrix, *arguments)
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


def test_hard_names_are_drawn_whole_everywhere(tmp_path, hard_names):
    count, hard = len(hard_names), "\n".join(hard_names)
    confusion = np.eye(count, dtype=int)
    plots.plot_confusion_matrix(confusion, hard_names, tmp_path / "a" / "a.png", hard)
    plots.plot_mosaic(NOISE[:count], hard_names, tmp_path / "b" / "b.png", hard)
    plots.plot_gallery(NOISE[:count], hard_names, tmp_path / "c" / "c.png", hard)
    plots.plot_contact_sheet([[(NOISE[0], hard)]], tmp_path / "d" / "d.png")
    for letter in "abcd":
        opened(tmp_path / letter / f"{letter}.png")


def test_a_failed_plot_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "curves.png").write_bytes(b"old")

    def full(self, path, *_, **__):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        plots.plot_curves(HISTORY, tmp_path / "curves.png", "Title")
    assert (tmp_path / "curves.png").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1

"""Images with captions."""

import numpy as np
import pytest

from image_kit.pictures import figure, galleries
from image_kit.pictures.lettering import DPI

pytestmark = pytest.mark.usefixtures("no_complaints")

NOISE = np.random.default_rng(0).integers(0, 256, (64, 30, 40, 3), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 5, 64])
def test_mosaic(tmp_path, channels, count, opened):
    galleries.plot_mosaic(NOISE[:count, ..., :channels], ["cars"] * count, tmp_path / "mosaic.png", "First batch")
    pixels = opened(tmp_path / "mosaic.png")
    coloured = (np.ptp(pixels.astype(int), axis=2) > 100).any()
    assert coloured == (channels == 3)


def test_a_mosaic_stops_after_64_images(tmp_path, opened):
    galleries.plot_mosaic(NOISE, ["cars"] * 64, tmp_path / "a" / "64.png", "First batch")
    galleries.plot_mosaic(np.concatenate([NOISE, NOISE]), ["cars"] * 128, tmp_path / "b" / "128.png", "First batch")
    assert (opened(tmp_path / "a" / "64.png") == opened(tmp_path / "b" / "128.png")).all()


def test_images_are_drawn_pixel_by_pixel_with_the_original_framed(tmp_path, opened, has_colour):
    image = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    galleries.plot_contact_sheet([[(image, "original"), (image[::-1], "flipped")]], tmp_path / "sheet.png")
    pixels = opened(tmp_path / "sheet.png")
    windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 0], (300, 300))
    starts = np.argwhere(windows[:, :, 0, 0] == image[0, 0, 0])
    assert sum((windows[y, x] == image[..., 0]).all() for y, x in starts) == 1
    assert has_colour(pixels[:, : pixels.shape[1] // 2], figure.TRAIN)


@pytest.mark.parametrize("count", [1, 7, 21])
def test_contact_sheets_continue_in_lines_of_seven(tmp_path, count, opened):
    caption = "rotation 23.1°\nshift 31, -12 px\nshear 0.1°\nzoom 1.12, 0.94\nflipped"
    galleries.plot_contact_sheet(
        [[(NOISE[0], caption)] * count, [(NOISE[1, ..., :1], "original")]], tmp_path / "sheet.png"
    )
    height, width, _ = opened(tmp_path / "sheet.png").shape
    assert width == pytest.approx((0.5 + min(count, 7) * 2.12 - 0.12) * DPI if count > 1 else 750, abs=2)
    assert (height > 1300) == (count > 7)


def test_a_gallery_of_all_sizes(tmp_path, opened, has_colour):
    shapes = [(200, 300, 3), (300, 200, 1), (1, 1, 3), (1200, 900, 3), (3, 500, 1), (224, 224, 3), (9, 9, 1)]
    images = [np.full(shape, 90, np.uint8) for shape in shapes]
    galleries.plot_gallery(images, ["is cars, answered elephants 99 %"] * 7, tmp_path / "gallery.png", "Mistakes")
    assert has_colour(opened(tmp_path / "gallery.png"), "#5A5A5A")


def test_an_empty_gallery_says_so(tmp_path, opened, drawn_figure):
    galleries.plot_gallery([], [], tmp_path / "gallery.png", "Mistakes")
    opened(tmp_path / "gallery.png")
    figure = drawn_figure(galleries.plot_gallery, [], [], tmp_path / "gallery.png", "Mistakes")
    assert "No mistakes." in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("image", [np.zeros((5, 5, 3)), np.zeros((5, 5), np.uint8), np.zeros((5, 5, 4), np.uint8)])
def test_arrays_that_are_not_images_are_refused(tmp_path, image):
    with pytest.raises(ValueError, match="uint8"):
        galleries.plot_gallery([image], ["a"], tmp_path / "gallery.png", "Title")


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no images"):
        galleries.plot_mosaic(NOISE[:0], [], tmp_path / "a.png", "Title")
    for rows in ([], [[]]):
        with pytest.raises(ValueError, match="no images"):
            galleries.plot_contact_sheet(rows, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_hard_names_are_drawn_whole(tmp_path, hard_names, opened):
    images, hard = NOISE[: len(hard_names)], "\n".join(hard_names)
    galleries.plot_mosaic(images, hard_names, tmp_path / "b" / "b.png", hard)
    galleries.plot_gallery(images, hard_names, tmp_path / "c" / "c.png", hard)
    galleries.plot_contact_sheet([[(NOISE[0], hard)]], tmp_path / "d" / "d.png")
    for letter in "bcd":
        opened(tmp_path / letter / f"{letter}.png")

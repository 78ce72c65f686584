"""Answers drawn under their photos."""

import numpy as np
from PIL import Image

from image_kit.answering.answers import make_answer
from image_kit.photos.sources import PhotoSource
from image_kit.pictures.answer_sheet import SHOWN, AnswerSheet, overlay

GREEN = np.full((10, 20, 3), (0, 255, 0), np.uint8)
ANSWER = make_answer("folder/photo.jpg", np.array([0.2, 0.8]), ("cats", "dogs"))


def has_green(path):
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return ((pixels - (0, 255, 0)) ** 2).sum(axis=-1).min() < 300


def test_a_sheet_shows_photos_and_arrays(tmp_path):
    Image.fromarray(GREEN).resize((2000, 1000)).save(tmp_path / "photo.jpg")
    for content in (GREEN, tmp_path / "photo.jpg", (tmp_path / "photo.jpg").read_bytes()):
        sheet = AnswerSheet()
        sheet.add(PhotoSource("photo.jpg", content), ANSWER, GREEN)
        assert max(sheet.shown[0][0].shape) <= 600
        assert sheet.shown[0][1] == "photo.jpg\ndogs 80.0%\ncats 20.0%"
        sheet.save(tmp_path / "sheet.png")
        assert sheet.sentence(tmp_path / "sheet.png") == f"Picture: {tmp_path / 'sheet.png'}"
        assert has_green(tmp_path / "sheet.png")


def test_a_photo_that_has_disappeared_is_shown_as_the_network_saw_it(tmp_path):
    sheet = AnswerSheet()
    sheet.add(PhotoSource("photo.jpg", tmp_path / "gone.jpg"), ANSWER, GREEN)
    np.testing.assert_array_equal(sheet.shown[0][0], GREEN)


def test_what_the_photo_may_be_is_written_below_it(tmp_path):
    sheet = AnswerSheet()
    unlike = make_answer("photo.jpg", np.array([0.2, 0.8]), ("cats", "dogs"), prediction_set=[])
    sheet.add(PhotoSource("photo.jpg", GREEN), unlike, GREEN)
    assert sheet.shown[0][1].splitlines()[0] == "photo.jpg: neither: unlike the photos it was trained on"


def test_a_heat_map_is_next_to_each_photo(tmp_path):
    asked = []

    def explain(image, label):
        asked.append(label)
        return np.eye(3, dtype=np.float32)

    sheet = AnswerSheet(explain)
    for _ in range(2):
        sheet.add(PhotoSource("a", GREEN[..., :1]), ANSWER, GREEN[..., :1])
    assert asked == ["dogs", "dogs"]
    assert [caption.split("\n")[0] for _, caption in sheet.shown] == ["photo.jpg", "evidence for dogs"] * 2
    sheet.save(tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").format == "PNG"


def test_only_the_first_photos_are_kept(tmp_path):
    sheet = AnswerSheet()
    for _ in range(SHOWN + 5):
        sheet.add(PhotoSource("a", GREEN), ANSWER, GREEN)
    assert (len(sheet.shown), sheet.left_out) == (SHOWN, 5)
    assert sheet.sentence(tmp_path / "sheet.png").endswith(f"sheet.png (of the first {SHOWN} photos)")


def test_an_overlay_is_bright_where_the_map_is():
    gray = np.full((30, 60, 1), 100, np.uint8)
    heat = np.zeros((3, 6), np.float32)
    heat[1, 4] = 1
    drawn = overlay(gray, heat)
    assert (drawn.shape, drawn.dtype) == ((30, 60, 3), np.uint8)
    brightness = drawn.astype(int).sum(axis=-1)
    row, column = np.unravel_index(brightness.argmax(), brightness.shape)
    assert (10 <= row < 20, 40 <= column < 50) == (True, True)
    assert brightness[0, 0] < brightness.max() / 2
    assert overlay(GREEN, heat).shape == GREEN.shape

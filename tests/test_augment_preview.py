"""augment_preview.py run as a user runs it."""

import numpy as np
import pytest
from PIL import Image

from image_kit.generator.captions import describe_transform
from image_kit.generator.image_generator import ImageDataGenerator


def test_twenty_jpegs_and_a_contact_sheet(tmp_path, run_command, photo):
    photo(tmp_path / "el.jpg", size=(900, 600))
    for sheet in ("contact_sheet_1.png", "contact_sheet_2.png"):
        process = run_command(tmp_path, "augment_preview.py", "el.jpg")
        assert process.returncode == 0, process.stderr
        assert process.stdout == f"preview/{sheet}\n"
    found = {path.name for path in (tmp_path / "preview").iterdir()}
    expected = {f"el_{number}.jpeg" for number in range(1, 41)}  # the second call overwrote nothing
    assert found == expected | {"contact_sheet_1.png", "contact_sheet_2.png"}
    with Image.open(tmp_path / "preview/el_1.jpeg") as image:
        assert image.format == "JPEG"
        assert image.size == (640, 427)


def test_transforms_follow_from_the_seed_and_differ(tmp_path, run_command, photo):
    photo(tmp_path / "a.png", size=(64, 64))
    for output, seed in (("x", 1), ("y", 1), ("z", 2)):
        run_command(tmp_path, "augment_preview.py", "a.png", "--count", 3, "--seed", seed, "--output", output)
    x, y, z = ([(tmp_path / folder / f"a_{n}.jpeg").read_bytes() for n in (1, 2, 3)] for folder in "xyz")
    assert x == y
    assert not set(x) & set(z)
    assert len(set(x)) == 3


def test_a_folder_gives_one_row_a_photo(tmp_path, run_command, photo_tree):
    photo_tree(tmp_path / "photos", {"cats": 2, "dogs": 1})
    (tmp_path / "photos/cats/bad.jpg").write_bytes(b"x")
    process = run_command(tmp_path, "augment_preview.py", "photos", "--preset", "cifar10", "--prefix", "p")
    assert process.returncode == 0, process.stderr
    assert "left out, cannot be read: photos/cats/bad.jpg" in process.stderr
    assert "6 transforms of 3 photos are in preview/" in process.stderr
    assert {path.name for path in (tmp_path / "preview").glob("*.jpeg")} == {f"p_{n}.jpeg" for n in range(1, 19)}


def test_photos_behind_many_that_cannot_be_read_are_shown(tmp_path, run_command, photo):
    """As of a phone that took HEIC photos first."""
    photo(tmp_path / "photos/z.jpg")
    for number in range(45):
        (tmp_path / f"photos/{number}.jpg").write_bytes(b"x")
    process = run_command(tmp_path, "augment_preview.py", "photos", "--count", 1)
    assert process.returncode == 0, process.stderr
    assert "1 transforms of 1 photo are in preview/" in process.stderr


def test_pages_of_a_photo_are_told(tmp_path, run_command):
    page = Image.fromarray(np.full((9, 9), 60, np.uint8))
    page.save(tmp_path / "pages.tif", save_all=True, append_images=[page])
    process = run_command(tmp_path, "augment_preview.py", "pages.tif", "--count", 1)
    assert process.returncode == 0, process.stderr
    assert "pages.tif have several pages, of which the first alone is read" in process.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.jpg"], "none.jpg: cannot be read as an image (no such file); give a photo or a folder"),
        (["hollow"], "hollow: has no readable photo"),
        (["a.jpg", "--count", "0"], "--count: must be at least 1, received 0"),
        (["a.jpg", "--fill-mode", "wrap"], "no transform is switched on; give one, such as --rotation-range 40"),
        (["a.jpg", "--zoom-range", "1.5"], "--zoom-range: must be below 1, received 1.5"),
        (["a.jpg", "--brightness-range", "-1", "1"], "--brightness-range: must be at least 0"),
    ],
)
def test_a_users_error_is_one_clear_line(tmp_path, run_command, photo, arguments, message):
    photo(tmp_path / "a.jpg")
    (tmp_path / "hollow").mkdir()
    process = run_command(tmp_path, "augment_preview.py", *arguments)
    assert process.returncode == 2
    assert process.stderr.startswith(f"augment_preview.py: error: {message}")
    assert len(process.stderr.splitlines()) == 1
    assert not (tmp_path / "preview").exists()


@pytest.mark.parametrize(("height_shift", "width_shift", "words"), [(0.25, 0.0, "right"), (0.0, 0.25, "down")])
def test_the_caption_says_where_the_image_went(height_shift, width_shift, words):
    image = np.zeros((32, 32, 3), np.uint8)
    image[16, 16] = 255
    generator = ImageDataGenerator(height_shift_range=height_shift, width_shift_range=width_shift, fill_mode="constant")
    for transform in generator.draw_transforms(image.shape, 0, 0, np.arange(5)):
        moved = generator.apply_transform(image, transform)[..., 0].astype(float)
        centre = [(moved.sum(axis=1 - axis) * np.arange(32)).sum() / moved.sum() - 16 for axis in (0, 1)]
        _, right, _, down, _ = describe_transform(transform).replace(",", "").split()
        assert float(down) == pytest.approx(centre[0], abs=0.51)
        assert float(right) == pytest.approx(centre[1], abs=0.51)
        assert abs(centre[words == "right"]) > 0.5

"""The same pixels give the same answer, whether they come as a file, as its bytes, as an array or as a Pillow image."""

import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps, ImageSequence

from image_kit.photos import Preprocessing
from image_kit.programs.inputs import to_source

COLOUR, GRAY = Preprocessing((16, 20, 3)), Preprocessing((16, 20, 1), crop=0.5)
ORIENTATION = 0x0112


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def seen(photo, preprocessing=COLOUR) -> np.ndarray:
    """What the network would see."""
    source = to_source(photo, "photo", preprocessing)
    return source.content if isinstance(source.content, np.ndarray) else preprocessing.photo(source.content)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from([(), (1,), (3,), (4,)]),
    st.booleans(),
    st.sampled_from([COLOUR, GRAY]),
)
def test_file_bytes_image_and_array_are_the_same(height, width, channels, is_transposed, preprocessing):
    pixels = np.random.default_rng(height * 64 + width).integers(0, 256, (height, width, *channels), np.uint8)
    if is_transposed:  # not contiguous
        pixels = pixels.swapaxes(0, 1)
    image = Image.fromarray(pixels[..., 0] if channels == (1,) else pixels)
    expected = preprocessing.photo(saved(image))
    for photo in (saved(image), image, Image.open(io.BytesIO(saved(image))), pixels, memoryview(saved(image))):
        np.testing.assert_array_equal(seen(photo, preprocessing), expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I", "F"])
def test_pillow_images_of_any_mode(mode):
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    deep = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    if mode in deep:
        image = Image.fromarray(noise[..., 0].astype(deep[mode]) * (1 if mode == "F" else 200))
    else:
        image = Image.fromarray(noise).convert("P" if mode == "PA" else mode).convert(mode)
    assert image.mode == mode
    if mode in ("PA", "YCbCr", "HSV"):  # PNG and TIFF cannot hold them as they are
        expected = COLOUR.photo(saved(image.convert("RGBA" if mode == "PA" else "RGB")))
    else:
        expected = COLOUR.photo(saved(image, "TIFF" if mode in ("CMYK", "F", "I") else "PNG"))
    np.testing.assert_array_equal(seen(image), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_once(orientation):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 28, 3), np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = saved(image, "JPEG", quality=95, exif=exif)  # too small to be decoded at a reduced scale
    expected = COLOUR.photo(data)
    opened = Image.open(io.BytesIO(data))
    np.testing.assert_array_equal(seen(opened), expected)
    assert opened.getexif().get(ORIENTATION) == orientation  # the program's image is as it was
    assert opened.size == (28, 20)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(seen(upright), expected)
    np.testing.assert_array_equal(seen(np.asarray(upright)), expected)


def test_an_image_whose_file_is_closed_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(saved(Image.new("RGB", (8, 8))))
    with Image.open(tmp_path / "a.png") as image:
        pass
    assert "call image.load() before that" in to_source(image, "photo", COLOUR).error
    with Image.open(tmp_path / "a.png") as image:
        image.load()
    assert seen(image).shape == (16, 20, 3)


def test_an_image_without_pixels_is_named():
    crop = Image.new("RGB", (8, 8)).crop((3, 3, 3, 8))
    assert to_source(crop, "photo", COLOUR).error == "it has no pixels: 0 x 5"


def test_each_frame_of_an_animation_is_a_photo():
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    frames = [Image.new("RGB", (8, 8), colour) for colour in colours]
    animation = Image.open(io.BytesIO(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    images = [seen(frame)[0, 0].tolist() for frame in ImageSequence.Iterator(animation)]
    assert images == [list(colour) for colour in colours]


def test_names_are_those_of_the_paths(tmp_path):
    assert to_source(tmp_path / "a.jpg", "photos[3]", COLOUR).name == str(tmp_path / "a.jpg")
    assert to_source("a.jpg", "photos[3]", COLOUR).name == "a.jpg"
    assert to_source(b"", "photos[3]", COLOUR).name == "photos[3]"

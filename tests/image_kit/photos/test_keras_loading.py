"""image_kit.photos.keras_loading.KerasLoading against Keras's load_img, and where it differs on purpose."""

import io
import os

import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import ExifTags, Image, ImageOps

from image_kit.photos.keras_loading import COLOR_MODES, INTERPOLATIONS, KerasLoading
from image_kit.photos.photo_files import PhotoError

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    target=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    color_mode=st.sampled_from(list(COLOR_MODES)),
    interpolation=st.sampled_from(list(INTERPOLATIONS)),
    keep=st.booleans(),
)
def test_pixels_are_keras(tmp_path_factory, mode, size, target, color_mode, interpolation, keep):
    rng = np.random.default_rng(size)
    image = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 4), np.uint8), "RGBA")
    image = image.convert("RGB").convert(mode) if mode in ("P", "CMYK", "1") else image.convert(mode)
    path = tmp_path_factory.mktemp("one") / ("0.tif" if mode == "CMYK" else "0.png")
    image.save(path)
    options = {"target_size": target, "color_mode": color_mode, "interpolation": interpolation}
    expected = keras.utils.img_to_array(keras.utils.load_img(path, **options, keep_aspect_ratio=keep))
    loading = KerasLoading(**options, keep_aspect_ratio=keep)
    got = loading.photo(path)
    assert (got.dtype, got.shape) == (np.uint8, loading.image_shape)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", ["0.png", "0.jpg", "0.gif", "0.tif"])
def test_a_photo_of_the_right_size(photo, tmp_path, name):
    path = photo(tmp_path / name, size=(16, 12))
    expected = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(12, 16)))
    np.testing.assert_array_equal(KerasLoading((12, 16)).photo(path), expected)


def test_channels_first(photo, tmp_path):
    path = photo(tmp_path / "0.png")
    first = KerasLoading((5, 6), channels_first=True)
    assert first.image_shape == first.photo(path).shape == (3, 5, 6)
    np.testing.assert_array_equal(first.photo(path), KerasLoading((5, 6)).photo(path).transpose(2, 0, 1))


def test_deep_samples_are_scaled_to_8_bits(tmp_path):
    Image.fromarray(np.array([[0, 257, 65535]], np.uint16)).save(tmp_path / "0.png")
    assert KerasLoading((1, 3), "grayscale").photo(tmp_path / "0.png").ravel().tolist() == [0, 1, 255]


@pytest.mark.parametrize("options", [{"color_mode": "hsv"}, {"interpolation": "cubic"}])
def test_unknown_names(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        KerasLoading((5, 6), **options)


def test_damaged_files(tmp_path):
    (tmp_path / "0.png").write_bytes(b"no photo")
    with pytest.raises(PhotoError, match="not an image"):
        KerasLoading((5, 6)).photo(tmp_path / "0.png")


@st.composite
def jpegs(draw):
    """A JPEG's bytes: any size, quality, chroma subsampling, progressive or not, some turned by EXIF."""
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    pixels = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (height, width, 3), np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = draw(st.sampled_from((1, 1, 1, 6)))
    file = io.BytesIO()
    options = {"quality": draw(st.integers(5, 100)), "progressive": draw(st.booleans()), "exif": exif}
    Image.fromarray(pixels).save(
        file, "JPEG", subsampling=draw(st.sampled_from(("4:4:4", "4:2:2", "4:2:0"))), **options
    )
    return file.getvalue()


def by_pillow(data, size):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    return np.asarray(image.resize(size[::-1], Image.Resampling.NEAREST))


@given(jpegs(), st.tuples(st.integers(1, 120), st.integers(1, 120)))
@settings(deadline=None)
def test_jpegs_have_pillows_pixels(data, size):
    np.testing.assert_array_equal(KerasLoading(size).photo(data), by_pillow(data, size))


@given(jpegs(), st.data())
@settings(deadline=None)
def test_a_damaged_jpeg_is_what_pillow_makes_of_it(data, choices):
    data = bytearray(data)
    for _ in range(choices.draw(st.integers(1, 3))):
        data[choices.draw(st.integers(2, len(data) - 1))] = choices.draw(st.integers(0, 255))
    data = bytes(data[: choices.draw(st.integers(10, len(data)))])
    try:
        expected = by_pillow(data, (30, 40))
    except Exception:
        with pytest.raises(PhotoError):
            KerasLoading((30, 40)).photo(data)
    else:
        np.testing.assert_array_equal(KerasLoading((30, 40)).photo(data), expected)


def test_a_damaged_jpeg_writes_nothing_to_the_terminal(tmp_path, run_python):
    """libjpeg itself would name the damage on stderr."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)).save(file, "JPEG")
    data = bytearray(file.getvalue())
    data[-300:-250] = bytes(50)
    (tmp_path / "damaged.jpg").write_bytes(data)
    code = "import sys; from image_kit.photos import KerasLoading; print(KerasLoading((9, 9)).photo(sys.argv[1]).shape)"
    done = run_python("-c", code, tmp_path / "damaged.jpg")
    assert (done.returncode, done.stdout, done.stderr) == (0, "(9, 9, 3)\n", "")


def test_a_pipe_is_not_a_photo_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="not a file"):
        KerasLoading((8, 8)).photo(tmp_path / "pipe.jpg")

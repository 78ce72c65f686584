"""pipeline.photos.KerasLoading against Keras's load_img, and where it differs on purpose."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.photos import COLOR_MODES, INTERPOLATIONS, KerasLoading, PhotoError

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

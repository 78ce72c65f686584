"""generator.warp: the matrix, its flips, the blocks and the fill modes. Parity with Keras: test_image_generator."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.generator import warp as warping
from image_kit.generator.warp import affine_matrices, affine_matrix, are_direct, can_warp, warp

PARAMETERS = {"theta": 20.0, "tx": 3.0, "ty": -2.5, "shear": 10.0, "zx": 1.1, "zy": 0.8}


def noise(shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 256, shape).astype(dtype)


@pytest.mark.parametrize("parameters", [{}, {"theta": 0, "zx": 1}, {"flip_horizontal": 1, "flip_vertical": True}])
def test_nothing_to_interpolate_has_no_matrix(parameters):
    assert affine_matrix(parameters, 20, 30) is None


def test_identity():
    image = noise((20, 30, 3))
    np.testing.assert_array_equal(warp(image, affine_matrices({}, 20, 30)[0]), image)


@given(flips=st.tuples(st.booleans(), st.booleans()), height=st.integers(1, 70), width=st.integers(1, 70))
@settings(max_examples=30, deadline=None)
def test_flips_in_the_matrix_are_flips_of_the_result(flips, height, width):
    image = noise((height, width, 3), np.float32)
    plain = warp(image, affine_matrix(PARAMETERS, height, width))
    parameters = {**PARAMETERS, "flip_horizontal": flips[0], "flip_vertical": flips[1]}
    flipped = warp(image, affine_matrix(parameters, height, width))
    expected = plain[:: -1 if flips[1] else 1, :: -1 if flips[0] else 1]
    np.testing.assert_allclose(flipped, expected, atol=0.01)


def test_many_matrices_are_the_single_ones():
    rng = np.random.default_rng(1)
    columns = {name: value * rng.uniform(0.5, 1.5, 6) for name, value in PARAMETERS.items() if name != "shear"}
    columns |= {"shear": 5.0, "flip_horizontal": rng.random(6) < 0.5, "flip_vertical": 0}
    rows = [{name: value if np.ndim(value) == 0 else value[i] for name, value in columns.items()} for i in range(6)]
    expected = [affine_matrix(row, 20, 31) for row in rows]
    np.testing.assert_allclose(affine_matrices(columns, 20, 31), expected, atol=1e-12)


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", "constant"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_blocks_are_the_whole(monkeypatch, channels, dtype, fill_mode):
    image = noise((70, 50, channels), dtype)
    matrix = affine_matrix({**PARAMETERS, "theta": 130.0}, 70, 50)
    whole = warp(image, matrix, fill_mode, 9.0)
    monkeypatch.setattr(warping, "DIRECT_REACH", dict.fromkeys(warping.WARP_DTYPES, 0))
    monkeypatch.setattr(warping, "_BLOCK_REACH", 16)
    blocks = warp(image, matrix, fill_mode, 9.0)
    # A uint8 at n + 0.5, up to float32's last bits, may round either way.
    assert np.abs(whole.astype(float) - blocks).max() <= (1 if dtype == np.uint8 else 0.01)
    assert (whole != blocks).mean() < 0.01 or dtype == np.float32


def test_a_shift_of_many_sides_stays_inside_the_fill(monkeypatch):
    image = noise((20, 30, 3))
    for fill_mode in warping.BORDERS:
        shifted = warp(image, affine_matrix({"tx": 5000}, 20, 30), fill_mode)
        expected = {"nearest": image[:, -1:], "constant": np.zeros_like(image)}.get(fill_mode)
        if (
            fill_mode == "reflect"
        ):  # a period of 60 columns: column c reads (5000 + c) mod 60 = 20 + c, mirrored at 29.5
            expected = image[:, [min((20 + c) % 60, 59 - (20 + c) % 60) for c in range(30)]]
        np.testing.assert_array_equal(shifted, np.broadcast_to(expected, image.shape))


def test_constant_fills_beyond_the_outermost_pixels():
    image = np.full((5, 6, 1), 100, np.uint8)
    shifted = warp(image, affine_matrix({"tx": 1.5}, 5, 6), "constant", 300.0)
    # Columns 4 and 5 read 5.5 and 6.5; the last pixel is at 5. uint8 cannot hold 300.
    np.testing.assert_array_equal(shifted[0, :, 0], [100, 100, 100, 100, 255, 255])


def test_half_a_turn_fills_nothing():
    image = noise((20, 20, 3))
    turned = warp(image, affine_matrix({"theta": 180}, 20, 20), "constant", 7.0)
    np.testing.assert_array_equal(turned, image[::-1, ::-1])


def test_warp_writes_to_out_and_reads_any_layout():
    image = noise((80, 90, 3))
    matrix, out = affine_matrix(PARAMETERS, 80, 90), np.zeros((80, 90, 3), np.uint8)
    assert warp(image[:, ::-1], matrix, out=out) is out
    np.testing.assert_array_equal(out, warp(image[:, ::-1].copy(), matrix))


def test_three_channels_through_four_are_bit_for_bit_the_same(monkeypatch):
    for dtype in warping.WARP_DTYPES:
        image, matrix = noise((100, 110, 3), dtype), affine_matrix(PARAMETERS, 100, 110)
        through_four = warp(image, matrix)
        with monkeypatch.context() as patch:
            patch.setattr(warping, "_RGBA_FROM_PIXELS", np.inf)
            np.testing.assert_array_equal(warp(image, matrix), through_four)


@pytest.mark.parametrize(
    ("shape", "dtype", "fill_mode", "expected"),
    [
        ((9, 9, 3), np.uint8, "nearest", True),
        ((9, 9, 1), np.float32, "reflect", True),
        ((9, 9, 4), np.float32, "constant", True),
        ((9, 9, 3), np.uint8, "wrap", False),
        ((9, 9, 2), np.uint8, "nearest", False),
        ((9, 9), np.uint8, "nearest", False),
        ((9, 9, 3), np.float64, "nearest", False),
        ((1, 32_768, 1), np.uint8, "nearest", False),
    ],
)
def test_can_warp(shape, dtype, fill_mode, expected):
    assert can_warp(np.empty(shape, dtype), fill_mode) is expected


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_which_warps_are_direct_is_known_for_many_at_once(dtype):
    rng = np.random.default_rng(2)
    for side in (20, 250, 300, 380):
        columns = {name: value * rng.uniform(-2, 2, 40) for name, value in PARAMETERS.items()}
        matrices = affine_matrices(columns, side, side)
        limit = warping.DIRECT_REACH[np.dtype(dtype)]
        one_by_one = [warping._reach(matrix, side, side) <= limit for matrix in matrices]
        assert are_direct(matrices, side, side, limit) == one_by_one

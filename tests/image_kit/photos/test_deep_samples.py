"""The same picture in samples of any depth and kind gives the same image of 8 bits."""

import io
import os
import struct
import tracemalloc

import cv2
import numpy as np
import pytest
from PIL import Image

from image_kit.photos import (
    KerasLoading,
    PhotoError,
    Preprocessing,
    convert_image,
    note_nearly_black,
    open_photo,
    read_header,
)
from image_kit.photos.opening import is_image
from tests.fixtures.deep_files import EXTRA_SAMPLES, MAX_SAMPLE, PHOTOMETRIC, SMAX_SAMPLE, SMIN_SAMPLE, pgm, png, tiff

HEIGHT, WIDTH = 16, 24
GREY = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).round().astype(np.uint8)
COLOUR = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
ALPHA = np.linspace(0, 255, WIDTH).round().astype(np.uint8) + np.zeros((HEIGHT, 1), np.uint8)
BITS = (10, 12, 14)


def scaled(image, largest, dtype=np.uint16):
    """The 8-bit image with samples of 0 to `largest`."""
    samples = image / 255 * largest
    return (samples if np.dtype(dtype).kind == "f" else np.rint(samples)).astype(dtype)


def on_white(image):
    part = ALPHA[..., None] / 255
    return image * part + 255 * (1 - part)


def as_rgb(image):
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def check(data, image, sample_bits=16):
    """Within one level of 255: the samples round once, and 8 bits round again."""
    seen = Preprocessing((HEIGHT, WIDTH, 3), sample_bits=sample_bits).photo(data)
    assert np.abs(seen - as_rgb(image).astype(float)).max() <= 1


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("bits", BITS)
def test_a_file_that_states_its_bits_is_taken_by_its_word(bits, image):
    low, largest = scaled(image, 2**bits - 1), 2**bits - 1
    channels = 1 if image.ndim == 2 else 3
    check(png(low, bits), image)
    check(png(low << (16 - bits), bits), image * (1 - 2.0**-bits))  # scaled up with zeros behind
    check(png(scaled(image, 65_535), bits), image)
    check(tiff(low, {SMAX_SAMPLE: ("H", [largest] * channels)}), image)
    check(tiff(low, {MAX_SAMPLE: ("H", [largest] * channels)}, ">"), image)
    check(pgm(low, largest), image)


@pytest.mark.parametrize("bits", BITS)
def test_the_option_decides_where_the_file_does_not_say(bits):
    largest = 2**bits - 1
    for image in (GREY, COLOUR):
        low = scaled(image, largest)
        for data in (png(low), tiff(low), tiff(low, order=">"), tiff(low.astype(np.float32))):
            check(data, image, bits)
        check(png(scaled(image, 65_535)), image, bits)  # samples that exceed the option's
    check(tiff(largest - scaled(GREY, largest), {PHOTOMETRIC: ("H", 0)}), GREY, bits)
    check(png(np.dstack([scaled(COLOUR, largest), scaled(ALPHA, largest)])), on_white(COLOUR), bits)


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [("u2", 65_535), ("u4", 2**32 - 1), ("i2", 32_767), ("i4", 2**31 - 1)]
    + [(kind, largest) for kind in ("f2", "f4", "f8") for largest in (1, 255)]
    + [("f4", 65_535), ("f8", 65_535)],
)
@pytest.mark.parametrize("order", "<>")
def test_every_kind_of_number_has_its_white(dtype, largest, order):
    check(tiff(scaled(GREY, largest, dtype), order=order), GREY)
    check(tiff(scaled(COLOUR, largest, dtype), order=order), COLOUR)
    check(tiff(scaled(COLOUR, largest, dtype), order=order, planar=True), COLOUR)
    if largest != 255:  # whose least white is not told from that of larger samples
        check(tiff(largest - scaled(GREY, largest, dtype), {PHOTOMETRIC: ("H", 0)}, order), GREY)
    with_alpha = np.dstack([scaled(COLOUR, largest, dtype), scaled(ALPHA, largest, dtype)])
    check(tiff(with_alpha, order=order), on_white(COLOUR))
    check(tiff(np.dstack([scaled(GREY, largest, dtype), with_alpha[..., 3]]), order=order), on_white(as_rgb(GREY)))


def test_a_large_tiff_is_read_like_any_other():
    """BigTIFF, which microscopes and maps use also for small images."""
    check(tiff(65_535 - scaled(GREY, 65_535), {PHOTOMETRIC: ("H", 0)}, big=True), GREY)
    check(tiff(scaled(GREY, 32_767, "i2"), big=True), GREY)
    check(tiff(scaled(COLOUR, 4_095), {SMAX_SAMPLE: ("H", [4_095] * 3)}, big=True), COLOUR)
    check(tiff(scaled(COLOUR, 1, "f4"), big=True), COLOUR)
    for big_endian in (tiff(scaled(COLOUR, 65_535), order=">", big=True), tiff(COLOUR, order=">", big=True)):
        with pytest.raises(PhotoError, match="a TIFF of a kind that cannot be read, or damaged; save it as PNG"):
            open_photo(big_endian)


@pytest.mark.parametrize(("dtype", "largest"), [("u2", 65_535), ("f4", 1)])
@pytest.mark.parametrize("planar", [False, True])
def test_a_channel_that_is_no_alpha_hides_nothing(dtype, largest, planar):
    """Such as infrared, which maps have as the fourth; it is 0 where nothing grows."""

    def with_more(image, *kinds):
        channels = [*np.moveaxis(np.atleast_3d(image), 2, 0), *(ALPHA if kind == 2 else 0 * GREY for kind in kinds)]
        samples = scaled(np.dstack(channels), largest, dtype)
        tags = {EXTRA_SAMPLES: ("H", list(kinds)), PHOTOMETRIC: ("H", 2 if image.ndim == 3 else 1)}
        return tiff(samples, tags, planar=planar)

    check(with_more(COLOUR, 0), COLOUR)
    check(with_more(GREY, 0), GREY)
    check(with_more(COLOUR, 0, 0), COLOUR)
    check(with_more(COLOUR, 0, 2), on_white(COLOUR))
    check(with_more(GREY, 0, 2), on_white(as_rgb(GREY)))
    check(with_more(GREY, 2, 0), on_white(as_rgb(GREY)))
    check(with_more(GREY, 2, 0, 0), on_white(as_rgb(GREY)))


@pytest.mark.parametrize(("dtype", "largest"), [("u1", 255), ("u2", 65_535), ("f4", 1)])
@pytest.mark.parametrize(("image", "photometric"), [(COLOUR, 2), (GREY, 1)], ids=["colour", "grey"])
def test_colours_that_alpha_has_multiplied(image, photometric, dtype, largest):
    multiplied = np.atleast_3d(image) * (ALPHA[..., None] / 255)
    samples = scaled(np.dstack([multiplied, ALPHA]), largest, dtype)
    tags = {EXTRA_SAMPLES: ("H", 1), PHOTOMETRIC: ("H", photometric)}
    seen = Preprocessing((HEIGHT, WIDTH, 3)).photo(tiff(samples, tags))
    assert np.abs(seen - on_white(as_rgb(image))).max() <= 2
    if dtype != "u1":  # and a channel behind it that is none of these
        more = tiff(np.dstack([samples, 0 * samples[..., :1]]), {**tags, EXTRA_SAMPLES: ("H", [1, 0])})
        assert np.array_equal(Preprocessing((HEIGHT, WIDTH, 3)).photo(more), seen)


@pytest.mark.parametrize("changes", [{259: ("H", 5)}, {PHOTOMETRIC: ("H", 5)}], ids=["compressed", "printing inks"])
def test_channels_on_their_own_that_cannot_be_read_are_named_everywhere(tmp_path, changes):
    data = tiff(scaled(np.dstack([COLOUR, GREY]), 65_535), {**changes, EXTRA_SAMPLES: ("H", [])}, planar=True)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(PhotoError, match=r"^channels of more than 8 bits, each stored on its own, in a way that"):
        open_photo(data)
    assert is_image(data)
    assert note_nearly_black([tmp_path / "a.tif"], 16) == []


def test_a_single_channel_on_its_own_is_read_compressed_too():
    file = io.BytesIO()
    grey = scaled(GREY, 65_535)
    Image.fromarray(grey).save(file, "TIFF", compression="tiff_lzw", tiffinfo={284: 2})
    with Image.open(io.BytesIO(file.getvalue())) as written:
        assert written.tag_v2[284] == 2
    check(file.getvalue(), GREY)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_of_8_bits_where_16_are_wanted(bits):
    places = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)
    palette = np.random.default_rng(0).integers(0, 256, (256, 3))
    stored = (palette * (257 if bits == 16 else 1)).T.ravel().tolist()
    assert np.array_equal(open_photo(tiff(places, {PHOTOMETRIC: ("H", 3), 320: ("H", stored)})), palette[places])


def test_a_range_below_zero_is_moved():
    """As computed tomography saves it: Hounsfield units from -1,024."""
    hounsfield = np.rint(GREY / 255 * 4_095 - 1_024).astype(np.int16)
    check(tiff(hounsfield, {SMIN_SAMPLE: ("h", -1_024), SMAX_SAMPLE: ("h", 3_071)}), GREY)


@pytest.mark.parametrize("compression", [1, 5, 8])
def test_compressed_files_of_others(compression):
    for samples in (scaled(COLOUR, 65_535)[..., ::-1], scaled(COLOUR, 1, np.float32)[..., ::-1], scaled(GREY, 1, "f8")):
        options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
        done, data = cv2.imencode(".tif", np.ascontiguousarray(samples), options)
        assert done
        check(data.tobytes(), GREY if samples.ndim == 2 else COLOUR)


def test_a_deep_photo_is_turned_upright():
    for data in (
        tiff(scaled(COLOUR, 65_535), {274: ("H", 6)}),
        png(scaled(COLOUR, 65_535), eXIf=b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
    ):
        assert np.array_equal(np.asarray(open_photo(data)), np.rot90(COLOUR, -1))


def test_nan_is_black_and_infinity_white():
    image = tiff(np.array([[np.nan, 0.5], [np.inf, -np.inf]], np.float32))
    assert np.asarray(open_photo(image))[..., 0].tolist() == [[0, 128], [255, 0]]


@pytest.mark.parametrize("end", [10, 200, 2_304, -60])
def test_a_truncated_file_is_named(end):
    with pytest.raises(PhotoError):
        open_photo(tiff(scaled(COLOUR, 65_535))[:end])


def test_a_large_claim_takes_no_memory():
    claimed = bytearray(tiff(np.zeros((1, 1), np.uint16)))
    place = claimed.index(struct.pack("<HHI", 256, 4, 1))
    claimed[place + 8 : place + 12] = struct.pack("<I", 2**31)
    with pytest.raises(PhotoError, match="pixels are more than"):
        open_photo(bytes(claimed))


def test_photos_that_are_nearly_black_are_noted_with_the_option(tmp_path):
    def write(name, data):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    dark = [write(f"{number}.png", png(scaled(GREY // (40 - number), 4_095))) for number in range(39)]
    (note,) = note_nearly_black(dark, 16)
    assert note.startswith(f"photos of 16 bits, such as {dark[0]}, use samples up to ")
    assert note.endswith("if their camera has 12 bits, give --sample-bits 12")
    assert note_nearly_black(dark, 12) == []
    assert note_nearly_black([write("stated.png", png(scaled(GREY, 4_095), 12))], 16) == []
    assert note_nearly_black([write("full.png", png(scaled(GREY, 65_535))), *dark], 16) == []
    assert note_nearly_black([write("broken.png", b"")], 16) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (tiff(scaled(GREY, 4_095, "f4")), ["up to 4,095 of 65,535, so they are nearly black", "--sample-bits 12"]),
        (tiff(scaled(GREY, 4_095, "u4")), ["up to 4,095 of 65,535, so they are nearly black", "--sample-bits 12"]),
        (pgm(scaled(GREY, 1_023), 65_535), ["up to 1,023 of 65,535, so they are nearly black", "--sample-bits 10"]),
        (tiff(scaled(GREY, 255)), ["up to 255 of 65,535, so they are nearly black", "; save them with the range"]),
        (tiff(scaled(GREY, 4_095), {PHOTOMETRIC: ("H", 0)}), ["so they are nearly white", "--sample-bits 12"]),
        # Hounsfield units, as numbers with a sign and as ImageJ keeps them; a mean of 0.
        (
            tiff((scaled(GREY, 4_095, "f4") - 1_024).astype("i2")),
            ["from -1,024 to 3,071, and all below 0 is black; save"],
        ),
        (tiff(scaled(GREY, 4_095, "f4") - 1_024), ["from -1,024 to 3,071, and all below 0 is black; save them"]),
        (tiff(scaled(GREY, 4_095) + np.uint16(31_744)), ["from 31,744 to 35,839 alone, so they are nearly one grey"]),
        (tiff(scaled(GREY, 2, "f4") - 1), ["from -1 to 1, and all below 0 is black; save them with the range"]),
        (tiff(scaled(GREY, 0.3, "f4")), []),
        (tiff(scaled(GREY, 65_535)), []),
        (tiff(GREY), []),
    ],
)
def test_what_samples_mean_is_asked_for_whatever_their_kind(tmp_path, data, said):
    path = tmp_path / ("a.pgm" if data.startswith(b"P5") else "a.tif")
    path.write_bytes(data)
    notes = note_nearly_black([path], 16)
    assert len(notes) == bool(said)
    assert all(each in notes[0] for each in said)


def test_samples_of_8_bits_with_a_sign_are_not_taken_for_others():
    data = tiff((GREY.astype(int) - 128).astype("i1"))
    with pytest.raises(PhotoError, match=r"^samples with a sign of 8 bits, which cannot be read; save it as PNG$"):
        open_photo(data)
    assert is_image(data)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_what_would_never_end_is_not_opened_for_the_note(tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "dark.png").write_bytes(png(scaled(GREY, 4_095)))
    (note,) = note_nearly_black(sorted(tmp_path.iterdir()), 16)  # would wait for a writer
    assert "dark.png" in note


def test_eight_bits_stay_what_pillow_makes_of_them():
    for kind in ("PNG", "TIFF"):
        file = io.BytesIO()
        Image.fromarray(COLOUR).save(file, kind)
        assert np.array_equal(np.asarray(open_photo(file.getvalue())), COLOUR)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits"])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_a_compressed_photo_is_turned_once(compression, dtype):
    """OpenCV turns a TIFF upright by itself, and nobody may do it again."""
    for orientation, stored in ((2, GREY[:, ::-1]), (6, np.rot90(GREY)), (8, np.rot90(GREY, -1))):
        image = Image.fromarray(scaled(np.ascontiguousarray(stored), 65_535 if dtype == "u2" else 1, dtype))
        file = io.BytesIO()
        image.save(file, "TIFF", compression=compression, tiffinfo={274: orientation})
        check(file.getvalue(), GREY)


def test_a_dark_png_is_not_made_bright_by_the_bits_it_states():
    """By the standard its samples are scaled up from 12 bits; dark ones are below 4,096 all the same."""
    low = GREY.astype(int)  # 0 to 255 of 4,095
    dark = low * 255 / 4_095
    for data in (low << 4, low << 4 | low >> 8, np.rint(low * 65_535 / 4_095)):
        check(png(data.astype(np.uint16), 12), dark)
    check(png(low.astype(np.uint16), 12), dark)


def test_floats_a_little_beyond_white_are_no_other_scale():
    """A sharp filter leaves such edges; 1.1 of 255 would be black."""
    for largest in (1.0, 255.0):
        samples = scaled(GREY, largest, np.float32)
        samples[-1, -1] = 1.1 * largest
        seen = Preprocessing((HEIGHT, WIDTH, 3)).photo(tiff(samples))[..., 0].astype(float)
        assert np.abs(seen - GREY / 1.0).max() <= 1


@pytest.mark.parametrize("stated", [{SMAX_SAMPLE: ("H", 5), SMIN_SAMPLE: ("H", 5)}, {SMIN_SAMPLE: ("d", -np.inf)}])
def test_a_range_that_is_none_is_not_believed(stated):
    check(tiff(scaled(GREY, 65_535), {SMAX_SAMPLE: ("d", 65_535.0), **stated}), GREY)


def test_strips_that_claim_the_file_again_and_again_take_no_memory():
    """200,000 times 768 bytes would be 150 MB, and a file of 2 MB could claim 12 GB."""
    samples = scaled(GREY, 65_535)
    claims = {273: ("I", [8] * 200_000), 279: ("I", [samples.nbytes] * 200_000)}
    data = tiff(samples, claims)
    tracemalloc.start()
    try:
        check(data, GREY)
        assert tracemalloc.get_traced_memory()[1] < 60e6  # the two lists themselves, as Python's numbers
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("tags", [{256: ("I", 0)}, {277: ("H", 0)}])
def test_a_file_without_pixels_is_named(tags):
    with pytest.raises(PhotoError, match="damaged: it has no pixels"):
        open_photo(tiff(scaled(GREY, 65_535), tags))


@pytest.mark.parametrize("dtype", ["f8", "f4", "u4"])
def test_what_pillow_does_not_read_is_read_alike_everywhere(dtype):
    data = tiff(scaled(COLOUR, 1 if dtype[0] == "f" else 2**32 - 1, dtype), {274: ("H", 6)})
    header = read_header(data)
    assert (header.format, header.width, header.height) == ("TIFF", HEIGHT, WIDTH)
    assert header.bits == 8 * int(dtype[1])
    assert np.array_equal(KerasLoading((WIDTH, HEIGHT)).photo(data), np.asarray(open_photo(data)))
    assert is_image(data)  # as a pipe asks


def test_an_image_of_pillow_has_the_bits_of_the_option():
    low = scaled(GREY, 4_095)
    of_file = open_photo(png(low), sample_bits=12)
    assert np.array_equal(np.asarray(convert_image(Image.fromarray(low), 12)), np.asarray(of_file))


def test_a_dark_pgm_keeps_its_scale():
    check(pgm(np.full((HEIGHT, WIDTH), 200, np.uint16), 65_535), np.full((HEIGHT, WIDTH), 1))

"""Channels that a file does not name, alpha that means nothing, and pages: read as what they are, or told."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from image_kit.photos import PhotoError, convert_image, note_nearly_black, note_samples, open_photo
from image_kit.photos.deep_notes import note_pages
from image_kit.photos.opening import is_image
from image_kit.photos.unset_alpha import may_have_unset_alpha
from tests.fixtures.deep_files import EXTRA_SAMPLES, PHOTOMETRIC, png, tiff

COLOUR = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
GREY, RGB = ("H", 1), ("H", 2)
MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # of red, green, blue and alpha in a BMP


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_alpha(colour, alpha):
    return np.dstack([colour, np.full(colour.shape[:2], alpha, colour.dtype)])


def bmp(samples):
    """A BMP of 32 bits and version 4 of its header, as Windows's clipboard has it."""
    height, width = samples.shape[:2]
    pixels = samples[::-1, :, [2, 1, 0, 3]].tobytes()
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<4I", *MASKS) + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header)) + header + pixels


def tga(samples):
    height, width = samples.shape[:2]
    return struct.pack("<BBB5xHHHHBB", 0, 0, 2, 0, 0, width, height, 32, 0) + samples[::-1, :, [2, 1, 0, 3]].tobytes()


def deep_png(samples):
    return png(samples.astype(np.uint16) * 257)


def test_three_channels_without_names_are_red_green_and_blue():
    """As GDAL writes colours of 16 bits, and alpha behind them."""
    deep = COLOUR.astype(np.uint16) * 257
    for samples, extra in ((deep, [0, 0]), (with_alpha(deep, 65_535), [0, 0, 2])):
        assert np.array_equal(open_photo(tiff(samples, {PHOTOMETRIC: GREY, EXTRA_SAMPLES: ("H", extra)})), COLOUR)


@pytest.mark.parametrize(("dtype", "channels"), [("u1", 3), ("u1", 5), ("u2", 4), ("u2", 13), ("f4", 4)])
@pytest.mark.parametrize("planar", [False, True])
def test_which_of_many_channels_are_colours_is_asked_for(dtype, channels, planar):
    samples = np.zeros((4, 5, channels), dtype)
    refuse_channels(
        tiff(samples, {PHOTOMETRIC: GREY, EXTRA_SAMPLES: ("H", [0] * (channels - 1))}, planar=planar), channels
    )


def test_three_compressed_channels_are_not_made_one_grey():
    deep = COLOUR.astype(np.uint16) * 257
    refuse_channels(tiff(deep, {PHOTOMETRIC: GREY, EXTRA_SAMPLES: ("H", [0, 0]), 259: ("H", 5)}), 3)
    refuse_channels(tiff(deep, {PHOTOMETRIC: GREY, EXTRA_SAMPLES: ("H", []), 259: ("H", 8)}), 3)


def refuse_channels(data, channels):
    said = f"^{channels} channels, and nothing says which are red, green and blue; save those three as PNG$"
    with pytest.raises(PhotoError, match=said):
        open_photo(data)
    assert is_image(data)


@pytest.mark.parametrize("encode", [bmp, lambda samples: bmp(samples)[14:], tga], ids=["bmp", "dib", "tga"])
def test_alpha_of_0_everywhere_in_files_that_often_mean_none_hides_nothing(encode):
    for data in map(encode, (with_alpha(COLOUR, 0), with_alpha(COLOUR, 255))):
        assert np.array_equal(open_photo(data), COLOUR)
        assert np.array_equal(convert_image(Image.open(io.BytesIO(data))), COLOUR)
    assert np.array_equal(open_photo(encode(with_alpha(COLOUR, 255))), COLOUR)
    half = with_alpha(COLOUR, 0)
    half[0, 0, 3] = 255
    expected = np.full_like(COLOUR, 255)
    expected[0, 0] = COLOUR[0, 0]
    assert np.array_equal(open_photo(encode(half)), expected)
    assert np.asarray(open_photo(encode(np.zeros_like(half)))).min() == 255  # an empty tile of a map


def test_a_photo_that_is_transparent_everywhere_is_white():
    """As pages and readers of exports show it."""
    samples = with_alpha(COLOUR, 0)
    image = Image.fromarray(samples)
    files = [deep_png(samples), encoded(image, "PNG"), encoded(image, "TIFF"), encoded(image, "WEBP", exact=True)]
    for photo in (*map(open_photo, files), convert_image(image)):
        assert np.asarray(photo).min() == 255


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_16_bits_becomes_white(channels):
    """As of 8 bits; maps have it where there are no data."""
    samples = np.squeeze(COLOUR[..., :channels].astype(np.uint16) * 257)
    colour = samples[2, 3]
    data = png(samples, tRNS=colour.astype(">u2").tobytes())
    expected = COLOUR[..., :channels] + np.zeros_like(COLOUR)
    expected[(samples == colour).reshape(12, 16, channels).all(axis=2)] = 255
    assert np.array_equal(open_photo(data), expected)
    assert np.array_equal(open_photo(png(samples, tRNS=b"")), COLOUR[..., :channels] + np.zeros_like(COLOUR))


@pytest.mark.parametrize(("bits", "kind"), [(16, 3), (16, 2), (32, 2)])
def test_features_of_such_a_file_have_another_name_than_older_versions_gave_them(bits, kind):
    """Those saw white."""
    data = struct.pack("<BBB5xHHHHBB", 0, 0, kind, 0, 0, 16, 12, bits, 0) + COLOUR.tobytes() + bytes(999)
    assert may_have_unset_alpha(data)
    for encode in (bmp, lambda samples: bmp(samples)[14:], tga):
        assert may_have_unset_alpha(encode(with_alpha(COLOUR, 0)))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "DIB", "GIF", "TIFF", "PPM", "TGA", "WEBP", "JPEG", "AVIF", "JPEG2000"])
def test_features_of_other_files_keep_their_name(kind):
    assert not may_have_unset_alpha(encoded(Image.fromarray(COLOUR), kind))
    assert not may_have_unset_alpha(encoded(Image.fromarray(COLOUR[..., 0]), kind))


@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_of_16_bits_does_not_make_colours_of_12_black(channels, tmp_path):
    colour = COLOUR[..., :channels]
    low = with_alpha(np.rint(colour / 255 * 4_095).astype(np.uint16), 65_535)
    expected = colour + np.zeros_like(COLOUR)
    kinds = {"stated.png": png(low, 12), "a.png": png(low)}
    if channels == 3:
        kinds["a.tif"] = tiff(low, {PHOTOMETRIC: RGB, EXTRA_SAMPLES: ("H", 2)})
    for name, data in kinds.items():
        assert np.array_equal(open_photo(data, sample_bits=16 if name == "stated.png" else 12), expected)
        (tmp_path / name).write_bytes(data)
        notes = note_nearly_black([tmp_path / name], 16)
        assert [note[-20:] for note in notes] == ([] if name == "stated.png" else ["give --sample-bits 12"[-20:]])
    (note,) = note_nearly_black([tmp_path / "a.png"], 16, has_option=False)
    assert note.endswith("; save them with the range that counts as 0 to 255, in 8 bits")


def test_pages_of_one_size_are_told(tmp_path):
    first, *more = (Image.fromarray(COLOUR[..., channel]) for channel in range(3))
    first.save(tmp_path / "channels.tif", save_all=True, append_images=more)
    first.save(tmp_path / "pyramid.tif", save_all=True, append_images=[first.resize((8, 6))])
    first.save(tmp_path / "one.tif")
    (tmp_path / "broken.tif").write_bytes(b"II*\0")
    assert note_pages([tmp_path / f"{name}.tif" for name in ("pyramid", "one", "broken", "missing")]) == []
    (note,) = note_pages(sorted(tmp_path.iterdir()))
    assert note == (
        f"photos such as {tmp_path / 'channels.tif'} have several pages, of which the first alone is read; "
        "if these are the channels of one photo, save it as RGB"
    )
    assert note_samples(sorted(tmp_path.iterdir()), 16) == [note]


def test_pages_are_not_counted(tmp_path, monkeypatch):
    """20,000 of them would take seconds."""
    page = Image.fromarray(COLOUR[..., 0])
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page] * 50)
    read = []
    read_more, of_tiff = TiffImagePlugin.ImageFileDirectory_v2.load, TiffImagePlugin.ImageFileDirectory_v2
    monkeypatch.setattr(of_tiff, "load", lambda self, file: read.append(0) or read_more(self, file))
    assert len(note_pages([tmp_path / "a.tif"])) == 1
    assert len(read) < 5


@pytest.mark.parametrize("suffix", [".jp2", ".jpx", ".jpf", ".j2k"])
def test_nearly_black_photos_in_jpeg_2000_are_told_whatever_their_name(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(COLOUR[..., 0].astype(np.uint16) * 4).save(path, "JPEG2000")
    assert open_photo(path).getextrema()[0][1] < 5
    (note,) = note_samples([path], 16)
    assert "so they are nearly black" in note


def test_nearly_black_photos_named_apng_are_told(tmp_path):
    (tmp_path / "a.apng").write_bytes(png(COLOUR.astype(np.uint16) * 4))
    assert len(note_samples([tmp_path / "a.apng"], 16)) == 1


def test_a_damaged_profile_of_a_deep_photo_prints_nothing(tmp_path, run_python):
    import zlib

    profile = b"x\0\0" + zlib.compress(b"no profile")
    data = deep_png(COLOUR)
    chunk = struct.pack(">I", len(profile)) + b"iCCP" + profile + struct.pack(">I", zlib.crc32(b"iCCP" + profile))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    code = "import sys; from image_kit.photos import open_photo; print(open_photo(sys.argv[1]).getpixel((0, 0)))"
    process = run_python("-c", code, str(tmp_path / "a.png"))
    assert (process.stdout, process.stderr) == (f"{tuple(map(int, COLOUR[0, 0]))}\n", "")

"""One photo file to one array: every format, mode and damage that a folder of photos may contain."""

import contextlib
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from PIL import Image

from image_kit.photos import opening
from image_kit.photos.opening import open_photo
from image_kit.photos.photo_files import PhotoError
from image_kit.photos.preprocessing import Preprocessing

# Warnings are errors: Pillow's must be silenced while a photo is decoded.
pytestmark = pytest.mark.filterwarnings("error")

# Four colours that tell every rotation and reflection apart; even JPEG keeps them near.
RED, GREEN, BLUE, YELLOW = (230, 20, 20), (20, 200, 20), (20, 20, 230), (230, 230, 20)
# What Pillow's transpose makes of an upright image so that EXIF's orientation N turns it back.
STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def quarters(width: int = 48, height: int = 32) -> Image.Image:
    """Red and green above blue and yellow."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, YELLOW
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def is_quarters(image: Image.Image, tolerance: int = 12) -> bool:
    width, height = image.size
    centres = [(x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3)]
    found = np.array([image.getpixel(centre) for centre in centres], int)
    return image.mode == "RGB" and np.abs(found - [RED, GREEN, BLUE, YELLOW]).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_exif_orientation_comes_out_upright(orientation, kind):
    stored = quarters()
    if orientation in STORED_AS:
        stored = stored.transpose(STORED_AS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    image = open_photo(encoded(stored, kind, exif=exif, **options))
    assert image.size == (48, 32)
    assert is_quarters(image, 30)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_that_does_not_exist_changes_nothing(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert is_quarters(open_photo(encoded(quarters(), "PNG", exif=exif)))


def test_damaged_exif_leaves_the_pixels_good():
    data = encoded(quarters(), "JPEG", quality=95, exif=b"Exif\0\0II*\0" + b"\xff" * 40)
    assert is_quarters(open_photo(data), 30)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "PPM", "TGA", "WEBP", "JPEG", "AVIF"])
def test_rgb_of_every_kind(kind, tmp_path):
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}, "AVIF": {"quality": 95}}
    path = tmp_path / "photo"
    path.write_bytes(encoded(quarters(), kind, **lossless.get(kind, {})))
    tolerance = 30 if kind in ("JPEG", "AVIF") else 0
    assert is_quarters(open_photo(path), tolerance)
    assert is_quarters(open_photo(str(path)), tolerance)
    assert is_quarters(open_photo(path.read_bytes()), tolerance)


def test_a_palette():
    assert is_quarters(open_photo(encoded(quarters().convert("P", palette=Image.Palette.ADAPTIVE), "PNG")), 0)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (BLUE, RED, GREEN)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert open_photo(data).getpixel((4, 4)) == BLUE


def test_an_icc_profile_and_a_comment_do_no_harm():
    assert is_quarters(open_photo(encoded(quarters(), "JPEG", quality=95, icc_profile=b"x" * 200, comment=b"y")), 30)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_file_cut_short_is_refused(kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    for kept in (0.1, 0.5, 0.9):
        with pytest.raises(PhotoError) as caught:
            open_photo(data[: int(len(data) * kept)])
        assert len(str(caught.value)) > 3
        assert "\n" not in str(caught.value)


def test_only_a_jpeg_is_asked_whether_it_can_be_decoded_smaller(monkeypatch):
    asked, is_lossless = [], opening.is_lossless
    monkeypatch.setattr(opening, "is_lossless", lambda data: asked.append(data[:2]) or is_lossless(data))
    for kind in ("PNG", "TIFF", "WEBP", "BMP", "JPEG"):
        open_photo(encoded(quarters(), kind), smallest=8)
    open_photo(encoded(quarters(), "JPEG"))
    assert asked == [b"\xff\xd8"]


@pytest.mark.parametrize("data", [b"", b"This is a text.\n" * 20, b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", bytes(99)])
def test_a_file_that_is_not_an_image_is_refused(data, tmp_path):
    (tmp_path / "a.jpg").write_bytes(data)
    for source in (data, tmp_path / "a.jpg"):
        with pytest.raises(PhotoError, match=r"^not an image"):
            open_photo(source)


def test_reasons_name_the_cause_not_the_file(tmp_path):
    with pytest.raises(PhotoError, match=r"^no such file$"):
        open_photo(tmp_path / "gone.jpg")
    with pytest.raises(PhotoError, match=r"^not a file$"):
        open_photo(tmp_path)


def test_a_name_that_the_system_refuses_is_not_readable(tmp_path):
    with pytest.raises(PhotoError, match=r"^File name too long$"):  # as a folder without permission, to pathlib
        open_photo(tmp_path / ("a" * 5000))


def header_of(width: int, height: int) -> bytes:
    """The start of a BMP that claims a size."""
    return struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def test_a_header_that_claims_too_many_pixels_is_refused_before_memory_is_taken():
    with pytest.raises(PhotoError, match=r"^60000 x 50000 pixels are more than 200,000,000$"):
        open_photo(header_of(60000, 50000))


def test_the_limit_itself_is_allowed(monkeypatch):
    monkeypatch.setattr(opening, "MAX_PIXELS", 48 * 32)
    assert is_quarters(open_photo(encoded(quarters(), "PNG")))
    monkeypatch.setattr(opening, "MAX_PIXELS", 48 * 32 - 1)
    with pytest.raises(PhotoError, match="48 x 32"):
        open_photo(encoded(quarters(), "PNG"))


def test_pillows_own_limit_gives_way_and_is_there_again_afterwards(monkeypatch):
    data = encoded(quarters(), "PNG")
    for limit in (48 * 32 // 2 - 1, 48 * 32 - 1, 48 * 32):  # Pillow refuses twice its limit, and warns above it
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert is_quarters(open_photo(data))
        assert opening.is_image(data)
        assert limit == Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(opening, "MAX_PIXELS", 100)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(PhotoError, match="48 x 32"):
        open_photo(data)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_threads_lift_pillows_limit_one_after_the_other(monkeypatch):
    data = encoded(quarters(), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with ThreadPoolExecutor(8) as pool:
        assert all(map(is_quarters, pool.map(open_photo, [data] * 200)))
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("size", [(640, 480), (641, 77), (77, 640), (300, 300), (50, 40), (1, 999)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_decoding_a_jpeg_smaller_keeps_shape_and_content(size, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    smooth = quarters(6, 4).resize(size, Image.Resampling.BICUBIC)
    data = encoded(smooth, "JPEG", quality=95, exif=exif)
    fast = Preprocessing((32, 40, 3)).photo(data)
    slow = Preprocessing((32, 40, 3)).resize(open_photo(data))
    assert fast.shape == (32, 40, 3)
    assert np.abs(fast.astype(int) - slow).mean() < 4


def test_decoding_smaller_is_used_and_never_below_what_is_asked():
    data = encoded(quarters(640, 480), "JPEG", quality=95)
    assert open_photo(data).size == (640, 480)
    assert open_photo(data, smallest=240).size == (320, 240)
    assert open_photo(data, smallest=241).size == (640, 480)
    assert is_quarters(open_photo(data, smallest=1), 30)


@pytest.mark.parametrize("shape", [(20, 30, 3), (30, 20, 1), (1, 1, 3), (32, 48, 3), (300, 300, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_resize_to_the_image_shape(shape, kind):
    array = Preprocessing(shape).photo(encoded(quarters(), kind))
    assert array.shape == shape
    assert array.dtype == np.uint8


def test_height_comes_first_and_colours_stay_in_place():
    array = Preprocessing((8, 16, 3)).photo(encoded(quarters(), "PNG"))
    assert is_quarters(Image.fromarray(array))


def test_a_photo_of_the_right_size_is_not_resampled():
    noise = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    assert (Preprocessing((20, 30, 3)).photo(encoded(Image.fromarray(noise), "PNG")) == noise).all()


def test_grayscale_is_the_luma_of_rgb():
    array = Preprocessing((32, 48, 1)).photo(encoded(quarters(), "PNG"))
    red, green, blue = RED
    assert array[0, 0, 0] == pytest.approx(0.299 * red + 0.587 * green + 0.114 * blue, abs=1)


def test_shrinking_averages_instead_of_skipping():
    stripes = np.tile(np.uint8([0, 255]), (64, 32))[..., None].repeat(3, axis=2)
    assert np.abs(Preprocessing((8, 8, 3)).photo(encoded(Image.fromarray(stripes), "PNG")).astype(int) - 127).max() < 9


@pytest.mark.parametrize("rescale", [1 / 255, 1.0, 0.5])
def test_a_batch_is_images_times_rescale_exactly(rescale):
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    batch = Preprocessing((16, 16, 1), rescale).batch(images)
    assert batch.dtype == np.float32
    assert batch.shape == images.shape
    assert (batch == images.astype(np.float32) * np.float32(rescale)).all()
    assert (images == np.arange(256).reshape(images.shape)).all()


def test_a_batch_of_none():
    assert Preprocessing((4, 4, 3)).batch(np.empty((0, 4, 4, 3), np.uint8)).shape == (0, 4, 4, 3)


SEEDS = {
    "JPEG": encoded(quarters(24, 16), "JPEG"),
    "PNG": encoded(quarters(24, 16).convert("P", palette=Image.Palette.ADAPTIVE), "PNG", transparency=0),
    "GIF": encoded(quarters(24, 16), "GIF", save_all=True, append_images=[Image.new("RGB", (24, 16))]),
    "TIFF": encoded(quarters(24, 16), "TIFF", compression="tiff_lzw"),
    "WEBP": encoded(quarters(24, 16), "WEBP"),
    "BMP": encoded(quarters(24, 16), "BMP"),
}


@pytest.mark.parametrize("kind", SEEDS)
@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=12))
@example(changes=[(4, 255)])
def test_mutated_files_give_a_photo_or_a_photo_error(kind, changes):
    data = bytearray(SEEDS[kind])
    for place, value in changes:
        data[place % len(data)] = value
    with contextlib.suppress(PhotoError):
        assert open_photo(bytes(data), smallest=8).mode == "RGB"


def test_no_warning_reaches_the_user(run_python, tmp_path):
    """In a process of its own, since libtiff writes to its stderr."""
    image = quarters().convert("P", palette=Image.Palette.ADAPTIVE)
    image.save(tmp_path / "palette.png", transparency=bytes(range(200)))
    (tmp_path / "exif.jpg").write_bytes(encoded(quarters(), "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 40))
    (tmp_path / "huge.bmp").write_bytes(header_of(60000, 50000))
    tiff = encoded(quarters(), "TIFF")  # a compressed one that is damaged: libtiff itself writes to stderr
    (tmp_path / "short.tiff").write_bytes(tiff[: len(tiff) - 30])
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(tmp_path / "nan.tiff")
    code = """
import sys, pathlib
from image_kit.photos.opening import open_photo
from image_kit.photos.photo_files import PhotoError
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        open_photo(path)
    except PhotoError:
        pass
print("done")
"""
    done = run_python("-c", code, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt", b"tEXt"])
def test_a_png_with_much_metadata_is_read(tmp_path, kind):
    """As ImageNet has one; Pillow refuses more than 1 MB of text or profile."""
    file = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(file, "PNG")
    png, noise = file.getvalue(), np.random.default_rng(0).integers(1, 5, 2_000_000, np.uint8).tobytes()
    body = {b"iTXt": b"key\0\1\0\0\0", b"tEXt": b"key\0"}.get(kind, b"profile\0\0")
    body += noise if kind == b"tEXt" else zlib.compress(noise)
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    data = png[:33] + chunk + png[33:]  # behind the header
    (tmp_path / "0.png").write_bytes(data)
    for source in (data, tmp_path / "0.png"):
        assert np.asarray(open_photo(source)).tolist() == [[[255, 0, 0]] * 20] * 10
    with pytest.raises(PhotoError):
        open_photo(data[:-40])

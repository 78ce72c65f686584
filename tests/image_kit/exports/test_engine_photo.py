"""The browser reads pictures to the pixels that predict.py reads, and refuses what it refuses."""

import io

import numpy as np
import PIL
import pytest
from PIL import Image, ImageCms

from image_kit.exports.kernels import KERNELS, TEMPLATES
from image_kit.exports.page_data import HEIGHT_FIRST
from image_kit.photos import Preprocessing
from tests.fixtures.engine import encoded

READ = """
const kernels = await WebAssembly.compile(bytesOf(given.kernels)), read = [];
for (const [file, preprocessing] of given.files) {
  try {
    read.push([...await readPhoto(new Blob([bytesOf(file)]), preprocessing, kernels)]);
  } catch (error) {
    read.push(error.code || String(error.stack));
  }
}
return read;"""
SHAPE = (40, 30, 3)
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (90, 64, 4), np.uint8)
PLAIN, CLEAR = Image.fromarray(NOISE[..., :3]), Image.fromarray(NOISE)
SMOOTH = Image.fromarray(NOISE[:9, :7, :3]).resize((133, 171), Image.Resampling.BICUBIC)


def save(image, kind="PNG", orientation=None, **options):
    if orientation:
        options["exif"] = Image.Exif()
        options["exif"][0x112] = orientation
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def wrong_profile():
    """An sRGB profile whose red and green are exchanged: whoever applies it sees other colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"-XYZ").replace(b"gXYZ", b"rXYZ").replace(b"-XYZ", b"gXYZ")


def read(engine, cases):
    """What the engine and what the kit make of files with (image shape, crop)."""
    described = [
        (encoded(file), {"shape": shape, "crop": crop, "resizes_height_first": HEIGHT_FIRST <= VERSION})
        for file, shape, crop in cases
    ]
    answers = engine.run(READ, files=described, kernels=encoded((TEMPLATES / KERNELS).read_bytes()))
    assert not [each for each in answers if isinstance(each, str)]
    ours = [np.array(each, np.uint8).reshape(shape) for each, (_, shape, _) in zip(answers, cases, strict=True)]
    return ours, [Preprocessing(shape, crop=crop).photo(file) for file, shape, crop in cases]


VERSION = int(PIL.__version__.split(".")[0])
LOSSLESS = {
    "RGB": save(PLAIN),
    "transparent": save(CLEAR),
    "gray": save(PLAIN.convert("L")),
    "transparent gray": save(CLEAR.convert("LA")),
    "palette": save(PLAIN.quantize(50)),
    "palette with a transparent colour": save(PLAIN.quantize(50), transparency=3),
    "black and white": save(PLAIN.convert("1")),
    "GIF": save(PLAIN.quantize(50), "GIF"),
    "BMP": save(PLAIN, "BMP"),
    "WebP": save(PLAIN, "WEBP", lossless=True),
    "colour profile": save(PLAIN, icc_profile=wrong_profile()),
    **{f"PNG turned {each}": save(PLAIN, orientation=each) for each in range(2, 9)},
    **{f"WebP turned {each}": save(PLAIN, "WEBP", lossless=True, orientation=each) for each in range(2, 9)},
}


def test_lossless_pictures_are_read_bit_for_bit(engine):
    shapes = [(SHAPE, 0.0), ((33, 50, 1), 0.5), ((100, 64, 3), 1.0)]
    cases = [(file, *each) for file in LOSSLESS.values() for each in shapes]
    for (ours, theirs), name in zip(zip(*read(engine, cases), strict=True), np.repeat(list(LOSSLESS), 3), strict=True):
        assert (ours == theirs).all(), name


def test_all_sizes_and_crops_are_resized_bit_for_bit(engine):
    """Also where Pillow begins with the height, and strips of the picture end within it."""
    sides = [int(each) for each in np.exp(RNG.uniform(0, np.log(200), 160))]
    cases = [
        (save(Image.fromarray(RNG.integers(0, 256, (high, wide, 3), np.uint8))), (out_high, out_wide, channels), crop)
        for high, wide, out_high, out_wide in zip(*(sides[each::4] for each in range(4)), strict=True)
        for channels, crop in [(3, 0.0), (1, float(RNG.uniform()))]
    ]
    for size in [(1500, 1100), (1100, 1900)]:  # more than one strip of a million pixels
        cases.append((save(PLAIN.resize(size, Image.Resampling.NEAREST), compress_level=1), (70, 90, 3), 0.0))
    for (ours, theirs), (_, *case) in zip(zip(*read(engine, cases), strict=True), cases, strict=True):
        assert (ours == theirs).all(), case


def test_jpegs_are_read_as_closely_as_decoders_agree(engine):
    """Also at 1/2 to 1/8 of their size, turned, and with blocks that do not fill the picture."""
    files = [
        save(SMOOTH.resize((side, side + 13)), "JPEG", quality=90, orientation=orientation, subsampling=subsampling)
        for side in (37, 91, 131, 299)
        for orientation in range(1, 9)
        for subsampling in (0, 2)
    ]
    files += [save(SMOOTH.convert("L"), "JPEG"), save(SMOOTH, "JPEG", icc_profile=wrong_profile(), quality=90)]
    for ours, theirs in zip(*read(engine, [(file, (33, 33, 3), 0.0) for file in files]), strict=True):
        off = np.abs(ours.astype(int) - theirs)
        # Colours at half resolution are enlarged by a filter in the browser and not at all by Pillow at 1/2.
        assert off.max() <= 12
        assert off.mean() < 1


def test_sixteen_bits_differ_by_a_level_at_most(engine):
    """Browsers cut 16 bits to 8; the kit rounds gray ones, as Pillow reads them in full."""
    file = save(Image.fromarray(RNG.integers(0, 65536, (30, 20), np.uint16)))
    (ours,), (theirs,) = read(engine, [(file, SHAPE, 0.0)])
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def with_damaged_exif(directory):
    """A JPEG with EXIF that breaks off."""
    return b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00\x2a" + directory + save(PLAIN, "JPEG")[2:]


REFUSED = [
    ("empty", b""),
    ("unsupported", b"no picture, but words"),
    ("unsupported", save(PLAIN, "TIFF")),
    ("heic", b"\x00\x00\x00\x18ftypheic" + bytes(60)),
    ("heic", b"\x00\x00\x00\x18ftypmif1" + bytes(60)),
    ("broken", save(PLAIN, "JPEG")[:1500]),
    ("broken", save(PLAIN)[:1500]),
    ("broken", save(PLAIN, "WEBP")[:-20]),
    ("broken", save(PLAIN, "GIF")[:-40]),
    ("broken", b"\xff\xd8\xff\xd9"),
    ("too-large", save(PLAIN)[:16] + (20_000).to_bytes(4) + (20_000).to_bytes(4) + save(PLAIN)[24:]),
]


def test_what_cannot_be_read_is_told_apart(engine):
    preprocessing = {"shape": SHAPE, "crop": 0, "resizes_height_first": True}
    files = [(encoded(file), preprocessing) for _, file in REFUSED]
    answers = engine.run(READ, files=files, kernels=encoded((TEMPLATES / KERNELS).read_bytes()))
    assert answers == [code for code, _ in REFUSED]


@pytest.mark.parametrize("directory", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x08"])
def test_damaged_exif_does_not_hide_a_picture(engine, directory):
    ((ours,), (theirs,)) = read(engine, [(with_damaged_exif(directory), SHAPE, 0.0)])
    assert np.abs(ours.astype(int) - theirs).max() <= 2

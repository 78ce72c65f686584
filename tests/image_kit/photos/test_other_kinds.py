import gzip
import io
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from image_kit.photos import PhotoError, open_photo
from image_kit.photos.other_kinds import START, name_other_kind


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("a.txt", "a")
    return file.getvalue()


def movie(brand):
    return b"\0\0\0\x20ftyp" + brand + b"\0\0\2\0isomiso2avc1mp41"


KINDS = {
    b"": "empty",
    b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj": "PDF",
    b"8BPB\0\2": "Photoshop",
    b"gimp xcf v011\0": "GIMP",
    archive(): "ZIP",
    gzip.compress(b"a photo", mtime=0): "gzip",
    b"Rar!\x1a\x07\x01\0": "RAR",
    movie(b"isom"): "video",
    movie(b"qt  "): "video",
    movie(b"crx "): "Canon",
    b"II*\0\x10\0\0\0CR\2\0": "Canon",
    b"RIFF\x24\0\0\0AVI LIST": "video",
    b"RIFF\x24\0\0\0WAVEfmt ": "sound",
    b"\x1aE\xdf\xa3\x01\0\0\0": "video",
    b"\0" * 4096: "zeros",
    b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>': "SVG",
    "\ufeff<!DOCTYPE html>\n<html><title>Sign in</title>".encode(): "web page",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n": "git lfs pull",
    b'{"error": "no such photo"}\n': "a text",
    "Привет, мир. ".encode() * 100: "a text",  # cut within a letter
    b"\xff\x0a\xfa\x7f\x01\x90": "JPEG XL",
    bytes(128) + b"DICM\x02\0\0\0UL\x04\0": "DICOM",
    b"ISO_IR 100".ljust(128, b"\0") + b"DICM\x02\0": "DICOM",
    b"v/1\x01\x02\0\0\0channels\0": "OpenEXR",
    b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 2\n": "Radiance",
    b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\n": "PAM",
    b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ": "macOS",
    b"bplist00\xd4\x01\x02": "property list",
    b"L\0\0\0\x01\x14\x02\0\0\0\0\0": "shortcut of Windows",
    b"a.jpg".ljust(257, b"\0") + b"ustar\x0000": "tar",
    "<!doctype html><html>".encode("utf-16"): "web page",
}


@pytest.mark.parametrize(("content", "named"), KINDS.items(), ids=[str(number) for number in range(len(KINDS))])
@pytest.mark.parametrize("as_file", [True, False])
def test_a_sound_file_of_another_kind_is_called_what_it_is(tmp_path, content, named, as_file):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(PhotoError, match=rf"^not an image: it is .*{named}") as caught:
        open_photo(tmp_path / "a.jpg" if as_file else content)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "ICO"])
def test_an_image_is_not_called_something_else_however_short_it_is_cut(kind):
    file = io.BytesIO()
    Image.fromarray(np.arange(48 * 48 * 3, dtype=np.uint8).reshape(48, 48, 3)).save(file, kind)
    for length in (4, 8, 12, 16, 40, 200):
        assert name_other_kind(file.getvalue()[:length][:START]) is None, length


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "is a drawing in EPS"),
        (b"GRIB\0\0\0\x01" + bytes(60), "is a table of numbers and no image"),
    ],
)
def test_what_pillow_would_run_a_program_on_is_not_decoded(start, reason):
    with pytest.raises(PhotoError, match=re.escape(reason)):
        open_photo(start)


def test_an_icon_of_macos_is_not_decoded():
    """A damaged one takes 16 GB."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "ICNS")
    with pytest.raises(PhotoError, match=r"^is an icon of macOS; save it as PNG$"):
        open_photo(file.getvalue())

import io
import struct
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from image_kit.photos import PhotoError, decoding_memory, open_photo
from image_kit.photos.decoding_memory import LARGE_BYTES, memory_for
from tests.conftest import ROOT


def png_that_claims(width, height, bits, kind):
    """A PNG of a few bytes that has no pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    packed = (struct.pack(">I", len(data)) + name + data for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(each + struct.pack(">I", zlib.crc32(each[4:])) for each in packed)


def tiff_that_claims(width, height, bits, channels):
    """A TIFF of floats that ends before its pixels."""
    short = ((256, width), (257, height), (258, bits), (259, 8), (262, 2), (277, channels), (339, 3))
    tags = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in short)
    return b"II*\0" + struct.pack("<IH", 8, len(short)) + tags + bytes(4)


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on memory is that of POSIX")
@pytest.mark.parametrize(("bits", "kind"), [(8, 6), (8, 2), (16, 6)])
def test_a_small_file_of_many_pixels_is_refused_where_memory_does_not_suffice(bits, kind, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(png_that_claims(9_900, 9_900, bits, kind))
    code = (
        "import resource, sys, cv2\n"
        "from image_kit.photos import PhotoError, open_photo\n"
        "from image_kit.machine import free_memory\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = pages * resource.getpagesize() + 5 * 10**8\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "try:\n    open_photo(sys.argv[1])\n"
        "except PhotoError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("9900 x 9900 pixels take "), done.stdout + done.stderr
    assert "MB of memory to decode, and " in done.stdout


def test_deep_samples_are_bounded_by_their_bytes():
    with pytest.raises(PhotoError, match=r"^9000 x 9000 pixels of 12 bytes are more than 800,000,000 bytes$"):
        open_photo(tiff_that_claims(9_000, 9_000, 32, 3))
    with pytest.raises(PhotoError, match="pixels of 32 bytes are more"):
        open_photo(tiff_that_claims(9_000, 9_000, 64, 4))


def test_large_photos_wait_for_each_other_and_small_ones_do_not(monkeypatch):
    free = 3 * LARGE_BYTES  # room for one of two units, or for three of one
    monkeypatch.setattr(decoding_memory, "free_memory", lambda: free)
    monkeypatch.setattr(decoding_memory, "RECHECKED_SECONDS", 0.01)
    taken, most, lock = [], [], threading.Lock()

    def decode(units):
        with memory_for(units, LARGE_BYTES, 1):
            with lock:
                taken.append(units)
                most.append(sum(taken))
            with memory_for(1, LARGE_BYTES - 1, 1):
                pass
            with lock:
                taken.remove(units)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [2, 1, 2, 3, 1, 1, 2, 3] * 5))
    assert max(most) == 3
    with pytest.raises(PhotoError, match="make it smaller, or end other programs"), memory_for(4, LARGE_BYTES, 1):
        pass
    with pytest.raises(ValueError, match="damaged"), memory_for(3, LARGE_BYTES, 1):
        raise ValueError("damaged")
    assert decoding_memory._taken == []


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_transparency_is_blended_the_same_in_parts(mode):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (700, 9, 4)).astype(np.uint8), "RGBA")
    image = image.convert("RGB").quantize(32) if mode == "P" else image.convert(mode)
    data = io.BytesIO()
    transparent = {"P": 3, "RGB": image.convert("RGB").getpixel((4, 600))}
    image.save(data, "PNG", **({"transparency": transparent[mode]} if mode in transparent else {}))
    whole = Image.open(data).convert("RGBA")
    wanted = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    assert np.array_equal(open_photo(data.getvalue()), wanted)
    assert (np.asarray(whole)[..., 3] != 255).any()

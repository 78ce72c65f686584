"""Photos of 12 bits a sample, whose files do not say so: what the commands show of them is as bright as the photo."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.deep_files import png

BRIGHT = ("--sample-bits", 12)


def write_deep_photos(folder, colours, seed=0):
    """Photos of 4,095 at most, in 16 bits: of 250 of 255 in one channel, noise below 120 in the others."""
    rng = np.random.default_rng(seed)
    for name, channel in colours.items():
        (folder / name).mkdir(parents=True)
        for number in range(12):
            samples = rng.integers(0, 1900, (28, 36, 3))
            samples[..., channel] = 4015
            (folder / name / f"{number:02}.png").write_bytes(png(samples.astype(np.uint16)))


def brightest_of_page(path):
    """The mean of the brightest channel of each photo in a page, 0..255."""
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", path.read_text(encoding="utf-8"))
    photos = [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]
    return [photo.reshape(-1, 3).mean(axis=0).max() for photo in photos]


@pytest.mark.slow
def test_what_is_shown_of_deep_photos_is_as_bright_as_they_are(tmp_path, run_command):
    write_deep_photos(tmp_path / "photos", {"cats": 0, "dogs": 2})
    write_deep_photos(tmp_path / "new", {"cats": 2, "dogs": 0}, seed=1)  # the other way round: mistakes are shown
    process = run_command(tmp_path, "train.py", "photos", "--run", "deep", *BRIGHT)
    assert process.returncode == 0, process.stderr
    process = run_command(tmp_path, "check.py", "new")
    assert "use samples up to" in process.stderr
    assert "give --sample-bits 12" in process.stderr
    process = run_command(tmp_path, "check.py", "new", *BRIGHT, "--output", "checks/bright")
    assert process.returncode in (0, 1), process.stderr
    assert "nearly black" not in process.stderr
    process = run_command(tmp_path, "evaluate.py", "new")
    assert process.returncode == 0, process.stderr
    for page in (tmp_path / "checks/bright/report.html", *tmp_path.glob("evaluations/*/report.html")):
        shown = brightest_of_page(page)
        assert shown, page
        assert min(shown) > 235, page  # 4,015 of 4,095 is 250 of 255; a JPEG blurs colours
    process = run_command(tmp_path, "predict.py", "photos/cats/00.png", "--show")
    assert process.returncode == 0, process.stderr
    sheet = np.asarray(Image.open(tmp_path / "predictions/answers-1.png").convert("RGB")).astype(int)
    assert ((sheet[..., 0] > 235) & (sheet[..., 1] < 130)).sum() > 1000  # red pixels


@pytest.mark.slow
def test_a_preview_of_deep_photos_asks_for_their_bits_and_is_then_bright(tmp_path, run_command):
    write_deep_photos(tmp_path, {"cats": 0})
    command = ("augment_preview.py", "cats/00.png", "--horizontal-flip", "--count", 1, "--prefix")
    dark = run_command(tmp_path, *command, "dark")
    assert dark.returncode == 0
    assert "photos of 16 bits, such as cats/00.png, use samples up to 4,015 of 65,535" in dark.stderr
    assert "give --sample-bits 12" in dark.stderr
    bright = run_command(tmp_path, *command, "bright", *BRIGHT)
    assert (bright.returncode, "nearly black" in bright.stderr) == (0, False)
    means = {
        name: np.asarray(Image.open(tmp_path / f"preview/{name}_1.jpeg")).mean((0, 1))[0] for name in ("dark", "bright")
    }
    assert means["dark"] < 20
    assert means["bright"] > 235


@pytest.mark.parametrize("command", ["check.py", "augment_preview.py"])
def test_bits_that_no_photo_has_are_refused(tmp_path, run_command, command):
    process = run_command(tmp_path, command, tmp_path, "--sample-bits", 8)
    assert process.returncode == 2
    assert process.stderr.endswith(f"{command}: error: --sample-bits: must be at least 9, received 8\n")

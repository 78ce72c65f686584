"""What the disk has not kept is an error, which names it."""

import errno
import os
import subprocess
import sys

import pytest

from image_kit.durable import sync
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace")


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_is_not_kept_is_named(tmp_path, is_folder):
    path = tmp_path if is_folder else tmp_path / "a.txt"
    (tmp_path / "a.txt").write_text("a")
    code = f"from pathlib import Path; from image_kit.durable import sync; sync(Path({str(path)!r}))"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-einject=fsync:error=EIO", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.endswith(f"OSError: [Errno {errno.EIO}] Input/output error: {str(path)!r}\n")


def test_what_cannot_be_synced_is_passed_over(tmp_path):
    sync(tmp_path / "missing")
    sync(tmp_path)

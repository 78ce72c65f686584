"""Try a network once in a separate process: does it crash LiteRT, and does it answer as after its training?

LiteRT is native code and reads a forged network less carefully than Python does: one of 5,000 forged networks crashed
it. Therefore a network that is new to this machine is first loaded in a separate process, which also runs the golden
self-test if it comes with the network. Networks that pass are listed in the user's cache folder, for this version of
LiteRT. This catches a crash. It does not catch a forgery that takes over the process: use a model.tflite only from a
source that you would run a program from.
"""

import contextlib
import hashlib
import sys
from pathlib import Path

import numpy as np

from image_kit import cache_folder, files as atomic
from image_kit.errors import UserError, first_line
from image_kit.leftovers import scratch_folder

TRIED = "tried.txt"  # in the cache folder, one line for each network
MAX_LINES = 500
CODE = "import sys; sys.path.insert(0, sys.argv[2]); from image_kit.answering import lite_trial; lite_trial.main()"
TIMEOUT_SECONDS = 60  # loading takes a tenth of a second
ROOT = Path(__file__).resolve().parents[2]
BARE = "--bare"  # tells the separate process that the file is a flatbuffer without the members of a model.tflite
REFUSED = 3  # the exit status of a trial that refused the file with a UserError


def refuse_unsafe(path: Path, flatbuffer_sha256: str) -> None:
    """Try the network at `path`, unless this machine has tried it before.

    Raises:
        UserError: the network crashes LiteRT, hangs in it, or is refused, for instance since its answers have changed.
    """
    if _line(flatbuffer_sha256) not in _lines():
        _try(path, str(path))
        remember(flatbuffer_sha256)


def refuse_unsafe_network(flatbuffer: memoryview, name: str) -> None:
    """As `refuse_unsafe`, for a network that is not in a model.tflite; `name` is what the message names."""
    digest = hashlib.sha256(flatbuffer).hexdigest()
    if _line(digest) in _lines():
        return
    with scratch_folder() as folder:
        path = folder / "network.tflite"
        path.write_bytes(flatbuffer)
        _try(path, name, BARE)
    remember(digest)


def _try(path: Path, name: str, *options: str) -> None:
    import subprocess  # takes 0.01 s, which a network tried before does not need

    command = [sys.executable, "-c", CODE, str(path.absolute()), str(ROOT), *options]
    try:
        trial = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise UserError(f"{name}: its network hangs in LiteRT (for {TIMEOUT_SECONDS} s); use another file") from None
    if trial.returncode == REFUSED:
        raise UserError(trial.stdout.strip().replace(str(path), name))
    if trial.returncode:
        raise UserError(f"{name}: its network crashes LiteRT (exit status {trial.returncode}); use another file")


def remember(flatbuffer_sha256: str) -> None:
    """Add a network to the list of those that passed."""
    with contextlib.suppress(OSError):  # without a cache folder, it is tried again
        lines = [line for line in _lines() if line != _line(flatbuffer_sha256)]
        atomic.write_text(cache_folder.folder() / TRIED, "\n".join([*lines, _line(flatbuffer_sha256)][-MAX_LINES:]))


def main() -> None:
    """What the separate process does: load the file, and exit with status 3 if it is refused."""
    path = Path(sys.argv[1])
    try:
        if BARE in sys.argv:
            _run_once(path)
        else:
            # LiteClassifier imports this module, and LiteRT, which may be missing.
            from image_kit.answering import lite_model
            from image_kit.answering.lite_classifier import LiteClassifier

            LiteClassifier(lite_model.read(path), is_trial=True)
    except UserError as error:
        print(error)
        sys.exit(REFUSED)


def _run_once(path: Path) -> None:
    from image_kit.answering.lite_network import LiteNetwork  # as above

    try:
        with LiteNetwork(path) as network:
            network.run(np.zeros((1, *network.image_shape), np.uint8))
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{path}: contains no network that LiteRT can run ({first_line(error)})") from None


def _lines() -> list[str]:
    try:
        return (cache_folder.folder() / TRIED).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def _line(flatbuffer_sha256: str) -> str:
    from ai_edge_litert import __version__  # may be missing

    return f"{flatbuffer_sha256} {__version__}"

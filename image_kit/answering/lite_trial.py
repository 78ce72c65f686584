"""Try a model.tflite once in a separate process: does it crash LiteRT, and does it answer as after its training?

LiteRT is native code and reads a forged network less carefully than Python does: one of 5,000 forged networks crashed
it. Therefore a network that is new to this machine is first loaded in a separate process, which runs the golden
self-test too. Networks that pass are listed in the user's cache folder, for this version of LiteRT. This catches a
crash. It does not catch a forgery that takes over the process: use a model.tflite only from a source that you would
run a program from.
"""

import contextlib
import sys
from pathlib import Path

from image_kit import cache_folder, files as atomic
from image_kit.errors import UserError

TRIED = "tried.txt"  # in the cache folder, one line for each network
MAX_LINES = 500
CODE = "import sys; sys.path.insert(0, sys.argv[2]); from image_kit.answering import lite_trial; lite_trial.main()"
TIMEOUT_SECONDS = 60  # loading takes a tenth of a second
ROOT = Path(__file__).resolve().parents[2]
REFUSED = 3  # the exit status of a trial that refused the file with a UserError


def refuse_unsafe(path: Path, flatbuffer_sha256: str) -> None:
    """Try the network at `path`, unless this machine has tried it before.

    Raises:
        UserError: the network crashes LiteRT, hangs in it, or is refused, for instance since its answers have changed.
    """
    line = _line(flatbuffer_sha256)
    if line in _lines():
        return
    import subprocess  # takes 0.01 s, which a network tried before does not need

    command = [sys.executable, "-c", CODE, str(path.absolute()), str(ROOT)]
    try:
        trial = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise UserError(f"{path}: its network hangs in LiteRT (for {TIMEOUT_SECONDS} s); use another file") from None
    if trial.returncode == REFUSED:
        raise UserError(trial.stdout.strip())
    if trial.returncode:
        raise UserError(f"{path}: its network crashes LiteRT (exit status {trial.returncode}); use another file")
    remember(flatbuffer_sha256)


def remember(flatbuffer_sha256: str) -> None:
    """Add a network to the list of those that passed."""
    with contextlib.suppress(OSError):  # without a cache folder, it is tried again
        lines = [line for line in _lines() if line != _line(flatbuffer_sha256)]
        atomic.write_text(cache_folder.folder() / TRIED, "\n".join([*lines, _line(flatbuffer_sha256)][-MAX_LINES:]))


def main() -> None:
    """What the separate process does: load the file, and exit with status 3 if it is refused."""
    # LiteClassifier imports this module, and LiteRT, which may be missing.
    from image_kit.answering import lite_model
    from image_kit.answering.lite_classifier import LiteClassifier

    try:
        LiteClassifier(lite_model.read(Path(sys.argv[1])), is_trial=True)
    except UserError as error:
        print(error)
        sys.exit(REFUSED)


def _lines() -> list[str]:
    try:
        return (cache_folder.folder() / TRIED).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def _line(flatbuffer_sha256: str) -> str:
    from ai_edge_litert import __version__  # may be missing

    return f"{flatbuffer_sha256} {__version__}"

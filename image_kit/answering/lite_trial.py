"""Does a model.tflite answer as after training, or bring LiteRT down? Tried once, in a process of its own.

LiteRT is native code and reads a forged network less carefully than Python does: of 5,000 forged ones one crashed it.
So a network that this machine has not tried yet is first loaded by another process, golden self-test
included; that it went well is remembered in the user's cache folder, for this version of LiteRT. A crash is caught so;
a forgery made to take over the process is not: take model.tflite only from where you would take programs.
"""

import contextlib
import sys
from pathlib import Path

from image_kit import files as atomic
from image_kit.answering import lite_cache
from image_kit.errors import UserError

TRIED = "tried.txt"  # in the cache folder, a line for each network
MAX_LINES = 500
TRY = "from image_kit.answering import lite_trial; lite_trial.main()"
SECONDS = 60  # a load takes a tenth of one
ROOT = Path(__file__).resolve().parents[2]
DAMAGED = 3  # exit status of a trial in which the file was refused as any damaged file is


def check(path: Path, flatbuffer_sha256: str) -> None:
    """Raise UserError if the network at `path` crashes LiteRT, hangs in it or is refused: as its answers moved, say."""
    line = _line(flatbuffer_sha256)
    if line in _lines():
        return
    import subprocess  # 0.01 s that a network already tried does not need

    command = [sys.executable, "-c", TRY, str(path.absolute())]
    try:
        trial = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise UserError(f"{path}: its network hangs in LiteRT (for {SECONDS} s); take another file") from None
    if trial.returncode == DAMAGED:
        raise UserError(trial.stdout.strip())
    if trial.returncode:
        raise UserError(f"{path}: its network crashes LiteRT (exit status {trial.returncode}); take another file")
    remember(flatbuffer_sha256)


def remember(flatbuffer_sha256: str) -> None:
    """Note that a network is sound."""
    with contextlib.suppress(OSError):  # without a cache folder it is tried again
        lines = [line for line in _lines() if line != _line(flatbuffer_sha256)]
        atomic.write_text(lite_cache.folder() / TRIED, "\n".join([*lines, _line(flatbuffer_sha256)][-MAX_LINES:]))


def main() -> None:
    """The process that tries."""
    from image_kit.answering import lite_model
    from image_kit.answering.lite_classifier import LiteClassifier

    try:
        LiteClassifier(lite_model.read(Path(sys.argv[1])), is_trial=True)
    except UserError as error:
        print(error)
        sys.exit(DAMAGED)


def _lines() -> list[str]:
    try:
        return (lite_cache.folder() / TRIED).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def _line(flatbuffer_sha256: str) -> str:
    from ai_edge_litert import __version__

    return f"{flatbuffer_sha256} {__version__}"

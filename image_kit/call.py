"""A command of the kit as a message recommends it: to be copied and pasted where this one was typed."""

import os
import re
import shlex
import sys
from pathlib import Path

from image_kit.starting import was_started

IS_WINDOWS = os.name == "nt"


def call(script: str, *words: str | Path) -> str:
    """ "python ../kit/train.py --resume 'runs/my photos-1'" for "train.py" and the other words."""
    return " ".join(["python", *map(_quoted, (_folder() / script, *words))])


def _folder() -> Path:
    """The kit's folder, as the command that runs was typed; the current one in a program of others."""
    if not was_started():
        return Path()
    typed = Path(sys.argv[0])
    return Path(os.path.normpath(typed.parent / "..")) if typed.stem == "prepare" else typed.parent  # data/prepare.py


def _quoted(word: str | Path) -> str:
    """One word for a shell. cmd and PowerShell know double quotes, and no name has them there."""
    if IS_WINDOWS:
        return f'"{word}"' if re.search(r"[^\w.:/\\-]", str(word)) else str(word)
    return shlex.quote(str(word))

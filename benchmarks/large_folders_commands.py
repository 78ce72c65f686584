"""What the commands take on 100,000 photos of 1,000 classes; for large_folders.py --commands.

The photos are JPEGs of 32x32: noise, half of which all photos of a class share. Their features are made up: 16 mixtures
of the pixels, and zeros up to the length of the backbone's. So the backbone, which would take half an hour, is left out
of all commands but predict.py, and a head is fitted in minutes instead of hours. Everything else is as large as with
true features. predict.py, which keeps nothing, is asked about fewer photos.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import ROOT

from image_kit import cache_folder

TICKS = os.sysconf("SC_CLK_TCK")
PRESET = "elephants_cars"  # its network is trained on pixels, of which few fit into the memory that is kept for them
TRAINED_SECONDS = 120  # of an epoch of hours, which is then stopped
COMMANDS = {  # by name: the command, and the start of the line that it writes when its work begins
    "train": ("train.py known --run head", "Writing to"),
    "check": ("check.py known --output checked", ""),
    "evaluate": ("evaluate.py new --weights runs/head --output evaluated", ""),
    "export": ("export.py runs/head --to tflite", ""),
    "predict": ("predict.py asked --weights runs/head --csv", ""),
    "preview": ("augment_preview.py known --count 1", ""),
    "pixels": (f"train.py known --preset {PRESET} --epochs 1 --run pixels", "Writing to"),
}


@dataclass(frozen=True)
class Took:
    """What a command took.

    Attributes:
        start: seconds of CPU until it wrote the line that was waited for; None if it did not.
        cpu_seconds: of all cores and both kinds, until its end.
        megabytes: the most memory that it held.
        status: exit status.
        lines: how many it wrote to stdout and stderr.
    """

    start: float | None
    cpu_seconds: float
    megabytes: float
    status: int
    lines: int


def measure_commands(folder: Path, photos: int, classes: int, asked: int, names: Sequence[str] = ()) -> None:
    """Print a row for each command, which runs in `folder`.

    Args:
        photos, classes: how many of them.
        asked: of how many photos predict.py is asked.
        names: of the commands; all of COMMANDS if there are none.
    """
    chosen = [COMMANDS[name] for name in names or COMMANDS]
    for name, seed, count in (("known", 0, photos), ("new", 1, photos), ("asked", 2, asked)):
        if any(f" {name} " in command for command, _ in chosen):
            write = [sys.executable, str(ROOT / "benchmarks/large_folders.py"), "--write", str(folder / name)]
            numbers = [str(count), str(classes), str(seed)]
            # In a process of its own, since Linux counts the memory of this one as that of those it starts.
            subprocess.run([*write, *numbers], check=True, env=environment(folder))
    print("| command | starts after, s of CPU | whole command, s of CPU | memory, MB | lines |\n|---|---|---|---|---|")
    for command, waits_for in chosen:
        took = measure(command.split(), folder, waits_for, stops=PRESET in command)
        start = "" if took.start is None else f"{took.start:.0f}"
        whole = "stopped" if took.status < 0 else f"{took.cpu_seconds:.0f}"
        print(f"| `{command}` | {start} | {whole} | {took.megabytes:.0f} | {took.lines} |", flush=True)


def environment(folder: Path) -> dict[str, str]:
    """Without a GPU, quiet, and with kept features of its own."""
    return {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        cache_folder.FOLDER_VARIABLE: str(folder / "cache"),
    }


def measure(command: list[str], folder: Path, waits_for: str, stops: bool) -> Took:
    """Run a command of the kit in a folder, and read its messages.

    Args:
        command: the file's name and arguments.
        waits_for: the command has started when it writes a line that starts so; empty: it is not waited for.
        stops: whether it is ended TRAINED_SECONDS after that.

    Raises:
        subprocess.CalledProcessError: it fails.
    """
    arguments = [sys.executable, str(ROOT / command[0]), *command[1:]]
    with open(folder / "messages.txt", "a", encoding="utf-8") as messages:
        process = subprocess.Popen(
            arguments, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        start, lines = None, 0
        for line in process.stdout:
            messages.write(line)
            lines += 1
            if waits_for and start is None and line.startswith(waits_for):
                start = cpu_seconds(process.pid)
                if stops:
                    threading.Timer(TRAINED_SECONDS, process.terminate).start()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1) and not (stops and start):  # 1: check.py has found something
        raise subprocess.CalledProcessError(process.returncode, command)
    return Took(start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode, lines)


def cpu_seconds(process: int) -> float:
    """Seconds of CPU that a running process has taken, of both kinds."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS

"""What a command takes, measured from outside of it."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from common import ROOT


@dataclass(frozen=True)
class Took:
    """What one process took: seconds by the clock, seconds of all cores, and megabytes of memory at most."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    output: str


def run(command: list[str], folder: Path | None = None, **variables: str) -> Took:
    """Start a process, wait for it, and return what it took.

    Linux counts the memory of the process that starts another one as this one's, too. So the benchmarks that report
    memory hold little themselves.

    Args:
        command: program and arguments.
        folder: where it runs; None: here.
        variables: added to the environment.

    Raises:
        subprocess.CalledProcessError: it fails.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder, env=environment
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Took(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)

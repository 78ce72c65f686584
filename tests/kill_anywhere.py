"""Kill commands at random moments, run them again, and compare everything with a run that nobody disturbed.

    python tests/kill_anywhere.py --kills 100 --seed 1
    python tests/kill_anywhere.py --kills 5 --jobs split check --keep failed/
    python tests/kill_anywhere.py --each rename link --jobs head check evaluate

Half of the kills come after a random time, the others at a random system call that writes, syncs, renames, links or
removes a file, by strace; without strace all come after a random time. Then, at once: no file under a final name is
half-written. And after the command has run again, or has been resumed as its own message says: it ends with status 0,
its results are those of the undisturbed run, and no temporary file is left in the run, output, cache and system's
temporary folders. Kill N of a seed is the same on every machine, except for its moment if that is a time.

Compared byte for byte: weights, networks, tables, copies of photos, pictures. Compared without times: JSON, history.csv
and report.html. Compared by content: shards of features, whose files have random names.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # since it is run as a script

from tests.fixtures.results import Failure, compare, files_of, is_temporary, refuse_half, temporary_ones
from tests.fixtures.scene import Scene

CALLS = ("write", "pwrite64", "fsync", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "mkdir", "rmdir")
NEW_PHOTOS = ("new/cats/0.png", "new/dogs/0.png")
NETWORK = ("--preset", "elephants_cars", "--image-size", "24", "--batch-size", "8", "--epochs", "3", "--device", "cpu")


@dataclass(frozen=True)
class Job:
    """A command to be killed.

    Attributes:
        command: its program and arguments, run in a folder that has photos/ and new/ with cats/ and dogs/.
        needs: the job whose result must be there.
        run: the run that the command trains, which is resumed once it has begun.
        numbered: the folder with results whose names are numbered: the last one counts.
        share: how many of 100 kills it gets; a job that needs TensorFlow takes a minute for each.
        status: how it ends; 1 where it says that something is wrong with such small photos.
    """

    command: tuple[str, ...]
    needs: str | None = None
    run: str | None = None
    numbered: str | None = None
    share: int = 10
    status: int = 0


def train(*arguments: str, share: int) -> Job:
    return Job(("train.py", "photos", *arguments, "--run", "a"), run="runs/a", share=share)


def export(to: str, share: int) -> Job:
    return Job(("export.py", "--to", to), needs="head", share=share)


JOBS = {
    "head": train(share=13),
    "seeds": train("--seeds", "2", share=9),
    "network": train(*NETWORK, "--score-each-epoch", share=3),
    "network-seeds": train(*NETWORK, "--seeds", "2", share=1),
    "fine-tune": train("--fine-tune", "1", "--device", "cpu", share=1),
    "features": Job(("train.py", "photos", "--features-only")),
    "check": Job(("check.py", "photos"), numbered="checks", status=1),
    "split": Job(("data/prepare.py", "split", "photos", "--output", "set")),
    "demo": Job(("data/prepare.py", "demo", "--output", "demo", "--per-class", "2", "1", "1")),
    "evaluate": Job(("evaluate.py", "new"), needs="head", numbered="evaluations", share=6),
    "show": Job(("predict.py", *NEW_PHOTOS, "--show"), needs="head", numbered="predictions", share=8),
    "tflite": export("tflite", share=7),
    "int8": export("tflite-int8", share=5),
    "onnx": export("onnx", share=3),
    "saved_model": export("saved_model", share=2),
    "html": export("html", share=2),
}
QUICK = (
    "head",
    "features",
    "check",
    "split",
    "show",
    "tflite",
    "seeds",
    "evaluate",
)  # without TensorFlow, seconds each


# All jobs once, then again those whose share is not used up.
ORDER = [name for number in range(100) for name, job in JOBS.items() if number < job.share]


@dataclass(frozen=True)
class Undisturbed:
    """What a job does if nobody kills it.

    Attributes:
        before, after: states of the scene.
        seconds: how long it takes.
        calls: (name, how many of this name came before, plus 1) of each system call that changes a file.
    """

    before: Path
    after: Path
    seconds: float
    calls: list[tuple[str, int]]


class Killing:
    """Kills jobs in one scene."""

    def __init__(self, base: Path):
        self.scene = Scene(base)

    @cache  # noqa: B019 - of few jobs
    def undisturbed(self, name: str) -> Undisturbed:
        """Run a job without a kill."""
        job = JOBS[name]
        self.scene.restore(self.undisturbed(job.needs).after if job.needs else None)
        before = self.scene.keep(f"before-{name}")
        log, traces = self.scene.base / "calls", bool(shutil.which("strace"))
        began = time.monotonic()
        status, said = self.scene.run(job.command, *(("strace", *STRACE, "-y", "-o", str(log)) if traces else ()))
        if status != job.status:
            raise Failure(f"ends with status {status}: {said[-500:]}")
        seconds, calls = time.monotonic() - began, []
        if traces:
            calls = calls_in(log.read_text(encoding="utf-8", errors="replace"), self.scene.top)
        return Undisturbed(before, self.scene.keep(f"after-{name}"), seconds, calls)

    def kill(self, name: str, rng: np.random.Generator) -> str:
        """Kill a job once at a random moment, look, run it again, and compare. Returns the moment; raises Failure."""
        whole = self.undisturbed(name)
        if whole.calls and rng.random() < 0.5:
            return self.kill_at(name, whole.calls[int(rng.integers(len(whole.calls)))])
        return self.kill_at(name, rng.uniform(0.1, 1) * whole.seconds)

    def kill_at(self, name: str, moment: tuple[str, int] | float) -> str:
        """As `kill`, at a system call (its name; the how many-th of this name) or after a time in seconds."""
        job, whole = JOBS[name], self.undisturbed(name)
        self.scene.restore(whole.before)
        if isinstance(moment, tuple):
            told = f"{moment[0]} {moment[1]}"
            self.scene.run(job.command, "strace", *STRACE, "-e", f"inject={moment[0]}:signal=KILL:when={moment[1]}")
        else:
            told = f"after {moment:.2f} s"
            process = self.scene.start(job.command)
            try:
                process.communicate(timeout=moment)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        try:
            self.judge(job, whole)
        except Failure as failure:
            raise Failure(f"{told}: {failure}") from None
        return told

    def judge(self, job: Job, whole: Undisturbed) -> None:
        """Look for half-written files, run the job again, and compare."""
        for path in files_of(self.scene.top):
            if path.parts[0] != "tmp" and not is_temporary(path):
                refuse_half(self.scene.top / path, [whole.before / path, whole.after / path])
        self.finish(job)
        if left := [*temporary_ones(self.scene.top), *files_of(self.scene.top / "tmp")]:
            raise Failure(f"left behind: {', '.join(map(str, left[:5]))}")
        compare(self.scene.top, whole.after, job.numbered)

    def finish(self, job: Job) -> None:
        """Run a job again, or resume its run."""
        command = job.command
        if job.run and (self.scene.folder / job.run).exists():
            command = ("train.py", "--resume", job.run)
        status, said = self.scene.run(command)
        is_complete = "is complete" in said or "add --force to replace it" in said or "already exists" in said
        if status != job.status and not (status == 2 and is_complete):
            raise Failure(f"run again, it ends with status {status}: {said[-500:]}")


# The first execve of a log is the command's own.
STRACE = ("-f", "--seccomp-bpf", "-qq", "-e", f"trace=execve,{','.join(CALLS)}", "-e", "signal=none")


def calls_in(log: str, top: Path) -> list[tuple[str, int]]:
    """The calls in strace's log by the first thread that change a file below `top`, or one by a relative path."""
    found, counts, main = [], Counter(), None
    for line in log.splitlines():
        process, _, call = line.partition(" ")
        name = call.strip().partition("(")[0]
        main = main or (process if name == "execve" else None)
        if process == main and name in CALLS:
            counts[name] += 1
            if str(top) in call or re.match(r'\w+\("[^/]', call.strip()):
                found.append((name, counts[name]))
    return found


def main() -> None:
    """Kill, and print the outcome of each kill; exit with status 1 if any has broken something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--first", type=int, default=0, help="the first kill (default: 0)")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=ORDER, help="default: all, by their shares")
    parser.add_argument("--each", nargs="+", choices=CALLS, help="kill at each call of this kind, none at random")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for what kills have broken")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the temporary folder goes
    broken = count = 0
    with tempfile.TemporaryDirectory() as base:
        killing = Killing(Path(base))
        for number, name, kill in plan_kills(killing, args):
            try:
                outcome = kill()
            except Failure as failure:
                broken += 1
                outcome = f"BROKEN {failure}"
                if args.keep:
                    shutil.copytree(killing.scene.base, args.keep / f"{number}-{name}", symlinks=True)
            count += 1
            print(f"kill {number} {name}: {outcome}", flush=True)
    print(f"{count} kills, {broken} broken")
    sys.exit(bool(broken))


def plan_kills(killing: Killing, args: argparse.Namespace) -> Iterator[tuple[int, str, Callable[[], str]]]:
    """Number, job and the kill itself."""
    if args.each:
        moments = ((name, at) for name in dict.fromkeys(args.jobs) for at in killing.undisturbed(name).calls)
        for number, (name, at) in enumerate((name, at) for name, at in moments if at[0] in args.each):
            if number >= args.first:
                yield number, name, partial(killing.kill_at, name, at)
        return
    for number in range(args.first, args.kills):
        name = args.jobs[number % len(args.jobs)]
        yield number, name, partial(killing.kill, name, np.random.default_rng([args.seed, number]))


if __name__ == "__main__":
    main()

"""Make reads of a command fail as those of network disks do, once or for good. Needs strace (Linux).

    python tests/failing_reads.py                                      every kind of read of every command
    python tests/failing_reads.py train check --errors ESTALE          of two commands
    python tests/failing_reads.py check --only 3 --show                one fault, and what was said

A command is run once to list the files and folders that it reads below its own folder, and by which calls. Then it is
run for each of these, in a fresh copy of the folder, while strace makes that call fail: once, after which the result
must be the same; or always, after which it must name the file, call nothing damaged, and have lost nothing.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests import failing_writes
from tests.failing_writes import COMMANDS, OK_STATUSES, STRAY, Ended, contents, prepare

CALLS = "openat,read,pread64,newfstatat,getdents64,lseek,mmap"
ERRORS = ("EIO", "ESTALE", "EAGAIN", "ENOENT", "EINTR")
# Whose failure has another meaning: the file is not there, or the call is tried again by Python itself.
NOT_FOR = {"newfstatat": ("EAGAIN", "EINTR"), "lseek": ("EAGAIN", "EINTR", "ENOENT"), "mmap": ("EINTR", "ENOENT")}
NOT_FOR |= dict.fromkeys(("read", "pread64", "getdents64"), ("ENOENT",))
# Of many photos, the first and the last of a folder.
LEFT_OUT = re.compile(r"/0(0[1-9]|10)\.jpg$")


@dataclass(frozen=True)
class Fault:
    """A call about a path that fails with an error, `when` it comes: "1" once, "1+" always."""

    call: str
    path: str
    error: str
    when: str

    def __str__(self) -> str:
        return f"{self.call} {self.path} {self.error} {'once' if self.when == '1' else 'always'}"

    @property
    def options(self) -> tuple[str, ...]:
        """Those of strace."""
        return (f"-P{self.path}", f"-einject={self.call}:error={self.error}:when={self.when}")


def read_paths(lines: list[str], folder: Path) -> list[tuple[str, str]]:
    """The calls that read below a folder, each with its path, once each."""
    found = []
    for line in lines:
        if not (match := re.match(r"\d+ +(\w+)\((.*)", line)):
            continue
        call, told = match.groups()
        if re.search(r"O_WRONLY|O_RDWR|O_CREAT|PROT_WRITE", told) or " = -1 E" in told:
            continue
        by_name = re.match(r'(?:AT_FDCWD<[^>]*>, )?"([^"]+)"', told)
        by_number = re.search(r"\b\d+<(.*?)>", told)
        if not (by_name or by_number):
            continue
        path = os.path.join(folder, (by_name or by_number)[1])
        if path.startswith(f"{folder}/") and not STRAY.search(path) and not LEFT_OUT.search(path):
            found.append((call, os.path.relpath(path, folder)))
    return list(dict.fromkeys(found))


def faults_of(lines: list[str], folder: Path, errors: list[str]) -> list[Fault]:
    """All faults to try."""
    return [
        Fault(call, path, error, when)
        for call, path in read_paths(lines, folder)
        for error in errors
        if error not in NOT_FOR.get(call, ())
        for when in ("1", "1+")
        if (error, when) != ("EINTR", "1+")  # Python would ask for ever, and no disk interrupts each call
    ]


def result(ended: Ended) -> str:
    """What a command printed, without times."""
    return re.sub(r"\d+(\.\d+)? m?s\b|\d+m ?\d+s", "", ended.out)


def complaints(name: str, folder: Path, fault: Fault, before: dict, ended: Ended, whole: Ended) -> list[str]:
    """What is wrong after a fault."""
    wrong = []
    good = OK_STATUSES.get(name, (0,))
    if ended.status not in (*good, 2):
        wrong.append(f"exit status {ended.status}")
    if "Traceback" in ended.err:
        wrong.append("a traceback")
    if ended.status == 2 and not re.search(r"\w+\.py: error: .+\Z", (ended.err.strip() or "-").splitlines()[-1]):
        wrong.append("the last line is no error")
    if len(ended.err.splitlines()) > len(whole.err.splitlines()) + 10:
        wrong.append(f"{len(ended.err.splitlines())} lines of messages")
    if "damaged" in ended.err and fault.error != "ENOENT":
        wrong.append("called damaged")
    is_same = ended.status == whole.status and result(ended) == result(whole)
    if fault.when == "1" and fault.error != "ENOENT" and not is_same:
        wrong.append("another result")
    elif not is_same and Path(fault.path).name not in ended.err + ended.out:
        wrong.append("not named")
    after = contents(folder)
    wrong += [f"left {path}" for path in after if STRAY.search(path)]
    wrong += [f"lost {path}" for path in before.keys() - after.keys()]
    return wrong


def try_command(name: str, start: Path, args: argparse.Namespace) -> Counter:
    """Try all faults of one command; print those that do harm, and count."""
    outcomes: Counter = Counter()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve() / "here"
        shutil.copytree(start, folder)
        whole = failing_writes.run(name, folder, f"-etrace={CALLS}")
        if whole.status not in OK_STATUSES.get(name, (0,)):
            raise SystemExit(f"{name} fails by itself: {whole.err}")
        cases = faults_of(whole.written, folder, args.errors)
        for number, fault in list(enumerate(cases))[args.first :: args.step]:
            if args.only not in (None, number):
                continue
            shutil.rmtree(folder)
            shutil.copytree(start, folder)
            before = contents(folder)
            ended = failing_writes.run(name, folder, f"-etrace={CALLS}", *fault.options)
            if not any("(INJECTED)" in line for line in ended.written):
                outcomes["missed"] += 1
                continue
            wrong = complaints(name, folder, fault, before, ended, whole)
            outcomes["harm" if wrong else f"exit status {ended.status}"] += 1
            if wrong or args.show:
                print(f"{name} {number} {fault}: {wrong}; {ended.err.strip().splitlines()[-1:]}", flush=True)
            if args.show:
                print(ended.err, *(line for line in ended.written if "(INJ" in line), sep="\n", flush=True)
    return outcomes


def main() -> None:
    """Try the commands that are named; exit with status 1 if a fault does harm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", choices=[*COMMANDS, []], help="default: all")
    parser.add_argument("--errors", nargs="+", choices=ERRORS, default=ERRORS, help="default: all of them")
    parser.add_argument("--first", type=int, default=0, help="leave out the faults before this one")
    parser.add_argument("--step", type=int, default=1, help="try every N-th fault (default: 1)")
    parser.add_argument("--only", type=int, help="try one fault, by its number")
    parser.add_argument("--show", action="store_true", help="print what the command says")
    args = parser.parse_args()
    harm = 0
    with tempfile.TemporaryDirectory() as place:
        names = args.commands or list(COMMANDS)
        start = prepare(Path(place).resolve() / "start", names)
        for name in names:
            outcomes = try_command(name, start, args)
            harm += outcomes.get("harm", 0)
            print(name, dict(outcomes), flush=True)
    sys.exit(bool(harm))


if __name__ == "__main__":
    main()

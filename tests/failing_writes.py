"""Make every write of a command fail once, and look at what it says, leaves and does afterwards. Needs strace (Linux).

    python tests/failing_writes.py                                     every write of every command
    python tests/failing_writes.py --distinct                          of writes alike only three, in some hours
    python tests/failing_writes.py train export --errors ENOSPC        of two commands, as on a full disk
    python tests/failing_writes.py check --only 3 --show               one fault, and what was said

A command is run once to list its calls that write below its folder: to open a file for writing, write, fsync, rename,
link, make a folder. Then it is run once for each of them, in a fresh copy of the folder, while strace makes that call
fail. Each time it must end with exit status 0, if it can do without that file and says so, or with one line and 2; what
was there before must be the same; nothing unfinished may be left; and the command must then succeed. The last is not
asked again where an earlier fault left exactly the same files.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HANG_SECONDS = 300  # Chromium may wait for itself if a call of its own fails; the fault then counts as missed
ERRORS = ("ENOSPC", "EIO", "EACCES")
CALLS = "openat,write,pwrite64,writev,fsync,fdatasync,rename,renameat2,link,linkat,mkdir,ftruncate,sendfile"
CALLS += ",copy_file_range"
SEED = "--seed 1"  # the same weights each time
# In a folder with 24 photos, a run of each kind (head, net), and a cache of its own.
COMMANDS = {
    "train": f"train.py photos --run new {SEED}",
    "train-network": f"train.py photos --preset elephants_cars --image-size 32 --epochs 2 --run new {SEED}",
    "resume": "train.py --resume runs/net --epochs 3",
    "seeds": "train.py photos --seeds 2 --run new",
    "evaluate": "evaluate.py unseen --weights runs/head",
    "predict": "predict.py photos --weights runs/head --show --csv",
    "explain": "predict.py photos/cars/000.jpg --weights runs/net --explain",
    "fast": "predict.py photos --weights runs/head --fast",
    "weights-alone": "predict.py photos/cars/000.jpg --weights alone.weights.h5",
    "check": "check.py photos",
    "export": "export.py runs/head --to tflite tflite-int8 onnx",
    "html": "export.py runs/head --to html",
    "saved-model": "export.py runs/head --to saved_model",
    "preview": "augment_preview.py photos",
    "split": "data/prepare.py split photos --output parts",
    "demo": "data/prepare.py demo --output drawn --per-class 4 4 4",
}
# What a failed command may leave, since the next one goes on from it or takes another name.
MAY_LEAVE = re.compile(
    r"evaluations|preview(/\d+_\d+\.jpeg)?|predictions|checks|runs|parts(/.*)?|runs/new(-seed-\d+)?(/.*)?|cache(/.*)?|runs/net/.*"
)
STRAY = re.compile(r"\.tmp-")
OK_STATUSES = {"check": (0, 1), "predict": (0, 1)}  # 1: it found something, or a photo that cannot be read


@dataclass(frozen=True)
class Fault:
    """The `place`-th call of its kind in a thread, which writes to `path`."""

    call: str
    place: int
    path: str

    def __str__(self) -> str:
        return f"{self.call} {self.place} {self.path}"

    @property
    def is_of_output(self) -> bool:
        """Is what is printed lost? All files are complete then."""
        return self.path.startswith("pipe:")


@dataclass(frozen=True)
class Ended:
    """How a command ended. `written` are the lines of strace."""

    status: int
    out: str
    err: str
    written: list[str]


def run(name: str, folder: Path, *strace: str, options: tuple[str, ...] = ()) -> Ended:
    """Run a command in a folder with further options, under strace with some of its own."""
    log = folder.parent / "strace.log"
    script, *usual = COMMANDS[name].split()
    traced = ["strace", "-f", "-qq", "-y", "-o", str(log), "--seccomp-bpf", f"-etrace={CALLS}", *strace]
    environment = {
        **os.environ,
        "IMAGE_CLASSIFICATION_KIT_CACHE": str(folder / "cache"),
        "TMPDIR": str(folder / "temporary"),
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    with subprocess.Popen(
        [*traced, sys.executable, str(ROOT / script), *usual, *options],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=HANG_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # also what the command has started
            out, err = process.communicate()
    return Ended(process.returncode, out, err, log.read_text(errors="replace").splitlines())


def faults_of(lines: list[str], folder: Path) -> list[Fault]:
    """The calls that write below a folder, once each, with the number of the call in its thread."""
    counts: Counter = Counter()
    faults = []
    for line in lines:
        if not (found := re.match(r"(\d+) +(\w+)\((.*)", line)):
            continue  # the end of a call that another thread interrupted
        thread, call, told = found.groups()
        counts[thread, call] += 1
        if (path := written_path(call, told, folder)) and "EEXIST" not in told:
            faults.append(Fault(call, counts[thread, call], path))
    return list(dict.fromkeys(faults))


def written_path(call: str, told: str, folder: Path) -> str | None:
    """The path below a folder that a call writes to, from its arguments as strace shows them."""
    if call == "openat" and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", told):
        return None
    # They either name paths in quotation marks, or have a number that strace translates: fsync(3</the/path>).
    by_name = told.startswith(("AT_FDCWD", '"'))
    paths = re.findall(r'"([^"]*)"', told) if by_name else re.findall(r"^\d+<(.*?)>", told)
    below = [path for path in (os.path.join(folder, path) for path in paths) if path.startswith(f"{folder}/")]
    return os.path.relpath(below[-1], folder) if below else None


def distinct(faults: list[Fault], errors: list[str]) -> list[tuple[Fault, str]]:
    """The first, the middle and the last of faults alike, which differ in numbers only, with an error each in turn.

    All errors if there is but one.
    """
    alike = defaultdict(list)
    for fault in faults:
        alike[fault.call, re.sub(r"\d+|\.tmp-.*", "#", fault.path)].append(fault)
    cases = []
    for group in alike.values():
        chosen = dict.fromkeys((group[0], group[len(group) // 2], group[-1]))
        turns = max(len(chosen), len(errors))
        cases += zip(islice(cycle(chosen), turns), islice(cycle(errors), turns), strict=True)
    return cases


def contents(folder: Path) -> dict[str, bytes | None]:
    """Each file below a folder and its bytes; None for a folder."""
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


def digest(folder: Path) -> str:
    """Of all files below a folder, and their names."""
    return hashlib.sha256(repr(sorted(contents(folder).items())).encode()).hexdigest()


def complaints(name: str, folder: Path, fault: Fault, before: dict, ended: Ended, whole: Ended) -> list[str]:
    """What is wrong after a fault: with what was said, and with what was left."""
    wrong = []
    good = OK_STATUSES.get(name, (0,))
    if ended.status not in (*good, 2):
        wrong.append(f"exit status {ended.status}")
    if "Traceback" in ended.err:
        wrong.append("a traceback")
    if ended.status == 2 and not re.search(r"\w+\.py: error: .+\Z", ended.err.strip().splitlines()[-1]):
        wrong.append("the last line is no error")
    if ended.status in good and len(ended.out.split()) < len(whole.out.split()) - 3:
        wrong.append("status 0 without the whole result")
    if len(ended.err.splitlines()) > len(whole.err.splitlines()) + 10:
        wrong.append(f"{len(ended.err.splitlines())} lines of messages")
    after = contents(folder)
    wrong += [f"left {path}" for path in after if STRAY.search(path)]
    wrong += [f"lost {path}" for path in before.keys() - after.keys() if not path.startswith("cache")]
    changed = [path for path in before.keys() & after.keys() if before[path] != after[path]]
    wrong += [f"changed {path}" for path in changed if not MAY_LEAVE.fullmatch(path)]
    was_complete = fault.is_of_output or (folder / fault.path).is_dir()  # its files had their names already
    if ended.status == 2 and not was_complete:
        new = after.keys() - before.keys() - complete_exports(name, folder)
        wrong += [f"left {path}" for path in new if not MAY_LEAVE.fullmatch(path)]
    return wrong + [f"left half of {path}" for path in after if after[path] == b"" and before.get(path) != b""]


def complete_exports(name: str, folder: Path) -> set[str]:
    """The files of the formats before the one that failed, if each has all that belongs to it."""
    place = folder / "runs/head/exports"
    if name != "export" or not (place / "export.json").exists():
        return set()
    order = ["head.tflite", "head-int8.tflite", "head.onnx"]
    done = list(json.loads((place / "export.json").read_text())["exports"])
    readers = {"reader_tflite.py"} | ({"reader_onnx.py"} if "head.onnx" in done else set())
    examples = {f"examples/{kind}.png" for kind in ("grey", "transparent", "turned")}
    whole = {*done, *readers, *examples, "examples", "classes.json", "export.json"}
    is_sound = done == order[: len(done)] and {str(path.relative_to(place)) for path in place.rglob("*")} == whole
    return {"runs/head/exports", *(f"runs/head/exports/{path}" for path in whole)} if is_sound else set()


def complaints_afterwards(name: str, folder: Path, ended: Ended, weights: bytes | None) -> list[str]:
    """What is wrong with the same command after the fault is over."""
    good = OK_STATUSES.get(name, (0,))
    if name in ("train", "train-network", "seeds"):
        for path in folder.glob("runs/new*"):
            shutil.rmtree(path)
    elif ended.status in good:
        return []  # its outputs are there
    again = run(name, folder)
    if name == "export" and "exists; add --force" in again.err:  # the formats before the one that failed are there
        again = run(name, folder, options=("--force",))
    wrong = [f"afterwards exit status {again.status}: {again.err[-300:]}"] if again.status not in good else []
    if weights is not None and weights != weights_of(folder, name):
        wrong.append("afterwards other weights")
    return wrong + [f"afterwards there is {path}" for path in contents(folder) if STRAY.search(path)]


def weights_of(folder: Path, name: str) -> bytes | None:
    """The weights that a training left."""
    path = folder / "runs" / ("net" if name == "resume" else "new") / "best.weights.h5"
    return path.read_bytes() if name in ("train", "train-network", "resume") and path.exists() else None


def prepare(folder: Path, names: list[str]) -> Path:
    """Make the folder that these commands start in."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for part, label, colour in (
        ("photos", "cars", (200, 60, 60)),
        ("photos", "elephants", (60, 60, 200)),
        ("unseen", "cars", (200, 60, 60)),
    ):
        (folder / part / label).mkdir(parents=True)
        for number in range(12):
            image = np.clip(rng.normal(colour, 40, (40, 40, 3)), 0, 255)
            image[rng.integers(0, 30) :, rng.integers(0, 30) :] /= 2
            Image.fromarray(image.astype(np.uint8)).save(folder / part / label / f"{number:03}.jpg")
    for needed in ("temporary", "cache"):
        (folder / needed).mkdir()
    asked = " ".join(COMMANDS[name] for name in names)
    for name, kind, uses in (("train", "head", r"runs/head"), ("train-network", "net", r"\bnet\b|alone")):
        if not re.search(uses, asked):
            continue
        made = run(name, folder)
        assert made.status == 0, made.err
        (folder / "runs/new").rename(folder / "runs" / kind)
        if kind == "net":
            shutil.copy(folder / "runs/net/best.weights.h5", folder / "alone.weights.h5")
    shutil.rmtree(folder / "cache")
    (folder / "cache").mkdir()
    return folder


def try_command(name: str, start: Path, args: argparse.Namespace) -> Counter:
    """Try all faults of one command; print those that do harm, and count."""
    outcomes: Counter = Counter()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve() / "here"
        shutil.copytree(start, folder)
        whole = run(name, folder)
        if whole.status not in OK_STATUSES.get(name, (0,)):
            raise SystemExit(f"{name} fails by itself: {whole.err}")
        weights = weights_of(folder, name)
        faults, known = faults_of(whole.written, folder), set()
        cases = distinct(faults, args.errors) if args.distinct else list(product(faults, args.errors))
        for number, (fault, error) in list(enumerate(cases))[args.first :: args.step]:
            if args.only not in (None, number):
                continue
            shutil.rmtree(folder)
            shutil.copytree(start, folder)
            before = contents(folder)
            ended = run(name, folder, f"-einject={fault.call}:error={error}:when={fault.place}")
            hit = [line for line in ended.written if "(INJECTED)" in line]
            calls = [re.match(r"\d+ +(\w+)\((.*)", line) for line in hit]
            if not all(found and written_path(*found.groups(), folder) for found in calls) or not hit:
                outcomes["missed"] += 1  # Python opened its own files in another order, for instance
                continue
            wrong = complaints(name, folder, fault, before, ended, whole)
            if not fault.is_of_output and (left := digest(folder)) not in known:
                known.add(left)
                wrong += complaints_afterwards(name, folder, ended, weights)
            outcomes["harm" if wrong else f"exit status {ended.status}"] += 1
            if wrong or args.show:
                said = ended.err.strip().splitlines()[-1:]
                print(
                    f"{name} {number} {error} at {fault}: {wrong}; {said}",
                    flush=True,
                )
            if args.show:
                print(ended.err, *hit, sep="\n", flush=True)
    return outcomes


def main() -> None:
    """Try the commands that are named; exit with status 1 if a fault does harm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", choices=[*COMMANDS, []], help="default: all")
    parser.add_argument("--errors", nargs="+", choices=ERRORS, default=ERRORS, help="default: all of them")
    parser.add_argument("--distinct", action="store_true", help="three of faults alike, each with another error")
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

"""Train, predict, check, export, evaluate and serve for hours, and say whether anything grows.

    python tests/soak.py --hours 2
    python tests/soak.py --rounds 3 --load 1       a quick look

A round runs each command in this one process, as a notebook would, with `image_kit.load` asked from several threads;
then each command as a process of its own; and asks a server, predict.py --serve, which lives through all rounds.
After a round the memory, open files and threads of this process and of the server are read, with the memory that the
processes took at most, what is left in the folder for temporary files, and the files in the cache folder.

What is read grows if the line through it (Theil and Sen: the median slope of all pairs, which single high values do
not move) rises by more than its tolerance from the end of the warm-up, the first quarter, to the end. Exit status 1 if
anything grows. Between the rounds it sleeps, so that it uses the share of one core that --load names.
"""

import argparse
import contextlib
import csv
import importlib
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
# What may grow from the end of the warm-up to the end of the run. Allocators round and fragment, so memory rises by
# some megabytes whatever a program does; what is lost in each round exceeds them in the hundred rounds of two hours.
# Handles, threads and files are counted exactly: one that is lost in every second round is found after three.
# Features are kept in some files, which are merged when there are many.
TOLERANCES = {"memory": 24.0, "files": 0.9, "threads": 0.9, "left": 0.9, "cached": 8.9}  # MB, or a number
WARM_UP = 1 / 4  # of the rounds: caches fill, libraries start their threads
FEWEST = 8  # rounds, to judge; fewer only show that all commands work
COUNTS = {"cats": 14, "dogs": 12}  # photos to train on
THREADS = 4  # that ask one classifier at once
FIRST_REQUESTS = 60  # times all photos: each of the server's 72 threads takes 1 MB for good when it first answers
# A process counts the memory of the one that it was forked from, which has grown large here; so a small one starts it.
LAUNCHER = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
SELDOM = 4  # what takes as long as all else, a browser and TensorFlow, has its turn in every fourth round


def main() -> None:
    """Soak, print the table of what was read, and exit with status 1 if anything grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=10**9, help="at most (default: as many as the hours allow)")
    parser.add_argument("--load", type=float, default=0.5, help="share of one core (default: %(default)s)")
    parser.add_argument("--log", type=Path, metavar="CSV", help="a file for what was read after each round")
    parser.add_argument("--only", choices=("one", "many"), help="one process, or many (default: both)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the server, too
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        readings = soak(Path(folder), args)
    print(describe(readings))
    sys.exit(bool(growing(readings)))


def soak(folder: Path, args: argparse.Namespace) -> list[dict[str, float]]:
    """Run rounds in `folder`; returns what was read after each."""
    prepare(folder)
    end, readings = time.monotonic() + args.hours * 3600, []
    with serving(folder, args.rounds >= FEWEST) as server:
        while len(readings) < args.rounds and time.monotonic() < end:
            began, used = time.monotonic(), cpu_seconds()
            steps = commands(len(readings))
            reading = {}
            if args.only != "many":
                run_in_this_process(steps)
            if args.only != "one":
                reading["memory of processes"] = run_processes(steps)
            ask_server(server)
            clear(folder)
            readings.append(reading | read(folder, server))
            if args.log:
                write_log(args.log, readings)
            busy = (cpu_seconds() - used) / args.load - (time.monotonic() - began)
            time.sleep(min(max(0.0, busy), max(0.0, end - time.monotonic())))
    return readings


def prepare(folder: Path) -> None:
    """Photos, and folders of its own for temporary files and the cache; the working folder is `folder` from now on."""
    for name in ("temporary", "cache"):
        (folder / name).mkdir()
    os.environ |= {
        "TMPDIR": str(folder / "temporary"),
        "IMAGE_CLASSIFICATION_KIT_CACHE": str(folder / "cache"),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    tempfile.tempdir = None
    rng = np.random.default_rng(0)
    for part, share in (("photos", 1), ("new", 0.5)):
        for number, (name, count) in enumerate(COUNTS.items()):
            (folder / part / name).mkdir(parents=True)
            for photo in range(int(count * share)):
                pixels = rng.integers(0, 120, (48, 64, 3), np.uint8) + np.uint8(100) * (np.arange(3) == 2 * number)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / part / name / f"{photo}.jpg")
    os.chdir(folder)
    sys.path[:0] = [str(ROOT), str(ROOT / "data")]


def commands(number: int) -> list[list[str]]:
    """The command lines of a round; each one's results go to folders of this round."""
    run, is_long = f"runs/soak-{number}", number % SELDOM == SELDOM - 1
    tutorial = ["train.py", "photos", "--preset", "elephants_cars", "--image-size", "32", "--epochs", "1"]
    return [
        ["train.py", "photos", "--run", f"soak-{number}"],
        *([[*tutorial, "--run", f"tutorial-{number}"]] if is_long else []),
        ["predict.py", "new/cats/0.jpg", "new/dogs", "--weights", run, "--json"],
        ["predict.py", "new", "--weights", run, "--show"],
        ["evaluate.py", "new", "--weights", run],
        ["evaluate.py", "--list"],
        ["check.py", "photos"],
        ["export.py", run, "--to", "tflite", *(["html"] if is_long else [])],
        *([["augment_preview.py", "photos/cats/0.jpg"]] if is_long else []),
        ["data/prepare.py", "split", "photos", "--output", f"sets/{number}"],
        ["predict.py", "no_such_photo.jpg", "--weights", run],  # errors must lose nothing either
        ["train.py", "new/cats"],
    ]


def run_in_this_process(steps: list[list[str]]) -> None:
    """Each command by its main function, and a classifier of the run in several threads."""
    from image_kit.errors import UserError

    for script, *arguments in steps:
        module = importlib.import_module(Path(script).stem)
        sys.argv = [script, *arguments]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                module.main()
                status = 0
            except UserError:
                status = 2
            except SystemExit as ended:
                status = int(ended.code or 0)
        check_status([script, *arguments], status, said.getvalue())
        if script == "train.py" and status == 0 and "soak" in arguments[-1]:
            ask_in_threads(Path("runs") / arguments[-1])
    clear(Path.cwd())  # the processes' results have the same names


def ask_in_threads(run: Path) -> None:
    """Load the run, ask it from several threads, and close it."""
    import image_kit

    photos = sorted(Path("new").rglob("*.jpg"))
    with image_kit.load(run) as classifier, ThreadPoolExecutor(THREADS) as pool:
        for answers in pool.map(lambda photo: list(classifier.predict([photo, photo])), photos):
            assert all(answer.error is None for answer in answers), answers
        assert classifier.features(photos).shape[0] == len(photos)


def run_processes(steps: list[list[str]]) -> float:
    """Each command as a process; returns the most memory that one of them took, in MB."""
    most = 0
    for script, *arguments in steps:
        command = [sys.executable, "-c", LAUNCHER, sys.executable, str(ROOT / script), *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        check_status([script, *arguments], done.returncode, done.stderr)
        most = max(most, int(done.stdout))
    return most / 1024


def check_status(step: list[str], status: int, said: str) -> None:
    """Raise RuntimeError unless the command ended as it should: 1 means that photos are bad, 2 that the user erred."""
    expected = (2,) if step == ["train.py", "new/cats"] else (1,) if "no_such_photo.jpg" in step else (0,)
    if status not in (expected if step[0] != "check.py" else (0, 1)):
        raise RuntimeError(f"{' '.join(step)}: exit status {status}\n{said}")


@contextlib.contextmanager
def serving(folder: Path, warms_up: bool) -> Iterator[tuple[subprocess.Popen, str]]:
    """A server of a run of its own: its process and address."""
    run_processes([["train.py", "photos", "--run", "served"]])
    os.rename("runs/served", "served")
    command = [sys.executable, str(ROOT / "predict.py"), "--serve", "--port", "0", "--weights", "served"]
    with open(folder / "server.txt", "wb+") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        try:
            while not (found := re.search(rb"http://\S+", (folder / "server.txt").read_bytes())):
                if process.poll() is not None:
                    raise RuntimeError(f"the server ended: {(folder / 'server.txt').read_text(encoding='utf-8')}")
                time.sleep(0.1)
            for _ in range(FIRST_REQUESTS if warms_up else 1):
                ask_server((process, found.group().decode()))
            yield process, found.group().decode()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def ask_server(server: tuple[subprocess.Popen, str]) -> None:
    """Requests at once, one of them with no photo."""
    photos = [path.read_bytes() for path in sorted(Path("new").rglob("*.jpg"))]

    def ask(body: bytes) -> dict:
        request = urllib.request.Request(server[1] + "predict", body, {"Content-Type": "image/jpeg"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    with ThreadPoolExecutor(THREADS) as pool:
        *answers, refused = pool.map(ask, [*photos, b"no photo"])
    assert all("label" in str(answer) for answer in answers), answers
    assert "error" in refused, refused


def clear(folder: Path) -> None:
    """Remove the results of a round, as a user would; what is not a result stays and is counted."""
    for name in ("runs", "checks", "evaluations", "predictions", "preview", "sets"):
        rmtree(folder / name, ignore_errors=True)


def read(folder: Path, server: tuple[subprocess.Popen, str]) -> dict[str, float]:
    """Memory in MB, open files and threads, of this process and the server; files left over, and in the cache."""
    found = {}
    for who, process in (("", "self"), (" of the server", str(server[0].pid))):
        status = Path("/proc", process, "status").read_text(encoding="utf-8")
        found[f"memory{who}"] = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
        found[f"threads{who}"] = int(re.search(r"Threads:\s+(\d+)", status)[1])
        found[f"files{who}"] = len(os.listdir(f"/proc/{process}/fd"))
    known = {"photos", "new", "temporary", "cache", "served", "server.txt"}
    found["left"] = sum(1 for _ in (folder / "temporary").rglob("*")) + len(set(os.listdir(folder)) - known)
    found["cached"] = sum(1 for _ in (folder / "cache").rglob("*"))
    return found


def growth(values: list[float]) -> float:
    """How far the robust line through the values rises from the end of the warm-up to the end."""
    rest = np.asarray(values[int(len(values) * WARM_UP) :], float)
    one, other = np.triu_indices(len(rest), 1)
    if not len(one):
        return 0.0
    return float(np.median((rest[other] - rest[one]) / (other - one))) * (len(rest) - 1)


def growing(readings: list[dict[str, float]]) -> list[str]:
    """The names of what grows; none if there are too few rounds to tell."""
    if len(readings) < FEWEST:
        return []
    series = {name: [each[name] for each in readings] for name in readings[0]}
    return [name for name, values in series.items() if growth(values) > TOLERANCES[name.split()[0]]]


def describe(readings: list[dict[str, float]]) -> str:
    """Markdown: what was read after the warm-up and at the end, and how far it has grown."""
    bad, first = growing(readings), int(len(readings) * WARM_UP)
    lines = [f"{len(readings)} rounds", "", "| | round 1 | after the warm-up | end | most | growth | |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name in readings[0]:
        values = [each[name] for each in readings]
        shown = (values[0], values[first], values[-1], max(values), growth(values))
        verdict = "GROWS" if name in bad else "flat" if len(readings) >= FEWEST else "too few rounds to tell"
        lines.append(f"| {name} | {' | '.join(f'{value:.1f}' for value in shown)} | {verdict} |")
    return "\n".join(lines)


def write_log(path: Path, readings: list[dict[str, float]]) -> None:
    """All readings so far, as CSV."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["round", *readings[0]])
        writer.writeheader()
        writer.writerows({"round": number, **each} for number, each in enumerate(readings))


def cpu_seconds() -> float:
    """Of this process and the processes that it has waited for."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


if __name__ == "__main__":
    main()

"""How fast training is: the tutorials as written, this project, its bare steps, and PyTorch.

    python benchmarks/training.py --data-dir DIR                    # all four presets: two hours on 2 slow cores
    python benchmarks/training.py elephants_cars --torch /path/to/python
    python benchmarks/training.py --images 64 --epochs 1 --rounds 1 --no-commands       # a quick look

An epoch is all of it: training, validation, files, progress bar. Both sides train and validate on the same images:
tutorial 1's 400 and 160 photos, made here as JPEGs of 640x427; tutorial 4's and 5's 50,000 training and 10,000 test
images; and tutorial 3's 60,000, where only ours validates, on 6,000 test images. The arrays come
from NAME.npz in --data-dir or DATASETS_DIR; otherwise they are noise of the same shape and number.
Every contender runs in a process of its own: one epoch that does not count, then --epochs that do. The processes of a
round run in turn, and the rounds repeat that, so that whatever else the machine does meets all of them. PyTorch runs in
any Python that has it (--torch). Prints Markdown: medians, and the range over all epochs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from common import cpu_name, median_and_range
from photo_files import make_photos

from image_kit.machine import cpu_cores
from presets import PRESETS

HERE = Path(__file__).resolve().parent
IMAGES = {"elephants_cars": (400, 160), "fashion_mnist": (60_000, 6_000)}  # training and validation
CIFAR10_IMAGES = (50_000, 10_000)
# What we want to reach. Printed under each table.
TARGETS = {
    "elephants_cars": "at most 2.7 s, 3.5 times the tutorial, 1.25 of the bare steps, 2 times PyTorch's bare steps",
    "fashion_mnist": "1.8 times the tutorial",
    "cifar10_small": "1.6 times the tutorial",
    "cifar10": "2 times the tutorial, 1.15 of without augmentation, 1.3 times PyTorch's bare steps",
}
BARE, PYTORCH, PLAIN = "bare steps, data in memory", "PyTorch, bare steps", "ours, without augmentation"


@dataclass
class Contender:
    """A process to start, and the results of its runs."""

    task: dict
    script: str = "training_epochs.py"
    python: str = sys.executable
    runs: list[dict] = field(default_factory=list)

    def run(self) -> None:
        """Start the process and keep its result. Raises RuntimeError with the end of its messages if it fails."""
        task = json.dumps({**self.task, "started": time.time()})
        done = subprocess.run([self.python, str(HERE / self.script), task], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{self.script} {task}: {done.stderr[-2000:]}")
        self.runs.append(json.loads(done.stdout.splitlines()[-1]))

    @property
    def epochs(self) -> list[float]:
        """Seconds of every epoch of every run."""
        return [seconds for run in self.runs for seconds in run["epochs"]]

    def median(self, name: str) -> float | None:
        """The median over runs of a value; None where there is none."""
        values = [run[name] for run in self.runs if name in run]
        return statistics.median(values) if values else None


def main() -> None:
    """Run the rounds of each preset and print its table."""
    args = parse()
    peak = Contender({"kind": "peak"})
    print(f"{cpu_cores()} cores, {cpu_name()}; TensorFlow {version('tensorflow')}, Keras {version('keras')}")
    print(f"{args.rounds} rounds of {args.epochs} epochs each; median [lowest to highest].")
    with tempfile.TemporaryDirectory() as folder:
        for preset in args.presets:
            task = prepare(preset, args, Path(folder))
            found = contenders(preset, task, args.torch)
            commands = Commands(preset, task)
            for _ in range(args.rounds):
                peak.run()
                for contender in found.values():
                    contender.run()
                if args.commands:
                    commands.run()
            report(preset, task, found, peak, commands)
    if not args.torch:
        print("\nPyTorch took no part: name a Python that has it with --torch.")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=list(TARGETS), metavar="PRESET", help=", ".join(TARGETS))
    parser.add_argument(
        "--data-dir", default=os.environ.get("DATASETS_DIR"), metavar="DIR", help="folder with NAME.npz"
    )
    parser.add_argument("--torch", metavar="PYTHON", help="a Python that has torch, in any environment")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="processes of each contender (3)")
    parser.add_argument("--epochs", type=int, default=3, metavar="N", help="epochs of each process that count (3)")
    parser.add_argument("--images", type=int, metavar="N", help="train on N images only, and validate on fewer too")
    parser.add_argument("--no-commands", dest="commands", action="store_false", help="do not time whole commands")
    args = parser.parse_args()
    if unknown := set(args.presets) - set(TARGETS):
        parser.error(f"no such preset here: {', '.join(unknown)}; choose from {', '.join(TARGETS)}")
    return args


def prepare(preset: str, args: argparse.Namespace, folder: Path) -> dict:
    """Make the data that are missing. Returns the task that all contenders of a preset get."""
    train, validation = IMAGES.get(preset, CIFAR10_IMAGES)
    if args.images:
        train, validation = args.images, max(8, args.images * validation // train)
    dataset, data = PRESETS[preset].dataset, folder
    if dataset == "photos":
        data = folder / "photos"
        make_photos(data / "train", train)
        make_photos(data / "validation", validation, seed=1)
    elif args.data_dir and (Path(args.data_dir) / f"{dataset}.npz").exists():
        data = Path(args.data_dir).resolve()
    elif not (folder / f"{dataset}.npz").exists():
        make_arrays(folder / f"{dataset}.npz", PRESETS[preset].image_shape, *IMAGES.get(preset, CIFAR10_IMAGES))
    source = "made here" if data.is_relative_to(folder) else f"{dataset}.npz"
    counts = {"train": train, "validation": validation, "source": source}
    return {
        "preset": preset,
        "dataset": dataset,
        "data": str(data),
        "folder": str(folder),
        "epochs": args.epochs,
    } | counts


def make_arrays(path: Path, shape: tuple[int, int, int], train: int, test: int) -> None:
    """A data set of noise."""
    rng = np.random.default_rng(0)
    images = {
        f"x_{part}": rng.integers(0, 256, (n, *shape), np.uint8) for part, n in (("train", train), ("test", test))
    }
    labels = {f"y_{part}": (np.arange(n) % 10).astype(np.uint8) for part, n in (("train", train), ("test", test))}
    np.savez(path, **images, **labels)


def contenders(preset: str, task: dict, torch: str | None) -> dict[str, Contender]:
    """Every way to train a preset, by the name that the table gives it."""
    ours = {**task, "kind": "ours", "precision": "auto", "augment": True}
    found = {
        "tutorial as written": Contender({**task, "kind": "tutorial"}),
        "**ours**": Contender(ours),
        "ours, float32": Contender({**ours, "precision": "float32"}),
        BARE: Contender({**ours, "kind": "step"}),
    }
    if PRESETS[preset].augment and PRESETS[preset].dataset != "photos":
        found[PLAIN] = Contender({**ours, "augment": False})
    if torch:
        batch = {"batch_size": PRESETS[preset].batch_size}
        found[PYTORCH] = Contender({**task, **batch}, "training_torch.py", torch)
    return found


class Commands:
    """Whole commands of one epoch, from the start of the process to its end: train.py's and the tutorial's."""

    def __init__(self, preset: str, task: dict):
        self.preset, self.task = preset, task
        self.seconds = {"train.py": [], "tutorial": []}

    def run(self) -> None:
        """Time both once."""
        name = self.task["data"] if self.task["dataset"] == "photos" else self.preset
        train = [HERE.parent / "train.py", name, "--epochs", "1"]
        if self.task["dataset"] != "photos":
            train += ["--data-dir", self.task["data"]]
        tutorial = [
            HERE / "training_epochs.py",
            json.dumps({**self.task, "kind": "tutorial", "epochs": 0, "started": 0}),
        ]
        for label, command in (("train.py", train), ("tutorial", tutorial)):
            begin = time.perf_counter()
            command = [sys.executable, *map(str, command)]
            subprocess.run(command, capture_output=True, check=True, cwd=self.task["folder"])
            self.seconds[label].append(time.perf_counter() - begin)


def report(preset: str, task: dict, found: dict[str, Contender], peak: Contender, commands: Commands) -> None:
    """Print a preset's table, and how it compares with the targets."""
    print(f"\n### {preset}: {task['train']:,} + {task['validation']:,} images, {task['source']}\n")
    print("| | s an epoch | times the tutorial | GFLOP/s | of the peak | first epoch, s | first step after, s |")
    print("|---|---|---|---|---|---|---|")
    flops, base = found["**ours**"].runs[0]["flops"], statistics.median(found["tutorial as written"].epochs)
    for name, contender in found.items():
        seconds = statistics.median(contender.epochs)
        is_bfloat16 = "bfloat16" in contender.runs[0].get("note", "float32")
        validated = 0 if preset == "fashion_mnist" and name == "tutorial as written" else task["validation"]
        rate = (flops["train"] * task["train"] + flops["forward"] * validated) / seconds / 1e9
        cells = (
            f"{name} ({contender.runs[0]['note']})" if "note" in contender.runs[0] else name,
            median_and_range(contender.epochs, ".2f"),
            f"{base / seconds:.2f}",
            f"{rate:.0f}",
            f"{rate / peak.median('bfloat16' if is_bfloat16 else 'float32'):.0%}",
            *(
                "" if value is None else f"{value:.1f}"
                for value in map(contender.median, ("first_epoch", "first_step"))
            ),
        )
        print(f"| {' | '.join(cells)} |")
    print(f"\nPeak of a matrix product: {peak.median('float32'):.0f} GFLOP/s in float32, ", end="")
    print(f"{peak.median('bfloat16'):.0f} in bfloat16. ", end="")
    if commands.seconds["train.py"]:
        whole = {label: statistics.median(seconds) for label, seconds in commands.seconds.items()}
        print(
            f"Whole command of one epoch: train.py {whole['train.py']:.1f} s (with its test score and files), ", end=""
        )
        print(f"the tutorial {whole['tutorial']:.1f} s. ", end="")
    for name in {BARE, PYTORCH, PLAIN} & set(found):
        print(f"Ours takes {ratio(found['**ours**'], found[name]):.2f} times {name}. ", end="")
    print(f"To reach: {TARGETS[preset]}.", flush=True)


def ratio(first: Contender, second: Contender) -> float:
    """How many times as long the first one's epoch takes."""
    return statistics.median(first.epochs) / statistics.median(second.epochs)


if __name__ == "__main__":
    main()

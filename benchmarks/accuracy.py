"""The accuracies of docs/results.md: train presets from several seeds and print a table of their test scores.

    python benchmarks/accuracy.py fashion_mnist cifar10_small --seeds 0 1 2
    python benchmarks/accuracy.py mnist_dense mnist_cnn --shift 4
    python benchmarks/accuracy.py cifar10 cifar10_plain --seeds 0
    python benchmarks/accuracy.py fashion_mnist cifar10_small --precision float32
    python benchmarks/accuracy.py mnist_dense --seeds 0 --epochs 1                  # a quick look

Runs `train.py PRESET --seed N --run PRESET-seedN` for each seed, below runs/ in the current folder. --precision is
passed on and becomes a part of the run's name. A finished run is read, not repeated; an interrupted one goes on.
train.py scores the test set once for each run, after training. The photo presets need photos in data/elephants_cars/.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from common import ROOT

from image_kit.recipe import PRECISIONS

RUNS = Path("runs")


def main() -> None:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="+", metavar="PRESET", help="see: python train.py --list")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="default: 0 1 2")
    parser.add_argument("--shift", type=int, metavar="PIXELS", help="also score the test images moved off centre")
    parser.add_argument("--precision", default="auto", choices=PRECISIONS, help="of the training (auto)")
    parser.add_argument("--epochs", type=int, metavar="N", help="of each training (the preset's)")
    args = parser.parse_args()
    print("| preset | test accuracy | n | images | best epoch | minutes of training | precision |")
    print("|---|---|---|---|---|---|---|")
    for preset in args.presets:
        runs = [finished_run(preset, seed, args) for seed in args.seeds]
        print(row(preset, runs), flush=True)
        if args.shift:
            scores = [shifted_accuracy(preset, run, args.shift) for run in runs]
            print(f"| {preset} --shift {args.shift} | {spread(scores)} | {len(runs)} | | | | |", flush=True)


def finished_run(preset: str, seed: int, args: argparse.Namespace) -> Path:
    """The run folder of a preset, seed and precision. Trains what is missing."""
    run = RUNS / f"{preset}{'' if args.precision == 'auto' else f'-{args.precision}'}-seed{seed}"
    epochs = [] if args.epochs is None else ["--epochs", args.epochs]
    if (run / "settings.json").exists() and not (run / "metrics.json").exists():
        call("train.py", "--resume", run)
    elif not run.exists():
        call("train.py", preset, "--seed", seed, "--precision", args.precision, "--run", run.name, *epochs)
    return run


def row(preset: str, runs: list[Path]) -> str:
    """One line of the table, from the runs' own files."""
    metrics = [json.loads((run / "metrics.json").read_text()) for run in runs]
    precision = json.loads((runs[0] / "environment.json").read_text())["computing"].split(" in ")[1].split()[0]
    minutes = [values["minutes_of_training"] for values in metrics]
    cells = (
        preset,
        spread([values["test"]["accuracy"] for values in metrics]),
        len(runs),
        metrics[0]["test"]["total"],
        ", ".join(str(values["best_epoch"]) for values in metrics),
        f"{statistics.median(minutes):.1f}",
        precision.rstrip("."),
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def spread(values: list[float]) -> str:
    """Mean ± standard deviation over seeds; the value itself if there is one."""
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def shifted_accuracy(preset: str, run: Path, pixels: int) -> float:
    """The accuracy of a run's best weights on its test images, moved by `pixels`."""
    output = run / f"shift-{pixels}"
    if not output.exists():
        call("evaluate.py", preset, "--weights", run, "--shift", pixels, "--output", output)
    return json.loads((output / "scores.json").read_text())["accuracy"]


def call(script: str, *arguments) -> None:
    """Run a command of the project. Its messages go to stderr; its results are read from its files."""
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    print(" ".join(command[1:]), file=sys.stderr, flush=True)
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()

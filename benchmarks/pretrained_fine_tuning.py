"""Accuracy of `train.py FOLDER --fine-tune`, each fold of the groups held out as a test part in turn.

    python benchmarks/pretrained_fine_tuning.py FOLDER --groups CSV [--epochs 9] [--folds 0 1 2 3 4]

The test part is scored once by each run, after all choices. Frozen is the same command without --fine-tune. Every run
is a process of its own. A fold of 1,198 photos takes about five minutes on two cores.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import cpu_name

from image_kit.answering import wilson_interval
from image_kit.features import make_folds
from image_kit.machine import cpu_cores
from image_kit.photos import list_classes

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the folds and print a line for each, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder for each class")
    parser.add_argument("--groups", type=Path, required=True, help="CSV: file, group")
    parser.add_argument("--epochs", default="9")
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    args = parser.parse_args()
    print(f"{cpu_cores()} cores, {cpu_name()}", flush=True)
    group_of = read_groups(args.groups)
    files = [f"{name}/{path.name}" for name, paths in list_classes(args.folder).items() for path in paths]
    labels = np.unique([file.split("/")[0] for file in files], return_inverse=True)[1]
    groups = np.unique([group_of[file] for file in files], return_inverse=True)[1]
    fold_of = make_folds(labels, groups)[0]
    sums = {"frozen": [0, 0], "fine-tuned": [0, 0]}
    for fold in args.folds:
        with tempfile.TemporaryDirectory() as folder:
            divide(args.folder, files, fold_of == fold, group_of, Path(folder))
            for name, options in (("frozen", ()), ("fine-tuned", ("--fine-tune", args.epochs))):
                metrics = train(Path(folder), name, options)
                test = metrics["test"]
                sums[name][0] += test["correct"]
                sums[name][1] += test["total"]
                kept = metrics.get("fine_tuning", {})
                seconds = round(60 * metrics.get("minutes_of_training", 0))
                print(f"fold {fold} {name}: {test['correct']} of {test['total']} {kept} {seconds} s", flush=True)
    for name, (correct, total) in sums.items():
        low, high = wilson_interval(correct, total)
        print(f"{name}: {correct} of {total}: {correct / total:.4f} (Wilson {low:.3f} to {high:.3f})")


def read_groups(path: Path) -> dict[str, str]:
    """The group of each file."""
    with open(path, encoding="utf-8", newline="") as file:
        return {row[0]: row[1] for row in csv.reader(file)}


def divide(photos: Path, files: list[str], is_test: np.ndarray, group_of: dict[str, str], folder: Path) -> None:
    """Make folder/photos/{train,test}/CLASS of links, and folder/groups.csv."""
    rows = []
    for file, tested in zip(files, is_test, strict=True):
        name = f"{'test' if tested else 'train'}/{file}"
        link = folder / "photos" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        os.symlink((photos / file).resolve(), link)
        rows.append((name, group_of[file]))
    with open(folder / "groups.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def train(folder: Path, name: str, options: tuple[str, ...]) -> dict:
    """Run train.py; returns metrics.json."""
    command = [sys.executable, str(ROOT / "train.py"), "photos", "--groups", "groups.csv", "--run", name, *options]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return json.loads((folder / "runs" / name / "metrics.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

"""The preset `pretrained` on real photos: its speed, accuracy, trust, answers and memory.

    python benchmarks/pretrained.py speed accuracy trust answering memory --data DIR     # about half an hour on 2 cores
    python benchmarks/pretrained.py speed                                                # one part alone
    python benchmarks/pretrained.py fruit-test                                           # once, at the very end

DIR, or the environment variable DATASETS_DIR, has photos/ (elephants and cars), clothing/ with clothing_senders.csv,
fruit/ (train, validation, test) and cifar10.npz. Features are kept in a temporary folder. Each part runs in a process
of its own, and each command that is measured, too. Prints Markdown. Parts:

- speed: train.py on photos and clothing, from command to finished run, features not known and known.
- accuracy: cross-validation of clothing by senders and at random, of elephants and cars, of fruit; what the defaults
  are worth; few photos of each class, scored on those of other senders.
- few-network: a head and the network of elephants_cars, trained on the same few photos.
- trust: coverage, calibration error, own photos and strangers that are refused.
- answering: 1,000 photos and one photo, against Keras's model.predict of MobileNetV2.
- memory: train.py on 5,000 to 20,000 photos.
- fruit-test: the test part of fruit. No choice may depend on it, so it has to be named alone.

Goal times are for a processor that takes 3.4 ms for the features of an image of 224x224 (EfficientNet-Lite0, two
threads). On another one they scale with what it takes there, which the part speed measures.
"""

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from common import cpu_name

from image_kit.machine import cpu_cores

# Part -> its module, which is imported in its process only: the parts that report memory must hold little.
PARTS = {
    "speed": "pretrained_commands",
    "accuracy": "pretrained_accuracy",
    "few-network": "pretrained_accuracy",
    "trust": "pretrained_trust",
    "answering": "pretrained_commands",
    "memory": "pretrained_commands",
    "fruit-test": "pretrained_accuracy",
}
COLUMNS = ("what", "result", "95 % interval or range", "data and split", "n", "seeds or rounds", "goal")
CACHE = "IMAGE_CLASSIFICATION_KIT_CACHE"


def main() -> None:
    """Run the parts, each in a process of its own."""
    args = parse()
    if len(args.parts) == 1:
        return run_part(args.parts[0], args)
    for part in args.parts:
        subprocess.run([sys.executable, __file__, part, *options(args)], check=True)


def options(args: argparse.Namespace) -> list[str]:
    """The options, for the process of one part."""
    given = {"--data": [args.data], "--photos": args.photos, "--few": args.few}
    given |= {"--rounds": [args.rounds], "--starts": [args.starts], "--seeds": [args.seeds]}
    return [str(each) for option, values in given.items() for each in (option, *values)]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--data", type=Path, default=os.environ.get("DATASETS_DIR"), metavar="DIR")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="starts of each command (3)")
    parser.add_argument("--starts", type=int, default=20, metavar="N", help="answers to one photo, cold (20)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="divisions into folds (3)")
    parser.add_argument(
        "--photos",
        type=int,
        nargs="+",
        default=[5_000, 10_000, 20_000],
        metavar="N",
        help="photos of the part memory; a fifth of the first is what answering answers (5000 10000 20000)",
    )
    parser.add_argument(
        "--few", type=int, nargs="+", default=[5, 10, 30], metavar="N", help="few photos of each class (5 10 30)"
    )
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data: give the folder of the data, or set DATASETS_DIR")
    if "fruit-test" in args.parts and len(args.parts) > 1:
        parser.error("fruit-test: name it alone; it is scored once, when every choice has been made")
    args.data = args.data.resolve()
    return args


def run_part(part: str, args: argparse.Namespace, modules: Mapping[str, str] = PARTS) -> None:
    """Print a part's table; `modules` names the module of each part."""
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault(CACHE, str(Path(folder, "cache")))
        function = getattr(importlib.import_module(modules[part]), part.replace("-", "_"))
        print(f"\n### {part}: {cpu_cores()} cores, {cpu_name()}\n")
        print("| " + " | ".join(COLUMNS) + " |")
        print("|---" * len(COLUMNS) + "|", flush=True)
        for row in function(args, Path(folder)):
            print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print(f"\nOther programs ran: load {before:.1f} before, {os.getloadavg()[0]:.1f} at the end.", flush=True)


if __name__ == "__main__":
    main()

"""Images a second of fine-tuning EfficientNet-Lite0, ours beside PyTorch's with the same recipe.

    python benchmarks/fine_tuning.py --torch PYTHON       PYTHON: one that has torch and timm, in any environment
    python benchmarks/fine_tuning.py --torch PYTHON --photos DIR      also with each one's own loader; needs torchvision

Both train the same layers with AdamW in batches of 32, with frozen batch statistics and label smoothing: the layers
that `--fine-tune` trains, and all layers. The contenders take turns, and each round is a process of its own. Bare steps
run on one batch in memory. With --photos, whole epochs are timed, in which both cut, enlarge and mirror each photo:
ours from decoded photos that are kept in memory, PyTorch with torchvision's transforms in two processes that decode,
which is how each is used. The first epoch, in which ours decodes, is left out.
"""

import argparse
import statistics
from importlib.metadata import version
from operator import truediv
from pathlib import Path

from common import cpu_name, median_and_range
from training import Contender

from image_kit.machine import cpu_cores

FROZEN = {"the layers that --fine-tune trains": True, "all layers": False}
PRECISIONS = {"bfloat16": "mixed_bfloat16", "float32": "float32"}
BATCH = 32
GOAL = 1.5  # times PyTorch's images a second, at its best precision


def main() -> None:
    """Run the rounds and print a table for each choice of layers."""
    args = parse()
    print(f"{cpu_cores()} cores, {cpu_name()}; TensorFlow {version('tensorflow')}, Keras {version('keras')}")
    print(f"{args.rounds} rounds of {args.steps} steps of {BATCH} images each; median [lowest to highest].")
    for title, frozen in FROZEN.items():
        found = contenders(args, frozen)
        for _ in range(args.rounds):
            for contender in found.values():
                contender.run()
        report(title, found)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", metavar="PYTHON", help="a Python that has torch and timm, in any environment")
    parser.add_argument("--photos", metavar="DIR", type=Path, help="a folder of photos, one folder for each class")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="processes of each contender (3)")
    parser.add_argument("--steps", type=int, default=8, metavar="N", help="steps of each process that count (8)")
    return parser.parse_args()


def contenders(args: argparse.Namespace, frozen: bool) -> dict[str, Contender]:
    """Every way to train, by the name that the table gives it."""
    found = {}
    for folder in (None, *([str(args.photos.resolve())] if args.photos else [])):
        task = {"frozen": frozen, "batch_size": BATCH, "steps": args.steps, "photos": folder}
        what = "photos from files" if folder else "bare steps"
        for name, policy in PRECISIONS.items():
            ours = {**task, "policy": policy}
            found[f"**ours**, {name}, {what}"] = Contender(ours, "fine_tuning_steps.py")
            if args.torch:
                theirs = {**task, "bfloat16": name == "bfloat16"}
                found[f"PyTorch, {name}, {what}"] = Contender(theirs, "fine_tuning_torch.py", args.torch)
    return found


def report(title: str, found: dict[str, Contender]) -> None:
    """Print one table: images a second, and how many times as fast as PyTorch's best in the same round."""
    print(f"\n### Fine-tuning: {title}\n")
    print("| | images a second | times PyTorch's best |")
    print("|---|---|---|")
    for name, contender in found.items():
        rates, work = [run["rate"] for run in contender.runs], name.rpartition(", ")[2]
        rivals = [found[other] for other in found if other.startswith("PyTorch") and other.endswith(work)]
        best = [max(runs) for runs in zip(*([run["rate"] for run in rival.runs] for rival in rivals), strict=True)]
        times = f"{statistics.median(map(truediv, rates, best)):.2f}" if best else ""
        note = f" ({contender.runs[0]['note']})" if "note" in contender.runs[0] else ""
        print(f"| {name}{note} | {median_and_range(rates, '.1f')} | {times} |")
    print(f"\nTo reach: {GOAL} times PyTorch's best.", flush=True)


if __name__ == "__main__":
    main()

"""Does `predict.py --fast` answer as well as without it? Both, on the test images of a run on an array data set.

    python benchmarks/fast_accuracy.py runs/cifar10_small-1 --data-dir DIR        # 10,000 images: half a minute

None of these images was trained on or calibrated with. Prints Markdown.
"""

import argparse
from pathlib import Path

import numpy as np
from common import cpu_name

from image_kit.answering import Classifier, load_classifier
from image_kit.datasets import load_arrays
from image_kit.exports import load_fast_classifier
from image_kit.training import RunFolder
from image_kit.weights import find_weights

BATCH = 256  # images


def main() -> None:
    """Ask both about all images, and print accuracy and what changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="trained on an array data set")
    parser.add_argument("--data-dir", metavar="DIR", help="folder with NAME.npz")
    args = parser.parse_args()
    print(f"{cpu_name()}\n")
    print("| run | images | accuracy | with --fast | points | other answers | refused by one of both only |")
    print("|---|---|---|---|---|---|---|")
    for run in args.runs:
        recipe = RunFolder(run).read_settings().recipe
        test, weights = load_arrays(recipe, args.data_dir).parts["test"], find_weights(run)
        images, labels = test.take(np.arange(len(test.labels))), test.labels
        exact, known = ask(load_classifier(weights), images)
        fast, still_known = ask(load_fast_classifier(weights), images)
        accuracy, fast_accuracy = (exact == labels).mean(), (fast == labels).mean()
        cells = [run.name, f"{len(labels):,}", f"{accuracy:.4f}", f"{fast_accuracy:.4f}"]
        cells += [f"{100 * (fast_accuracy - accuracy):+.2f}", f"{(exact != fast).sum():,}"]
        print("|", " | ".join([*cells, f"{(known != still_known).sum():,}"]), "|", flush=True)


def ask(classifier: Classifier, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The classes, int (n,), and whether each image is like the training images, bool (n,)."""
    classes, known = [], []
    for start in range(0, len(images), BATCH):
        probabilities, sets = classifier.answers(images[start : start + BATCH])
        classes.append(probabilities.argmax(axis=1))
        known += [True] * len(probabilities) if sets is None else map(bool, sets)
    return np.concatenate(classes), np.array(known)


if __name__ == "__main__":
    main()

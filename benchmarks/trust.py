"""How far the answers of trained networks can be trusted: coverage, set sizes, calibration error, refused pictures.

    python benchmarks/trust.py runs/fashion_mnist-seed0 runs/cifar10_small-seed0
    python benchmarks/trust.py runs/elephants_cars-seed0 --unknown cifar10 my_photos --coverage 0.9

Calibrates each run's best weights again on its training and validation images, as train.py does at its end, and scores
the run's test images once. No choice depends on them. After the fraction of answers that contain the right class
comes the range in which it should lie 19 times out of 20, if test and calibration images are of one kind. Both are
samples, so this range is wider than the binomial interval of the test images alone. The unknown pictures are the test
images of data sets that the network was not trained on, or all photos of a folder, resized as predict.py does.
"""

import argparse
import math
import statistics
from pathlib import Path

import common  # noqa: F401  puts the project on the path
import numpy as np
from PIL import Image

from image_kit.answering import wilson_interval
from image_kit.compute import set_up
from image_kit.datasets import CLASS_NAMES, Data, ImageSet, load_array_dataset, load_arrays, load_photos
from image_kit.photos import Preprocessing, is_photo_name
from image_kit.training import RunFolder
from image_kit.trust import COVERAGE, expected_calibration_error, measure_trust, with_temperature
from image_kit.weights import BEST

CHUNK = 256  # images at once: bounds the memory
UNKNOWN = {"fashion_mnist": ("cifar10",), "cifar10": ("fashion_mnist",)}  # by training data
MAX_LARGE = 1_000  # unknown pictures for a network of photos, which takes a hundred times as long for each one
COLUMNS = (
    "run",
    "test images",
    "calibrated on",
    "answers that contain the right class",
    "expected",
    "classes in an answer",
) + (
    "refused",
    "accuracy",
    "ECE before",
    "ECE after",
    "temperature",
    "unknown pictures refused",
)


def main() -> None:
    """Print a row for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders")
    parser.add_argument("--coverage", type=float, default=COVERAGE, help="default: %(default)s")
    parser.add_argument("--unknown", nargs="*", metavar="NAME|DIR", help="data sets or folders not trained on")
    args = parser.parse_args()
    set_up("float32")
    print(f"coverage {args.coverage:g}")
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|")
    for run in args.runs:
        print("| " + " | ".join(row(run, args.coverage, args.unknown)) + " |", flush=True)


def row(run: Path, coverage: float, unknown: list[str] | None) -> tuple[str, ...]:
    """Calibrate a run's network and measure it."""
    from image_kit.answering import KerasClassifier  # imports TensorFlow, which set_up does quietly

    classifier, (data, dataset) = KerasClassifier.load(run / BEST), load_images_of(run)
    calibrated = measure_trust(classifier, data.parts["train"], data.parts["validation"])[0].calibration
    probabilities, novelty = compute_answers(classifier, calibrated, data.parts["test"])
    labels = data.parts["test"].labels
    sets = calibrated.prediction_sets(probabilities, novelty, coverage)
    covered = sum(int(label) in each for label, each in zip(labels, sets, strict=True))
    cooled = with_temperature(probabilities, calibrated.temperature)
    errors = [expected_calibration_error(each, labels) for each in (probabilities, cooled)]
    strange = []
    for name in UNKNOWN.get(dataset, ("cifar10",)) if unknown is None else unknown:
        pictures = load_unknown_pictures(name, classifier.preprocessing)
        strange_sets = calibrated.prediction_sets(*compute_answers(classifier, calibrated, pictures), coverage)
        strange.append(f"{fraction_refused(strange_sets)} of {len(strange_sets):,} {Path(name).name}")
    low, high = wilson_interval(covered, len(labels))
    return (
        run.name,
        f"{len(labels):,}",
        f"{len(calibrated.nonconformity_scores):,}",
        f"{covered / len(labels):.4f} ({low:.4f} to {high:.4f})",
        expected(coverage, len(calibrated.nonconformity_scores), len(labels)),
        f"{statistics.mean(len(each) for each in sets if each):.2f}",
        fraction_refused(sets),
        f"{np.mean(probabilities.argmax(axis=1) == labels):.4f}",
        *(f"{error:.4f}" for error in errors),
        f"{calibrated.temperature:.2f}",
        ", ".join(strange),
    )


def expected(coverage: float, calibrated: int, tested: int) -> str:
    """The 95 % range of a test's coverage: beta-binomial (Vovk 2012), in its normal approximation."""
    deviation = math.sqrt(coverage * (1 - coverage) * (1 / (calibrated + 2) + 1 / tested))
    low, high = (coverage + sign * 1.96 * deviation for sign in (-1, 1))
    return f"{low:.4f} to {min(1, high):.4f}"


def load_images_of(run: Path) -> tuple[Data, str]:
    """A run's images in the parts it was trained with, and the name of its data set."""
    settings = RunFolder(run).read_settings()
    recipe = settings.recipe
    if recipe.dataset == "photos":
        return load_photos(Path(settings.folder), recipe), recipe.dataset
    return load_arrays(recipe, settings.data_dir), recipe.dataset


def load_unknown_pictures(name: str, preprocessing: Preprocessing) -> ImageSet:
    """The test images of a data set, or a folder's photos, prepared for another network."""
    if name not in CLASS_NAMES:
        paths = sorted(path for path in Path(name).rglob("*") if is_photo_name(path))
        pictures = np.stack([preprocessing.photo(path) for path in paths])
        return ImageSet(pictures, np.zeros(len(paths), np.int32), [str(path) for path in paths])
    arrays = load_array_dataset(name)
    count = len(arrays.y_test) if max(preprocessing.image_shape) <= 64 else MAX_LARGE
    pictures = [preprocessing.resize(Image.fromarray(each.squeeze()).convert("RGB")) for each in arrays.x_test[:count]]
    return ImageSet(np.stack(pictures), arrays.y_test[:count], [str(number) for number in range(count)])


def compute_answers(classifier, calibrated, images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
    """Uncalibrated probabilities (n, classes) and novelty scores (n,)."""
    starts = range(0, len(images.labels), CHUNK)
    chunks = [images.take(np.arange(start, min(start + CHUNK, len(images.labels)))) for start in starts]
    parts = [(classifier.uncalibrated(chunk), calibrated.novelty.scores(chunk)) for chunk in chunks]
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def fraction_refused(sets: list[tuple[int, ...]]) -> str:
    """The fraction of the pictures that are refused as unlike the training images."""
    return f"{np.mean([not each for each in sets]):.4f}"


if __name__ == "__main__":
    main()

"""Measures what a head on pretrained features makes of few photos, of small objects, and of images that are no photos.

    python benchmarks/feature_limits.py --photos my_photos --groups senders.csv
    python benchmarks/feature_limits.py --photos my_photos --backgrounds new_photos
    python benchmarks/feature_limits.py --arrays mnist fashion_mnist cifar10

The first fits heads to 1, 2, 3, 5, 10, 20 and 40 photos of each class, 10 times to others, and asks them about a third
of the photos (or of the groups). The second shrinks each photo and pastes it at a random place into a background. The
third fits a head to 200 images of each class (--per-class) and asks it about as many test images.
"""

import argparse
import tempfile
from pathlib import Path

import common
import numpy as np
from PIL import Image

from image_kit.answering import wilson_interval
from image_kit.datasets import load_array_dataset
from image_kit.features import cross_validate, find_features, fit_head, load_backbone, read_groups
from image_kit.photos import scan_folder

COUNTS = (1, 2, 3, 5, 10, 20, 40)  # photos of each class
DRAWS = 10
STRENGTH = 1e-4  # where there are too few photos to choose it by cross-validation
SCENE = 512  # pixels, side of the pictures with small objects
PARTS_OF_SIDE = (1 / 2, 1 / 4, 1 / 8, 1 / 16)


def features_of(paths: list[Path], keeps: bool = False) -> np.ndarray:
    """Features as a head gets them: float (n, 1280)."""
    return np.tanh(find_features(paths, load_backbone("lite0"), keeps)[1].values.astype(np.float32))


def measure_few(paths: list[Path], labels: np.ndarray, groups: np.ndarray) -> None:
    """Print the accuracy by the number of photos of each class."""
    features, classes = features_of(paths, keeps=True), int(labels.max()) + 1
    for count in COUNTS:
        accuracies = []
        for seed in range(DRAWS):
            rng = np.random.default_rng(seed)
            names = rng.permutation(np.unique(groups))
            is_new = np.isin(groups, names[: len(names) // 3])
            own = [np.flatnonzero((labels == label) & ~is_new) for label in range(classes)]
            known = np.concatenate([rng.permutation(each)[:count] for each in own])
            head = fit_head(features[known], labels[known], classes, STRENGTH)
            accuracies.append((head.logits(features[is_new]).argmax(axis=1) == labels[is_new]).mean())
        spread = f"± {np.std(accuracies, ddof=1):.3f}, lowest {min(accuracies):.3f}"
        print(f"{count:3} photos of each class: {np.mean(accuracies):.3f} {spread}; {len(names)} groups", flush=True)


def measure_small(paths: list[Path], labels: np.ndarray, backgrounds: list[Path], folder: Path) -> None:
    """Print the accuracy by the part of the picture's side that the object takes."""
    whole, classes = features_of(paths, keeps=True), int(labels.max()) + 1
    on_whole = fit_head(whole, labels, classes, cross_validate(whole, labels, classes).strength)
    for part in PARTS_OF_SIDE:
        rng = np.random.default_rng(0)
        scenes = []
        # Drawn at random: in their order, the kind of background would tell the class.
        grounds = rng.choice(len(backgrounds), len(labels), replace=len(backgrounds) < len(labels))
        for number, (path, ground) in enumerate(zip(paths, grounds.tolist(), strict=True)):
            scene = Image.open(backgrounds[ground]).convert("RGB").resize((SCENE, SCENE))
            side = round(part * SCENE)
            x, y = rng.integers(0, SCENE - side + 1, 2).tolist()
            scene.paste(Image.open(path).convert("RGB").resize((side, side), Image.Resampling.LANCZOS), (x, y))
            scenes.append(folder / f"{number}.png")
            scene.save(scenes[-1])
        features = features_of(scenes)
        found = cross_validate(features, labels, classes)
        low, high = found.interval
        print(f"object of {part} of the side: cross-validated {found.accuracy:.3f} ({low:.3f} to {high:.3f})")
        right = (on_whole.logits(features).argmax(axis=1) == labels).sum()
        print(f"    by the head of whole photos: {sentence(right, len(labels))}", flush=True)


def measure_arrays(names: list[str], data_dir: str | None, per_class: int, folder: Path) -> None:
    """Print the accuracy on array data sets, whose images are written as files and enlarged."""
    for name in names:
        arrays = load_array_dataset(name, data_dir)
        parts = []
        for part, images, labels in (
            ("train", arrays.x_train, arrays.y_train),
            ("test", arrays.x_test, arrays.y_test),
        ):
            chosen = first_of_each(labels, per_class)
            paths = [folder / f"{name}-{part}-{number}.png" for number in chosen]
            for path, number in zip(paths, chosen, strict=True):
                Image.fromarray(images[number].squeeze()).save(path)
            parts.append((features_of(paths), labels[chosen]))
        (known, known_labels), (new, new_labels) = parts
        classes = len(arrays.class_names)
        strength = cross_validate(known, known_labels, classes).strength
        answers = fit_head(known, known_labels, classes, strength).logits(new).argmax(axis=1)
        print(f"{name}: {len(known)} images, test: {sentence((answers == new_labels).sum(), len(new))}", flush=True)


def first_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first images of each class."""
    return np.concatenate([np.flatnonzero(labels == label)[:count] for label in np.unique(labels)])


def sentence(right: int, n: int) -> str:
    """Right answers, with their 95 % interval."""
    low, high = wilson_interval(right, n)
    return f"{right} of {n}: {right / n:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="a folder for each class")
    parser.add_argument("--groups", type=Path, metavar="CSV", help="file,group: tested on groups that were not learned")
    parser.add_argument("--backgrounds", type=Path, metavar="FOLDER", help="photos to paste small objects into")
    parser.add_argument("--arrays", nargs="+", default=[], metavar="NAME", help="array data sets")
    parser.add_argument("--per-class", type=int, default=200, metavar="N", help="the first N images of each class")
    parser.add_argument("--data-dir", metavar="DIR", help="folder with NAME.npz")
    arguments = parser.parse_args()
    print(common.cpu_name())
    with tempfile.TemporaryDirectory() as name:
        measure_arrays(arguments.arrays, arguments.data_dir, arguments.per_class, Path(name))
        if arguments.photos:
            photos = scan_folder(arguments.photos)
            chosen = first_of_each(np.array(photos.labels), arguments.per_class).tolist()
            paths, labels = [photos.paths[index] for index in chosen], np.array(photos.labels)[chosen]
            if arguments.backgrounds:
                measure_small(paths, labels, list(scan_folder(arguments.backgrounds).paths), Path(name))
            else:
                names = read_groups(arguments.groups, arguments.photos, photos.paths) if arguments.groups else None
                measure_few(paths, labels, np.array(names)[chosen] if names else np.arange(len(paths)))


if __name__ == "__main__":
    main()

"""How well look-alikes are told from other photos: in a data set with known twins, and on copies made of photos.

    python benchmarks/look_alikes.py cifar10 --picture pairs.png
    python benchmarks/look_alikes.py cifar10 --run runs/cifar10_small-seed0
    python benchmarks/look_alikes.py my_photos

For a data set it counts the test images that look like a training image, draws 60 of the pairs (chosen at random) and
scores a run's best weights with and without these images. For a folder it prints how much copies differ from their
photo, and how much photos differ from the most similar other photo. The threshold `ALIKE_BELOW` lies between the two.
"""

import argparse
import io
from pathlib import Path

import common  # noqa: F401  puts the project on the path
import numpy as np
from PIL import Image, ImageEnhance

from image_kit.datasets import CLASS_NAMES, ArrayDataset, load_array_dataset
from image_kit.errors import UserError
from image_kit.photos import ALIKE_BELOW, UNIFORM_BELOW, PhotoError, Preprocessing, Signatures, list_classes, open_photo
from image_kit.pictures import Grid, save_grid
from image_kit.terminal import progress, run, say

SOME = 3_000  # training images: as many as a large folder of photos has
SHOWN = 60  # pairs in the picture: as many as a person looks through
SIDE = 300  # pixels: photos are compared at the size of tutorial 1's network


def recompressed(image: Image.Image) -> Image.Image:
    """The image after a JPEG of low quality."""
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=40)
    return Image.open(memory)


def cut(image: Image.Image, fraction: float) -> Image.Image:
    """The image without this fraction of its sides at each edge."""
    x, y = image.width * fraction, image.height * fraction
    return image.crop((round(x), round(y), round(image.width - x), round(image.height - y)))


COPIES = {
    "the same": lambda image: image,
    "half as large": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "recompressed": recompressed,
    "brighter by a quarter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "darker by a third": lambda image: ImageEnhance.Brightness(image).enhance(0.67),
    "with less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "squashed to a square": lambda image: image.resize((image.width, image.width)),
    "cut by 2 %": lambda image: cut(image, 0.02),
    "cut by 3 %": lambda image: cut(image, 0.03),
    "cut by 6 %": lambda image: cut(image, 0.06),
}


def main() -> None:
    """Print the figures of a data set or of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", metavar="NAME|DIR", help="a data set, or a folder of class folders")
    parser.add_argument("--data-dir", metavar="DIR", help="folder with NAME.npz")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw pairs of a data set here")
    parser.add_argument("--run", type=Path, help="a run on the data set: score it with and without look-alikes")
    args = parser.parse_args()
    if args.what in CLASS_NAMES:
        measure_data_set(args)
    else:
        measure_folder(Path(args.what))


def measure_data_set(args: argparse.Namespace) -> None:
    """Print how many test images look like training images."""
    arrays = load_array_dataset(args.what, args.data_dir)
    images, n = np.concatenate([arrays.x_train, arrays.x_test]), len(arrays.x_train)
    signatures = Signatures(len(images), images.shape[-1])
    for number, image in enumerate(progress(images, label="reading")):
        signatures.add(number, image)
    pairs = signatures.find_pairs(np.arange(n, len(images)), np.arange(n))
    print(f"{len(pairs)} of {len(images) - n:,} test images of {args.what} look like one of {n:,} training images")
    some = np.arange(min(n, SOME))
    typical = signatures.typical_difference(some)
    print(
        f"half of {len(some):,} training images differ from a tenth of the others by less than {typical:.2f} "
        f"(photos of one kind: less than {UNIFORM_BELOW})"
    )
    if args.picture and pairs:
        chosen = np.random.default_rng(0).permutation(len(pairs))[:SHOWN]
        grid = Grid(columns=8, side=0.7, size=6)
        shown = [(images[k], str(k)) for number in chosen for k in pairs[number]]
        save_grid([shown], grid, args.picture, "test image, training image, ...")
    if args.run:
        score_run(args.run, arrays, np.array([photo - n for photo, _ in pairs], int))


def score_run(folder: Path, arrays: ArrayDataset, twins: np.ndarray) -> None:
    """Print a run's accuracy on all test images, on those that look like training images, and on the rest."""
    from image_kit.compute import set_up  # which imports TensorFlow: only --run needs it

    set_up("float32")
    from image_kit.answering import KerasClassifier
    from image_kit.weights import BEST

    right = KerasClassifier.load(folder / BEST).probabilities(arrays.x_test).argmax(axis=1) == arrays.y_test
    for which, some in (("all", right), ("these", right[twins]), ("the rest", np.delete(right, twins))):
        print(f"{folder}: accuracy {some.mean():.4f} on {which}")


def measure_folder(folder: Path) -> None:
    """Print how much copies differ from their photo, and how much other photos do."""
    paths = [path for photos in list_classes(folder).values() for path in photos]
    preprocessing, stride, readable = Preprocessing((SIDE, SIDE, 3)), len(COPIES) + 1, []
    signatures = Signatures(len(paths) * stride, 3)  # each photo, then its copies
    for number, path in enumerate(progress(paths, label="reading")):
        try:
            photo = open_photo(path)
        except PhotoError as error:
            say(f"{path}: left out: {error}")
            continue
        for place, image in enumerate((photo, *(copy(photo) for copy in COPIES.values()))):
            signatures.add(number * stride + place, preprocessing.resize(image))
        readable.append(number * stride)
    if len(readable) < 2:
        raise UserError(f"{folder}: has {len(readable)} photos in class folders; give a folder with 2 or more")
    print(f"{len(readable)} photos; look alike: less than {ALIKE_BELOW}\n")
    print("| | median | 90 % | largest |\n|---|---|---|---|")
    for place, name in enumerate(COPIES, start=1):
        each = [signatures.find_nearest(np.array([photo + place]), np.array([photo]))[1][0] for photo in readable]
        values = np.abs(np.percentile(each, [50, 90, 100]))  # rounding leaves equal ones just below 0
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    others = [signatures.find_nearest(np.array([photo]), np.setdiff1d(readable, photo)) for photo in readable]
    print("\nmost similar of different photos:")
    for k in np.argsort([difference[0] for _, difference in others])[:6]:
        most_alike, difference = others[k]
        print(f"{difference[0]:.3f} {paths[readable[k] // stride]} {paths[most_alike[0] // stride]}")


if __name__ == "__main__":
    run(main)

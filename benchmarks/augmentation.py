"""How fast photos and arrays are augmented: Keras's ImageDataGenerator, tf.data, OpenCV alone, and this project's.

    python benchmarks/augmentation.py                 # 400 photos, 5 rounds: about five minutes on 2 cores
    python benchmarks/augmentation.py --images 32 --arrays 512 --rounds 1       # a quick look

Makes its own JPEGs of 640x427 in a temporary folder. It first checks that our batches have Keras's pixels, and stops if
they do not. Then every round runs one epoch of each contender in turn, so that whatever else the machine does meets all
of them. The table gives the median and the range. Albumentations and DALI take part if they are installed. Prints
Markdown.
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # augmentation runs on the CPU everywhere here
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import augmentation_others as others
import cv2
import keras
import numpy as np
import tensorflow as tf
from common import cpu_name
from photo_files import make_photos
from tensorflow.keras.preprocessing.image import ImageDataGenerator as KerasGenerator

from image_kit.generator import ImageDataGenerator
from image_kit.machine import cpu_cores
from image_kit.photos import KerasLoading, open_photo, tune_memory
from presets import PRESETS, PREVIEW_AUGMENTATION

SIZE, BATCH, ARRAY_BATCH = (300, 300), 16, 256
RECIPE = {**PRESETS["elephants_cars"].augmentation.keras_arguments, "rescale": 1 / 255}
PREVIEW = {**PREVIEW_AUGMENTATION.keras_arguments, "rescale": 1 / 255}
CIFAR = PRESETS["cifar10"].augmentation.keras_arguments
Epoch = Callable[[], None]


def main() -> None:
    """Check, time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=400, metavar="N", help="photos (400)")
    parser.add_argument("--arrays", type=int, default=10_240, metavar="N", help="32x32 images (10240)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="epochs of each contender (5)")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", module=r"keras\.src\.legacy")
    keras.config.disable_interactive_logging()
    tune_memory()
    print(f"{cpu_cores()} cores, {cpu_name()}; TensorFlow {tf.__version__}, Keras {keras.__version__}, ", end="")
    print(f"OpenCV {cv2.__version__}; {args.rounds} rounds, median [lowest to highest] images/s")
    with tempfile.TemporaryDirectory() as folder:
        make_photos(Path(folder), args.images)
        check_parity(folder)
        photos(folder, "Tutorial 1's recipe", RECIPE, args)
        photos(folder, "Tutorial 1's preview recipe", PREVIEW, args)
        arrays(args)
        where_the_time_goes(folder)
    for name in others.absent():
        print(f"\n{name} is not installed.")


def check_parity(folder: str) -> None:
    """Raise AssertionError unless our pixels are Keras's, before and after augmentation."""
    options = {"target_size": SIZE, "batch_size": BATCH, "shuffle": False, "class_mode": "binary", "seed": 0}
    keras_flow = KerasGenerator().flow_from_directory(folder, **options)
    plain = ImageDataGenerator().flow_from_directory(folder, **options)
    assert keras_flow.filenames == plain.filenames
    expected, labels = keras_flow[0]
    assert np.array_equal(plain[0][0], expected)
    assert np.array_equal(plain[0][1], labels)
    for recipe in (RECIPE, PREVIEW):
        ours = ImageDataGenerator(**recipe)
        drawn = ours.draw_transforms((*SIZE, 3), 0, 0, np.arange(len(expected)))
        theirs = [KerasGenerator(**recipe).apply_transform(*each) for each in zip(expected, drawn, strict=True)]
        got = ours.flow_from_directory(folder, **options)[0][0] * 255
        worst = np.abs(got - np.stack(theirs)).max()
        assert worst <= 0.51, f"{worst} grey levels from Keras's pixels"
    print("Parity: unaugmented batches equal; augmented ones within 0.51 of 255 grey levels (rounding).")


def photos(folder: str, title: str, recipe: dict, args: argparse.Namespace) -> None:
    """Time the contenders on photos and print their table."""
    options = {"target_size": SIZE, "batch_size": BATCH, "class_mode": "binary", "seed": 0}
    keras_flow = KerasGenerator(**recipe).flow_from_directory(folder, **options)
    warm = ImageDataGenerator(**recipe).flow_from_directory(folder, cache=10**12, **options)
    decoded = [KerasLoading(SIZE).photo(path) for path in warm.filepaths]
    contenders = {
        "Keras's ImageDataGenerator": lambda: drain(keras_flow),
        "tf.data + Keras preprocessing layers, cached": tf_data(folder, recipe),
        **others.albumentations(warm.filepaths, decoded, recipe, SIZE, BATCH),
        **others.dali(folder, recipe, SIZE, BATCH),
        "OpenCV alone, decoded, 1 thread": lambda: bare_opencv(decoded, 1),
        f"OpenCV alone, decoded, {cpu_cores()} threads": lambda: bare_opencv(decoded, cpu_cores()),
        "**ours, first epoch, decoding included**": lambda: drain(
            ImageDataGenerator(**recipe).flow_from_directory(folder, **options)
        ),
        "ours, nothing cached": lambda: drain(
            ImageDataGenerator(**recipe).flow_from_directory(folder, cache=False, **options)
        ),
        "**ours, from the second epoch on**": lambda: drain(warm),
    }
    heading = f"{title}: {len(decoded)} JPEGs of 640x427 to 300x300, batch {BATCH}"
    report(heading, len(decoded), measure(contenders, args.rounds))


def arrays(args: argparse.Namespace) -> None:
    """Time the contenders on small arrays, as of CIFAR-10, and print their table."""
    images = np.random.default_rng(0).integers(0, 256, (args.arrays, 32, 32, 3), np.uint8)
    labels = np.arange(args.arrays) % 10
    theirs, ours = (kind(**CIFAR).flow(images, labels, ARRAY_BATCH) for kind in (KerasGenerator, ImageDataGenerator))
    contenders = {"Keras's ImageDataGenerator": lambda: drain(theirs), "**ours**": lambda: drain(ours)}
    heading = f"Tutorial 4's recipe: {args.arrays:,} arrays of 32x32x3 as CIFAR-10's, batch {ARRAY_BATCH}"
    report(heading, args.arrays, measure(contenders, args.rounds))


def drain(iterator: Iterator) -> None:
    """One epoch of a Keras-like iterator."""
    for _ in islice(iterator, len(iterator)):
        pass


def tf_data(folder: str, recipe: dict) -> Epoch:
    """An epoch of tf.data with Keras's layers: images cached as uint8, whole batches augmented in parallel calls."""
    data = keras.utils.image_dataset_from_directory(
        folder, image_size=SIZE, batch_size=BATCH, interpolation="nearest", label_mode="binary", verbose=False
    )
    # These layers take fractions: of a full turn, and of a side, for shear too. Keras's degrees are converted.
    shear, zoom = np.tan(np.radians(recipe["shear_range"])), recipe["zoom_range"]
    layers = [
        keras.layers.Rescaling(recipe["rescale"]),
        keras.layers.RandomShear(shear, shear, fill_mode="nearest"),
        keras.layers.RandomZoom((-zoom, zoom), (-zoom, zoom), fill_mode="nearest"),
        keras.layers.RandomFlip("horizontal"),
    ]
    if recipe["rotation_range"]:
        layers.insert(1, keras.layers.RandomRotation(recipe["rotation_range"] / 360, fill_mode="nearest"))
        shifts = recipe["height_shift_range"], recipe["width_shift_range"]
        layers.insert(2, keras.layers.RandomTranslation(*shifts, fill_mode="nearest"))

    def augment(images, labels):
        for layer in layers:
            images = layer(images, training=True)
        return images, labels

    data = data.map(lambda images, labels: (tf.cast(images, tf.uint8), labels)).cache()
    data = data.map(augment, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    def epoch() -> None:
        for _ in data:
            pass

    return epoch


def bare_opencv(images: list[np.ndarray], threads: int) -> None:
    """The floor: warp uint8 images and multiply them into a float32 batch. Nothing is drawn or done in Python."""
    matrix, factor = np.array([[1.05, 0.03, -9], [0.01, 0.93, 11]]), np.float32(1 / 255)

    def part(batch: list[np.ndarray], out: np.ndarray) -> None:
        for image, result in zip(batch, out, strict=True):
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            warped = cv2.warpAffine(image, matrix, SIZE, None, flags, cv2.BORDER_REPLICATE)
            np.multiply(warped, factor, out=result, dtype=np.float32)

    with others.pool(threads) as pool:
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            out = np.empty((len(batch), *SIZE, 3), np.float32)
            list(pool.map(part, [batch[i::threads] for i in range(threads)], [out[i::threads] for i in range(threads)]))


def measure(contenders: dict[str, Epoch], rounds: int) -> dict[str, list[float]]:
    """Seconds of an epoch of each contender in each round, after one round that does not count."""
    seconds = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, epoch in contenders.items():
            start = time.perf_counter()
            epoch()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def report(heading: str, images: int, seconds: dict[str, list[float]]) -> None:
    """Print a table of images/s, and of the ratio to the first contender."""
    print(f"\n### {heading}\n\n| | images/s | times Keras's class |\n|---|---|---|")
    base = statistics.median(next(iter(seconds.values())))
    for name, values in seconds.items():
        rates = [images / value for value in sorted(values, reverse=True)]
        spread = f"{images / statistics.median(values):,.0f} [{rates[0]:,.0f} to {rates[-1]:,.0f}]"
        print(f"| {name} | {spread} | {base / statistics.median(values):.1f} |", flush=True)


def where_the_time_goes(folder: str, repeats: int = 5) -> None:
    """Print what each step takes for one photo on one thread."""
    iterator = ImageDataGenerator(**RECIPE).flow_from_directory(folder, SIZE, batch_size=BATCH, cache=10**12, seed=0)
    generator, count = iterator.image_data_generator, min(BATCH, iterator.n)
    indices, loading = np.arange(count), KerasLoading(SIZE)
    images = np.stack([loading.photo(path) for path in iterator.filepaths[:count]])
    warped, out = np.empty_like(images), np.empty(images.shape, np.float32)
    plan = generator.plan_transforms(iterator.image_shape, 0, 0, indices)
    drain(iterator)
    steps = {
        "decode the JPEG": lambda: [open_photo(path) for path in iterator.filepaths[:count]],
        "decode and resize": lambda: [loading.photo(path) for path in iterator.filepaths[:count]],
        "draw the transforms (Python)": lambda: generator.plan_transforms(iterator.image_shape, 0, 0, indices),
        "warp": lambda: generator.apply_planned(images, plan, warped),
        "rescale into the float32 batch": lambda: generator.standardize_into(warped, out),
        f"a whole batch of ours from memory, {cpu_cores()} threads": lambda: iterator[0],
    }
    print("\n### Where the time goes, ms an image, one thread unless it says otherwise\n\n| step | ms |\n|---|---|")
    for name, values in measure(steps, repeats * 4).items():
        print(f"| {name} | {statistics.median(values) / count * 1e3:.3f} |")


if __name__ == "__main__":
    main()

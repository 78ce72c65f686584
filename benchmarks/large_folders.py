"""How our ImageDataGenerator copes with large folders of 1,000 to 50,000 photos: listing, time an image, memory.

    python benchmarks/large_folders.py                    # about five minutes on 2 cores
    python benchmarks/large_folders.py --files 50 100     # a quick look
    python benchmarks/large_folders.py --commands         # every command on 100,000 photos of 1,000 classes, an hour

Writes JPEGs of 32x32 in ten classes, like CIFAR-10's, to a temporary folder. Each number of files is measured in a
process of its own. Nothing is cached: every image is decoded, and the memory is what is needed beyond a cache. Prints
Markdown. See large_folders_commands.py for --commands.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import common  # noqa: F401  puts the project on the path
import numpy as np
from large_folders_commands import COMMANDS, measure_commands
from PIL import Image

CLASSES, WARM_UP = 10, 20


def main() -> None:
    """Print a row for each number of files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", nargs="+", type=int, default=[1_000, 5_000, 50_000], metavar="N")
    parser.add_argument(
        "--measure", type=Path, metavar="FOLDER", help="print the figures of one folder; for internal use"
    )
    parser.add_argument(
        "--commands",
        nargs="*",
        choices=COMMANDS,
        metavar="NAME",
        help=f"what commands take on many photos and classes: {', '.join(COMMANDS)} (default: all)",
    )
    parser.add_argument(
        "--photos", type=int, default=100_000, metavar="N", help="for --commands (default: %(default)s)"
    )
    parser.add_argument("--classes", type=int, default=1_000, metavar="N", help="for --commands (default: %(default)s)")
    parser.add_argument(
        "--asked", type=int, default=2_000, metavar="N", help="photos for predict.py (default: %(default)s)"
    )
    parser.add_argument("--write", nargs=4, metavar=("FOLDER", "PHOTOS", "CLASSES", "SEED"), help="for internal use")
    args = parser.parse_args()
    if args.measure:
        print(*figures(args.measure))
        return
    if args.write:
        from large_folders_photos import write_known_photos  # LiteRT and cv2, which the others do not need

        write_known_photos(Path(args.write[0]), *map(int, args.write[1:]))
        return
    if args.commands is not None:
        with tempfile.TemporaryDirectory() as folder:
            measure_commands(Path(folder), args.photos, args.classes, args.asked, args.commands)
        return
    print("| files | listing, s | an image, µs | memory beyond the cache, MB |\n|---|---|---|---|")
    for count in args.files:
        with tempfile.TemporaryDirectory() as folder:
            write_photos(Path(folder), count)
            command = [sys.executable, __file__, "--measure", folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
            listing, image, memory = map(float, done.stdout.split()[-3:])
        print(f"| {count:,} | {listing:.2f} | {image * 1e6:.0f} | {memory:.0f} |", flush=True)


def environment() -> dict[str, str]:
    """Without a GPU, and quiet."""
    return {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}


def write_photos(folder: Path, count: int) -> None:
    """JPEGs of noise, `count` in all."""
    rng = np.random.default_rng(0)
    for name in range(CLASSES):
        (folder / str(name)).mkdir()
    for number in range(count):
        image = Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8))
        image.save(folder / str(number % CLASSES) / f"{number:06}.jpg")


def figures(folder: Path) -> tuple[float, float, float]:
    """Seconds to list, seconds an image over an epoch, and megabytes that both took."""
    from image_kit.generator import ImageDataGenerator  # TensorFlow, which the process that starts this need not load
    from image_kit.photos import tune_memory

    tune_memory()
    generator = ImageDataGenerator(width_shift_range=0.1, horizontal_flip=True)
    options = {"target_size": (32, 32), "batch_size": 32, "class_mode": "sparse", "cache": False, "seed": 0}
    warm_up = generator.flow_from_directory(folder, **options)
    for _ in islice(warm_up, WARM_UP):  # so that threads and code are in memory before the measurement
        pass
    del warm_up
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    iterator = generator.flow_from_directory(folder, **options)
    listed = time.perf_counter()
    for _ in islice(iterator, len(iterator)):
        pass
    seconds = (time.perf_counter() - listed) / iterator.n
    return listed - start, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


if __name__ == "__main__":
    main()

"""The other libraries of `augmentation.py`, if they are installed: Albumentations and NVIDIA DALI on the CPU."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import common  # noqa: F401  puts the project on the path
import cv2
import numpy as np

from image_kit.machine import cpu_cores

LIBRARIES = {"Albumentations": "albumentations", "DALI": "nvidia.dali"}


def pool(threads: int) -> ThreadPoolExecutor:
    """Threads for a contender's own loop."""
    return ThreadPoolExecutor(threads)


def absent() -> list[str]:
    """The libraries that do not take part."""
    return [name for name, module in LIBRARIES.items() if not _installed(module)]


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the parent package
        return False


def albumentations(
    paths: list[str], decoded: list[np.ndarray], recipe: dict, size: tuple[int, int], batch_size: int
) -> dict[str, Callable[[], None]]:
    """Epochs of Albumentations: decoding each time in several threads, and from decoded images in one thread."""
    if not _installed(LIBRARIES["Albumentations"]):
        return {}
    import albumentations as library

    zoom, shear, turn = recipe["zoom_range"], recipe["shear_range"], recipe["rotation_range"]
    shift = recipe["width_shift_range"]
    transform = library.Compose(
        [
            library.Affine(
                scale=(1 - zoom, 1 + zoom),
                shear=(-shear, shear),
                rotate=(-turn, turn),
                translate_percent=(-shift, shift),
                border_mode=cv2.BORDER_REPLICATE,
                p=1,
            ),
            library.HorizontalFlip(p=0.5),
        ]
    )

    def augmented(image: np.ndarray) -> np.ndarray:
        return np.multiply(transform(image=image)["image"], np.float32(recipe["rescale"]), dtype=np.float32)

    def from_file(path: str) -> np.ndarray:
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        return augmented(cv2.resize(image, size[::-1], interpolation=cv2.INTER_NEAREST))

    def epoch(sources: list, one: Callable, threads: int) -> None:
        with pool(threads) as workers:
            for start in range(0, len(sources), batch_size):
                np.stack(list(workers.map(one, sources[start : start + batch_size])))

    return {
        f"Albumentations, decoding each time, {cpu_cores()} threads": lambda: epoch(paths, from_file, cpu_cores()),
        "Albumentations, decoded, 1 thread": lambda: epoch(decoded, augmented, 1),
    }


def dali(folder: str, recipe: dict, size: tuple[int, int], batch_size: int) -> dict[str, Callable[[], None]]:
    """An epoch of DALI on the CPU: decoding each time, one warp, flip and rescale."""
    if not _installed(LIBRARIES["DALI"]):
        return {}
    from nvidia.dali import fn, pipeline_def, types

    zoom, shear, turn = recipe["zoom_range"], recipe["shear_range"], recipe["rotation_range"]
    centre = [size[1] / 2, size[0] / 2]

    # DALI must not work ahead: that work would fall into the time of the other contenders.
    synchronous = {"exec_async": False, "exec_pipelined": False, "exec_dynamic": False, "prefetch_queue_depth": 1}

    @pipeline_def(batch_size=batch_size, num_threads=cpu_cores(), device_id=None, **synchronous)
    def pipeline():
        """Decode, resize, transform and rescale one batch."""
        files, labels = fn.readers.file(file_root=folder, random_shuffle=True, name="photos")
        images = fn.resize(
            fn.decoders.image(files, device="cpu"), resize_y=size[0], resize_x=size[1], interp_type=types.INTERP_NN
        )
        scale = fn.random.uniform(range=[1 - zoom, 1 + zoom], shape=2)
        matrix = fn.transforms.scale(scale=scale, center=centre)
        angles = fn.stack(fn.random.uniform(range=[-shear, shear]), np.float32(0))
        matrix = fn.transforms.shear(matrix, angles=angles, center=centre)
        if turn:
            matrix = fn.transforms.rotation(matrix, angle=fn.random.uniform(range=[-turn, turn]), center=centre)
        # Without a fill value, the border repeats.
        images = fn.warp_affine(images, matrix=matrix, interp_type=types.INTERP_LINEAR, inverse_map=True)
        images = fn.flip(images, horizontal=fn.random.coin_flip())
        return fn.cast(images, dtype=types.FLOAT) * recipe["rescale"], labels

    built = pipeline()
    built.build()
    steps = -(-built.epoch_size("photos") // batch_size)

    def epoch() -> None:
        for _ in range(steps):
            built.run()

    return {"DALI on the CPU, decoding each time": epoch}

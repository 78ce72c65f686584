"""JPEGs for the benchmarks, which therefore need no photos."""

from pathlib import Path

import numpy as np
from PIL import Image


def make_photos(folder: Path, count: int, seed: int = 0) -> None:
    """JPEGs of 640x427 in two classes, smooth with some noise: 56 kB each.

    They take as long to decode as real photos: 61 elephants and cars, resized to 640x427 at quality 85, have 53 kB and
    take the same time within 3 %.
    """
    rng = np.random.default_rng(seed)
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        smooth = Image.fromarray(rng.integers(0, 256, (14, 20, 3), np.uint8)).resize((640, 427), Image.BICUBIC)
        noisy = np.asarray(smooth, np.int16) + rng.integers(-7, 8, (427, 640, 1))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=85)


def write_crops(
    sources: list[Path],
    folder: Path,
    count: int,
    fractions: tuple[float, float] = (0.8, 1.0),
    side: int | None = None,
    seed: int = 0,
) -> None:
    """JPEGs that are random parts of photos, so that no two have the same content.

    Args:
        sources: the photos, which are taken in turn.
        folder: receives the files; it is created.
        count: how many.
        fractions: the smallest and the largest part of each side that is kept.
        side: the longer side of the results, in pixels; None: as cut.
        seed: of the places.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        with Image.open(sources[number % len(sources)]) as photo:
            size = np.array(photo.size)
            kept = np.maximum(1, size * rng.uniform(*fractions, 2)).astype(int)
            left, top = (int(rng.integers(0, most + 1)) for most in size - kept)
            image = photo.convert("RGB").crop((left, top, left + int(kept[0]), top + int(kept[1])))
        if side:
            image = image.resize([max(1, round(side * each / max(image.size))) for each in image.size])
        image.save(folder / f"{number:06}.jpg", quality=85)

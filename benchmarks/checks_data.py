"""The sets that benchmarks/checks_labels.py plants truth in, and the rows of its tables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pretrained_data import Photos, features_of, find_clothing, find_photos_of

from image_kit.checks import CheckedPhotos
from image_kit.photos import Signatures

Row = tuple[object, ...]


@dataclass(frozen=True, eq=False)
class Source:
    """Photos of one set and their features, float32 (n, d)."""

    photos: Photos
    features: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """int (n,)."""
        return self.photos.labels

    @property
    def classes(self) -> int:
        """How many."""
        return len(self.photos.class_names)


def load_sources(data: Path) -> dict[str, Source]:
    """The three sets, by name."""
    names = sorted(path.name for path in (data / "fruit" / "train").iterdir())
    train, validation = (find_photos_of(data / "fruit" / part, class_names=names) for part in ("train", "validation"))
    fruit = Photos(
        "fruit", train.paths + validation.paths, np.concatenate([train.labels, validation.labels]), train.class_names
    )
    sets = {"clothing": find_clothing(data), "photos": find_photos_of(data / "photos"), "fruit": fruit}
    return {name: Source(each, features_of(each.paths).astype(np.float32)) for name, each in sets.items()}


def as_checked(features: np.ndarray, labels: np.ndarray, class_names: list[str]) -> CheckedPhotos:
    """Photos as a check gets them; the file of photo 7 is "7"."""
    files = [str(number) for number in range(len(labels))]
    return CheckedPhotos(
        folder=Path(),
        paths=[Path(file) for file in files],
        files=files,
        class_names=tuple(class_names),
        labels=labels.astype(np.int32),
        parts=[None] * len(files),
        hashes=files,
        features=features,
        signatures=Signatures(len(files), 3),
        unreadable={},
        computed=0,
        known=len(files),
    )


def recall(listed: list[int], planted: np.ndarray) -> float:
    """The part of the planted photos that is among the first 2 n listed."""
    return float(np.isin(planted, listed[: 2 * len(planted)]).mean())


def row(what: str, values: list[float], source: Source, goal: str, note: str = "", times: str = "") -> Row:
    """Mean and range, with what they are of."""
    spread = f"{min(values):.3f} to {max(values):.3f}" if len(values) > 1 else "-"
    n = f"{len(source.labels):,} photos" + (f"; {note}" if note else "")
    data = f"{source.photos.name}, {source.classes} classes"
    return what, f"{np.mean(values):.3f}", spread, data, n, times or f"{len(values)} seeds", goal

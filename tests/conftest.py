"""What many tests share: tiny photos that differ, folders of them, and names that break careless code."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def hard_names():
    """Class names too long, of scripts that the usual font lacks, formulas and controls to a careless renderer."""
    return [
        "a_class_name_without_any_space_" * 8,
        "猫" * 40,
        "🦖",
        "US$ and A$",
        r"$\frac$",
        "%s {0}",
        "a\tb\x07",
        "قطة",
        "",
    ]


@pytest.fixture
def photo():
    """Write a small photo, in the format of its name, whose content follows from `seed`; returns its path.

    A seed's photos differ from those of every other seed, also as JPEG: each has a mean colour of its own.
    """

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (16, 12), **options) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        noise = rng.integers(-40, 41, (size[1], size[0], 3)) + rng.integers(40, 216, 3)
        Image.fromarray(noise.astype(np.uint8)).save(path, **options)
        return path

    return write


@pytest.fixture
def photo_tree(photo):
    """`photo_tree(folder, {"cats": 3, "dogs": 3})` writes folder/cats/0.jpg ...; returns the folder.

    Keys may be paths such as "train/cats". All photos differ; those of `first_seed`, `first_seed` + 1, ...
    """

    def write(folder: Path, counts: dict[str, int], first_seed: int = 0, suffix: str = ".jpg") -> Path:
        seed = first_seed
        for name, count in counts.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                photo(folder / name / f"{number}{suffix}", seed)
                seed += 1
        return folder

    return write


@pytest.fixture
def run_python():
    """Run Python code or a script in a process of its own, from the project's root; returns the completed process.

    Keyword arguments are environment variables, None takes one away. TensorFlow sees no GPU.
    """

    def run(*arguments: str, timeout: float = 120, **environment: str | None) -> subprocess.CompletedProcess:
        merged = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT), **environment}
        environment = {name: value for name, value in merged.items() if value is not None}
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=timeout, check=False
        )

    return run

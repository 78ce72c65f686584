"""All formats of a run in one table: size, cold start, time for a photo, accuracy, and how far the answers differ.

Each format is written to a folder that is removed, and then answers in a process of its own, as in a user's program.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from image_kit.errors import UserError
from image_kit.exports.exporting import size_of
from image_kit.exports.formats import Facts, Format, file_name
from image_kit.exports.proof import Reference, prove
from image_kit.exports.source import Source
from image_kit.leftovers import scratch_folder
from image_kit.terminal import progress
from image_kit.text_table import table

TIMED = 33  # images: the first alone, which is the cold start, then all of them
CODE = "import sys; sys.path.insert(0, sys.argv[1]); from image_kit.exports import comparison; comparison.main()"
ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 300


def compare_formats(formats: Sequence[Format], source: Source, reference: Reference) -> list[dict[str, Any]]:
    """Write, prove and time each format.

    Returns:
        For each, "format", "bytes", "cold_start_seconds" (from the start of a Python process to its first answer),
        "milliseconds" (for a photo, of batches, without decoding), "accuracy" with "n", "largest_difference" and
        "changed_answers"; or "format" and "error".
    """
    rows = []
    for chosen in progress(formats, len(formats), "comparing"):
        try:
            rows.append({"format": chosen.name, **_measure(chosen, source, reference)})
        except UserError as error:
            rows.append({"format": chosen.name, "error": str(error)})
    return rows


def _measure(chosen: Format, source: Source, reference: Reference) -> dict[str, Any]:
    chosen.refuse_missing_packages()
    with scratch_folder() as folder:
        path = folder / file_name(source, chosen)
        chosen.write(source, path, Facts(source.path.parent, reference.photos))
        proof = prove(chosen, path, source, reference)
        if not proof.n:
            raise UserError(f"{chosen.name}: {proof.photos}")
        cold, milliseconds = _time(chosen, path, reference)
        return {
            "bytes": size_of(path),
            "cold_start_seconds": cold,
            "milliseconds": milliseconds,
            "accuracy": proof.accuracy,
            "n": proof.n,
            "largest_difference": proof.largest_difference,
            "changed_answers": proof.changed_answers,
        }


def _time(chosen: Format, path: Path, reference: Reference) -> tuple[float, float]:
    """Seconds to the first answer of a new process, and milliseconds for each further photo."""
    held = reference.photos.held
    images = path.with_name("images.npy")
    np.save(images, held.take(np.arange(TIMED) % len(held.labels)))
    command = [sys.executable, "-c", CODE, str(ROOT), chosen.module, str(path), str(images), repr(time.time())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode:
        raise UserError(f"{chosen.name}: its process ended with status {done.returncode}")
    cold, milliseconds = json.loads(done.stdout.splitlines()[-1])
    return cold, milliseconds


def main() -> None:
    """What the separate process does: answer one image, then more, and print the times."""
    _, _, module, path, images, started = sys.argv
    answer, photos = import_module(f"image_kit.exports.{module}").answer, np.load(images)
    answer(Path(path), photos[:1])
    cold = time.time() - float(started)
    seconds = []
    for count in (1, len(photos)):  # the difference leaves out what loading takes
        began = time.perf_counter()
        answer(Path(path), photos[:count])
        seconds.append(time.perf_counter() - began)
    print(json.dumps([cold, 1000 * max(0.0, seconds[1] - seconds[0]) / (len(photos) - 1)]))


def describe_comparison(rows: list[dict[str, Any]]) -> str:
    """The table for a terminal, and a line for each format that could not be measured."""
    header = ("format", "size", "cold start", "a photo", "accuracy", "n", "largest difference", "changed")
    cells = [
        (
            row["format"],
            f"{row['bytes'] / 1e6:.1f} MB",
            f"{row['cold_start_seconds']:.1f} s",
            f"{row['milliseconds']:.1f} ms",
            "-" if row["accuracy"] is None else f"{100 * row['accuracy']:.1f} %",
            str(row["n"]),
            f"{row['largest_difference']:.1g}",
            str(row["changed_answers"]),
        )
        for row in rows
        if "error" not in row
    ]
    return "\n".join([table([header, *cells]), *(row["error"] for row in rows if "error" in row)])

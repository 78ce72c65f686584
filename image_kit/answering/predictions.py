"""The predictions for labelled images as a CSV file."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from image_kit.datasets import ImageSet
from image_kit.files import replacing
from image_kit.tables import cell_of_class, cell_of_name, encoding_for
from image_kit.terminal import progress


def write_predictions(path: Path, probabilities: np.ndarray, images: ImageSet, class_names: Sequence[str]) -> None:
    """Write a row for each image: its name, its label, the predicted class with its probability, all probabilities.

    Args:
        path: the CSV file to write.
        probabilities: float (n, classes), 0..1; written with 6 decimals.
        images: the n labelled images.
        class_names: in the order of the labels.

    Raises:
        OSError: the file cannot be written.
    """
    # Names of files that are not valid UTF-8 are written byte for byte.
    encoding = encoding_for([*images.names, *class_names])
    with (
        replacing(path) as temporary,
        open(temporary, "w", newline="", encoding=encoding, errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["image", "label", "predicted", "probability", *(f"p({name})" for name in class_names)])
        rows = zip(images.names, images.labels, probabilities, strict=True)
        for name, label, row in progress(rows, len(probabilities), "writing answers"):
            best = row.argmax()
            values = [f"{value:.6f}" for value in row.tolist()]  # NumPy's own numbers take 1.4 times as long
            classes = cell_of_class(class_names[label]), cell_of_class(class_names[best])
            writer.writerow([cell_of_name(name), *classes, values[best], *values])

"""The `Trust` data in a weights file: the calibration and the golden self-test."""

from pathlib import Path

import numpy as np

from image_kit.errors import UserError, first_line
from image_kit.retries import read_again
from image_kit.trust import Trust
from image_kit.weights.description import Description

DATA_SET = "image_classifier_trust"


@read_again
def read_trust(path: Path, description: Description) -> Trust | None:
    """The trust data of a weights file; None if there are none, as during training or from another program.

    Raises UserError if they are damaged.
    """
    import h5py  # 0.1 s that a prediction through LiteRT does not need

    try:
        with h5py.File(path, "r") as file:
            if DATA_SET not in file:
                return None
            data = file[DATA_SET]
            if data.dtype != np.uint8 or data.ndim != 1 or data.nbytes > path.stat().st_size:
                raise ValueError("not stored as bytes")
            data = data[:].tobytes()
        return Trust.from_bytes(data, description.preprocessing.image_shape, len(description.class_names))
    except Exception as error:  # h5py raises ten kinds of exception on damaged files
        raise UserError(f"{path}: its calibration is damaged ({first_line(error)}); take another copy of it") from None


def has_trust(path: Path, trust: Trust) -> bool:
    """Does a sound weights file contain exactly these trust data?"""
    import h5py  # as in read_trust

    with h5py.File(path, "r") as file:
        data = file.get(DATA_SET)
        is_stored = isinstance(data, h5py.Dataset) and data.dtype == np.uint8
        return is_stored and data[()].tobytes() == trust.to_bytes()

"""What a weights file holds of `Trust`."""

from pathlib import Path

import numpy as np

from image_kit.errors import UserError, first_line
from image_kit.trust import Trust
from image_kit.weights.description import Description

DATA_SET = "image_classifier_trust"


def read_trust(path: Path, description: Description) -> Trust | None:
    """What a weights file holds; None where it holds nothing: written during training, or by another program.

    Raises UserError if it is damaged.
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
    except Exception as error:  # on damaged files h5py raises ten kinds
        raise UserError(f"{path}: its calibration is damaged ({first_line(error)}); take the file anew") from None

"""The user's settings of Keras, in keras.json and the environment: they are for other programs, and change nothing."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from image_kit.cache_folder import NO_HOME
from image_kit.errors import UserError

# What Keras, and an older one inside TensorFlow, accept in keras.json; on others both end while they are imported.
ACCEPTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "floatx": (lambda value: value in ("float16", "float32", "float64"), "float16, float32 or float64"),
    "epsilon": (lambda value: isinstance(value, float), "a number with a point or an exponent, such as 1e-07"),
    "image_data_format": (lambda value: value in ("channels_last", "channels_first"), "channels_last or _first"),
}
LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")  # which would end a training early without a word


def choose_settings() -> None:
    """Have Keras, which TensorFlow imports, run on TensorFlow without limits, whatever the user's settings say.

    It does nothing if Keras has been imported.

    Raises:
        UserError: Keras could not be imported with the user's keras.json.
    """
    if "keras" in sys.modules:
        return
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["KERAS_NNX_ENABLED"] = "false"  # for JAX alone
    for name in LIMITS:
        os.environ.pop(name, None)
    if os.path.expanduser("~") == "~":  # a user without a home, for whom Keras would make a folder of this name
        os.environ.setdefault("KERAS_HOME", str(NO_HOME))
    _refuse_unusable()


def lift_limits() -> None:
    """Have an imported Keras train and predict to the end."""
    import keras  # 3 s

    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)


def _refuse_unusable() -> None:
    folder = os.environ.get("KERAS_HOME", os.path.join("~", ".keras"))
    path = Path(os.path.expanduser(os.path.join(folder, "keras.json")))
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # Keras goes on without the file, or tells of the disk
        return
    if not isinstance(settings, dict):
        raise UserError(f"{path}: must be a JSON object, received {str(settings)[:40]}; delete it: Keras makes one")
    for name, (is_accepted, wanted) in ACCEPTED.items():
        if name in settings and not is_accepted(settings[name]):
            raise UserError(
                f"{path}: {name} must be {wanted} for Keras to start, received {str(settings[name])[:40]!r}; "
                "correct it, or delete the file"
            )

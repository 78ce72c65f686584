"""Keras's own generator and iterators, which this room extends.

They live in a private module: Keras exports only some of them, and under names that differ between versions. They run
on every backend of Keras that is installed (TensorFlow, JAX, Torch); which one Keras takes is decided by KERAS_BACKEND
or ~/.keras/keras.json, and is "tensorflow" where neither says.
"""

from image_kit.errors import UserError, first_line

try:
    import keras as keras
    from keras.src.legacy.preprocessing import image as keras_image
    from keras.src.utils import io_utils as io_utils
except ImportError as error:
    raise UserError(
        f"ImageDataGenerator: Keras cannot start ({first_line(error)}); run pip install keras tensorflow, or install "
        "JAX or Torch in place of TensorFlow and set KERAS_BACKEND to jax or torch before Python starts"
    ) from error

__all__ = ["io_utils", "keras", "keras_image"]

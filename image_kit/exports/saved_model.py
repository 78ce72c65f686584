"""A run as a SavedModel folder for TensorFlow Serving: float pixels in, or encoded JPEGs; probabilities out.

TensorFlow and keras take 3 s, which the other formats do not need. So this module imports them in its functions.
"""

import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from image_kit.compute import native_stderr_held_back, set_up
from image_kit.exports.classes_file import CLASSES, describe_classes
from image_kit.exports.formats import Facts
from image_kit.exports.source import Source
from image_kit.exports.whole_network import INPUT, OUTPUT, SMALLEST, temperature_of, with_rescaling
from image_kit.weights import build_with_weights

if TYPE_CHECKING:
    import tensorflow as tf

FLOATS, JPEGS = "serving_default", "jpeg"  # the signatures
ENCODED = "jpegs"  # the second one's input
EXTRA = "assets.extra"  # the folder for files that TensorFlow carries but does not read
BATCH = 32
JPEG_SUFFIXES = {".jpg", ".jpeg"}
MOST_COMPARED = 50  # photos on which the signatures are compared
# Pillow's weights of red, green and blue in grey, of 65,536.
TO_GREY = (19595, 38470, 7471)


def write(source: Source, path: Path, facts: Facts | None = None) -> list[str]:
    """Write the folder, which must not exist.

    Raises:
        UserError: Keras cannot build the network.
        OSError: the folder cannot be written.
    """
    tf = _set_up()

    module = _make_module(source)
    notes = _compare_signatures(module, facts) if facts else []
    with native_stderr_held_back():  # messages of the writer
        signatures = {FLOATS: module.answer_floats, JPEGS: module.answer_jpegs}
        try:
            tf.saved_model.save(module, str(path), signatures=signatures)
        except tf.errors.OpError as error:  # a full disk, for instance
            raise _as_os_error(error.message, path) from None
        except UnicodeEncodeError:
            raise OSError(0, "TensorFlow knows UTF-8 names only; give --output elsewhere", str(path)) from None
    extra = path / EXTRA
    extra.mkdir()
    described = describe_classes(source) | {"signatures": _describe_signatures()}
    (extra / CLASSES).write_text(json.dumps(described, ensure_ascii=False, indent=2), encoding="utf-8")
    return notes


def _as_os_error(message: str, path: Path) -> OSError:
    """TensorFlow's message as the system's error that it quotes; otherwise its beginning."""
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES):
        if os.strerror(number) in message:
            return OSError(number, os.strerror(number), str(path))
    return OSError(0, message.splitlines()[0][:200], str(path))


def _describe_signatures() -> dict[str, str]:
    return {
        FLOATS: "images, as in `input`",
        JPEGS: f"{ENCODED}, a batch of strings, each an encoded JPEG or PNG. TensorFlow decodes and resizes: EXIF "
        "orientation is not applied, transparency is dropped, and pixels differ a little from Pillow's.",
    }


def _make_module(source: Source) -> Any:
    import tensorflow as tf  # see above

    preprocessing, n_classes = source.description.preprocessing, len(source.description.class_names)
    network, weights = with_rescaling(source)
    model = build_with_weights(network, weights, preprocessing.image_shape)
    head, temperature = source.head, temperature_of(source)
    height, width, channels = preprocessing.image_shape

    class Answering(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        @tf.function(input_signature=[tf.TensorSpec((None, height, width, channels), tf.float32, INPUT)])
        def answer_floats(self, images: "tf.Tensor") -> dict[str, "tf.Tensor"]:
            outputs = self.model(images, training=False)
            return {OUTPUT: tf.ensure_shape(_to_probabilities(outputs, head, temperature), (None, n_classes))}

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, ENCODED)])
        def answer_jpegs(self, jpegs: "tf.Tensor") -> dict[str, "tf.Tensor"]:
            spec = tf.TensorSpec((height, width, channels), tf.float32)
            images = tf.map_fn(lambda each: _decode(each, preprocessing), jpegs, fn_output_signature=spec)
            return self.answer_floats(images)

    return Answering()


def _to_probabilities(outputs: "tf.Tensor", head: str, temperature: float) -> "tf.Tensor":
    """As `to_probabilities` and `with_temperature`."""
    import tensorflow as tf  # see above

    if head == "sigmoid":
        outputs = tf.concat([1 - outputs, outputs], axis=1)
    elif head == "logits":
        outputs = tf.nn.softmax(outputs)
    if temperature == 1:
        return outputs
    return tf.nn.softmax(tf.math.log(tf.maximum(outputs, SMALLEST)) / temperature)


def _decode(jpeg: "tf.Tensor", preprocessing: Any) -> "tf.Tensor":
    """One encoded picture as float32 (height, width, channels), as `Preprocessing.photo` within a few grey levels."""
    import tensorflow as tf  # see above

    height, width, channels = preprocessing.image_shape
    # The method of libjpeg that Pillow uses.
    pixels = tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE")
    if channels == 1:
        pixels = tf.reduce_sum(tf.cast(pixels, tf.int32) * TO_GREY, axis=2, keepdims=True) + 2**15
        pixels = pixels // 2**16
    size = tf.cast(tf.shape(pixels)[:2], tf.float32)
    # The part that is seen, as in `Preprocessing`.
    wider = size[1] * height / (size[0] * width)
    seen = size * tf.stack([tf.minimum(1.0, wider), 1 / tf.maximum(1.0, wider)]) ** preprocessing.crop
    scale = tf.constant([height, width], tf.float32) / seen
    resized = tf.raw_ops.ScaleAndTranslate(
        images=tf.cast(pixels, tf.float32)[None],
        size=(height, width),
        scale=scale,
        translation=-(size - seen) / 2 * scale,
        kernel_type="triangle",
        antialias=True,
    )
    return tf.clip_by_value(tf.round(resized[0]), 0.0, 255.0)


def answer(path: Path, images: np.ndarray) -> np.ndarray:
    """Probabilities by TensorFlow, float32 (n, classes), of uint8 images (n, height, width, channels), at least 1."""
    tf = _set_up()

    run = tf.saved_model.load(str(path)).signatures[FLOATS]
    batches = [images[start : start + BATCH].astype(np.float32) for start in range(0, len(images), BATCH)]
    return np.concatenate([run(**{INPUT: tf.constant(batch)})[OUTPUT].numpy() for batch in batches])


def _set_up() -> Any:
    """TensorFlow, with float32 in full: products in TF32, a GPU's default, moved a probability by .0011."""
    set_up("float32")
    import tensorflow as tf  # see above

    tf.config.experimental.enable_tensor_float_32_execution(False)
    return tf


def _compare_signatures(module: Any, facts: Facts) -> list[str]:
    """A note on how far the probabilities of the two signatures differ on held photos; none if these are no files."""
    held = facts.photos.held
    chosen = [number for number, name in enumerate(held.names) if Path(name).suffix.lower() in JPEG_SUFFIXES]
    chosen = [number for number in chosen[:MOST_COMPARED] if Path(held.names[number]).is_file()]
    if not chosen:
        return []
    largest, changed = 0.0, 0
    for number, image in zip(chosen, held.take(np.array(chosen)), strict=True):
        floats = module.answer_floats(image[None].astype(np.float32))[OUTPUT].numpy()
        jpegs = module.answer_jpegs([Path(held.names[number]).read_bytes()])[OUTPUT].numpy()
        largest = max(largest, float(np.abs(floats - jpegs).max()))
        changed += int(floats.argmax() != jpegs.argmax())
    return [
        f"{JPEGS}, the signature for encoded photos, decodes and resizes with TensorFlow: on {len(chosen)} photos, "
        f"{changed} answers differ and a probability by {largest:.2g} at most"
    ]


def answer_files(path: Path, photos: list[Path]) -> np.ndarray:
    """Probabilities of encoded photos by the signature JPEGS, float32 (n, classes)."""
    tf = _set_up()

    run = tf.saved_model.load(str(path)).signatures[JPEGS]
    return np.concatenate([run(**{ENCODED: tf.constant([photo.read_bytes()])})[OUTPUT].numpy() for photo in photos])

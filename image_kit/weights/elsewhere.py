"""Weights files of other programs: do they belong to the network that the user names, and are they in its order?

Keras takes the arrays of a file by place and shape alone. So other layers between them, kernels that Theano turned and
rows in another order of the image would load without a word, and answer wrongly. What a file says of itself tells:

- the configuration of a whole model, in the older .h5 (the attribute model_config);
- the names of all layers, which Keras makes from their classes;
- the backend that wrote an older .h5: Theano turns kernels by 180 degrees.
"""

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from image_kit.weights.hdf5_safety import datasets
from image_kit.weights.layout import snake_case
from image_kit.weights.network import ALLOWED_LAYERS, Network

if TYPE_CHECKING:
    import keras

Step = tuple[str, dict[str, Any]]
MODELS = ("Functional", "Model", "Sequential")
# They compute nothing after training, or what an activation computes as well.
WITHOUT_EFFECT = {"Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise"}
PLAIN_ACTIVATIONS = {"ReLU": "relu", "Softmax": "softmax"}
# Settings that are compared otherwise, or decide nothing.
MAY_DIFFER = {"activation", "data_format", "axis", "momentum"}
WATCHED = {snake_case(name) for name in ALLOWED_LAYERS.keys() - WITHOUT_EFFECT - PLAIN_ACTIVATIONS.keys()}
WATCHED = WATCHED - {"activation", "flatten"} | {"normalization"}
SAVE_AGAIN = "load the whole model in Keras 2 with its backend tensorflow, and save it again"


def check_elsewhere(file: h5py.File, network: Network) -> None:
    """Raise ValueError if an open weights file says that it belongs to another network, or is in another order."""
    known = {snake_case(layer["class"]) for layer in network}
    if text := file.attrs.get("model_config"):
        theirs = [*_steps(_layers_of(json.loads(text)))]
        if theirs and _scales_as_the_kit(theirs[0]):
            del theirs[0]
            known.add("rescaling")
        _compare(theirs, [*_steps(network)])
    names, weighted = _names_of(file)
    if strange := next((name for name in names if _kind(name) in WATCHED - known), None):
        hint = "; the whole model says what it does: model.save('my_model.h5')" if _kind(strange) == "rescaling" else ""
        raise ValueError(f"which has no layer like {strange} of the file{hint}")
    ours = Counter(snake_case(layer["class"]) for layer in network)
    if more := [kind for kind, count in Counter(map(_kind, weighted)).items() if count > ours[kind]]:
        raise ValueError(f"which has fewer layers of the kind {more[0]}")
    _refuse_kernels_of_keras_1(file, network)


def _layers_of(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The layers of a configuration as entries of a network; those of models inside it in their place."""
    config = model["config"]
    for layer in config if isinstance(config, list) else config["layers"]:  # Keras 1 wrote a list
        if layer["class_name"] in MODELS:
            yield from _layers_of(layer)
        elif layer["class_name"] != "InputLayer":
            yield {"class": layer["class_name"].replace("Convolution2D", "Conv2D"), **layer["config"]}


def _steps(network: Iterable[dict[str, Any]]) -> Iterator[Step]:
    """What a network computes, step by step: class and settings; an activation is a step of its own."""
    for layer in network:
        kind, activation = layer["class"], layer.get("activation", "linear")
        if kind in WITHOUT_EFFECT or kind.startswith("Random"):
            continue
        if kind in PLAIN_ACTIVATIONS:
            kind, activation = "Activation", PLAIN_ACTIVATIONS[kind]
        if kind != "Activation":
            yield kind, {key: layer.get(key) for key in ALLOWED_LAYERS.get(kind, "").split() if key in layer}
        if activation != "linear":
            yield "Activation", {"of": activation}


def _scales_as_the_kit(step: Step) -> bool:
    """Whether a step makes 0..1 of pixels, which the kit has done already, as all tutorials do."""
    kind, settings = step
    scale, offset = settings.get("scale"), settings.get("offset") or 0
    return kind == "Rescaling" and offset == 0 and isinstance(scale, float) and math.isclose(scale, 1 / 255)


def _compare(theirs: list[Step], ours: list[Step]) -> None:
    for steps in (theirs, ours):  # the kit makes probabilities of logits anyway
        if steps[-1:] == [("Activation", {"of": "softmax"})]:
            steps.pop()
    if ours[-1:] == [("Activation", {"of": "sigmoid"})] and theirs[-1:] != ours[-1:]:
        ours.pop()
    for their, our in itertools.zip_longest(theirs, ours):
        if their is None or our is None or their[0] != our[0] or (our[0] == "Activation" and their != our):
            raise ValueError(f"which {_name(our)} where the file {_name(their)}")
        for key in our[1].keys() & their[1].keys() - MAY_DIFFER:
            mine, other = our[1][key], their[1][key]
            if _plain(mine) != _plain(other) and other is not None:
                raise ValueError(f"whose {our[0]} has {key} {mine}, and that of the file {str(other)[:40]}")


def _name(step: Step | None) -> str:
    if step is None:
        return "ends"
    kind = step[0][:40]
    article = "an" if kind[:1] in tuple("AEIO") else "a"
    return f"has the activation {str(step[1]['of'])[:40]}" if kind == "Activation" else f"has {article} {kind}"


def _plain(value: Any) -> Any:
    """A setting as all versions write it: 2 for both sides is [2, 2] in others."""
    if isinstance(value, list | tuple) and len(set(map(str, value))) == 1:
        return _plain(value[0])
    return value


def _names_of(file: h5py.File) -> tuple[list[str], list[str]]:
    """The names of a file's layers, and of those in the layout of Keras 3 that have weights."""
    if isinstance(layers := file.get("layers"), h5py.Group):
        return list(layers), [name for name in layers if len(layers[name].get("vars", ()))]
    attributes = file.get("model_weights", file).attrs
    parts = sorted(key for key in attributes if re.fullmatch(r"layer_names\d*", key))
    names = [name for key in parts for name in np.asarray(attributes[key]).tolist()]
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names], []


def _kind(name: str) -> str:
    return re.sub(r"(_\d+)+$", "", name)


def _refuse_kernels_of_keras_1(file: h5py.File, network: Network) -> None:
    for layer in network:
        if layer["class"] == "Conv2D":
            sides, filters = tuple(layer["kernel_size"]), layer["filters"]
            for name, array in datasets(file):
                is_turned = len(array.shape) == 4 and array.shape[0] == filters and array.shape[2:] == sides
                if is_turned and array.shape[:2] != sides:
                    raise ValueError(f"its {name} is in the order of Keras 1 with Theano; {SAVE_AGAIN}")
            return


def put_in_order(model: "keras.Model", file: h5py.File) -> bool:
    """Turn kernels that Theano wrote, and put the rows behind a Flatten in order if the file's images began with their
    channels. Returns whether that order is not known: only a whole model says it.
    """
    attributes = {**file.attrs, **file.get("model_weights", file).attrs}
    is_turned = attributes.get("backend") in ("theano", b"theano")
    configuration = json.loads(attributes.get("model_config", "null"))
    flattened = None
    for layer in model.layers:
        kind, weights = type(layer).__name__, layer.get_weights()
        if kind == "Flatten":
            flattened = layer.input.shape[1:]
        elif is_turned and kind in ("Conv2D", "Conv2DTranspose"):
            layer.set_weights([weights[0][::-1, ::-1], *weights[1:]])
        elif kind == "Dense" and flattened and configuration and _begin_with_channels(configuration):
            height, width, channels = flattened
            rows = weights[0].reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
            layer.set_weights([rows.reshape(weights[0].shape), *weights[1:]])
        flattened = None if kind == "Dense" else flattened
    return is_turned and configuration is None


def _begin_with_channels(configuration: dict[str, Any]) -> bool:
    """Whether the rows behind a Flatten are in the order of images that begin with their channels.

    A Flatten with a data_format puts them in the usual order itself.
    """
    layers = [*_layers_of(configuration)]
    formats = [layer.get("data_format", layer.get("dim_ordering")) for layer in layers if layer["class"] != "Flatten"]
    sorts_itself = any(layer["class"] == "Flatten" and "data_format" in layer for layer in layers)
    return not sorts_itself and any(each in ("channels_first", "th") for each in formats)

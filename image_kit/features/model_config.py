"""The configuration inside a Keras model file, read as plain data without Keras, so that nothing in the file can run.

Keras itself would import the classes and functions that a file names. Here only the settings of allowed layers are
taken, and everything else in the configuration (losses, initializers, functions) is left unread.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from image_kit.weights import ALLOWED_LAYERS, Network

MODELS = ("Functional", "Model", "Sequential")  # Keras 2 wrote "Model" for a functional one at first
PACKAGES = ("keras", "tf_keras")  # the second is Keras 2 since TensorFlow 2.16
BEFORE = {"groups": 1, "keepdims": False}  # what layers did until Keras 2 had a setting for it
IMAGE = -1  # as an input: the image
NORMALIZATION = "axis mean variance invert"  # settings; a mean that is None is among the weights


@dataclass(frozen=True)
class Place:
    """Where a file has the weights of a layer.

    Attributes:
        path: the group in a .keras file or a .weights.h5: layers/conv2d_1 or layers/functional/layers/conv2d.
        group: the group in the older .h5, which is the name of the outermost layer or model.
        name: of the layer.
    """

    path: str
    group: str
    name: str


@dataclass(frozen=True)
class ModelConfig:
    """What a configuration says.

    Attributes:
        network: the layers; models inside the model are dissolved. The layer "Normalization" may occur besides those of
            ALLOWED_LAYERS: `fold_normalization` replaces it.
        places: of each entry's weights.
        input_shape: (height, width, channels) or another shape; None where the model leaves a size open.
    """

    network: Network
    places: list[Place]
    input_shape: tuple[int | None, ...]


def read_config(text: str | bytes) -> ModelConfig:
    """Read a model's configuration: config.json of a .keras file, or the attribute model_config of an .h5.

    Raises:
        ValueError: it is damaged, or contains a layer or a connection that is not allowed.
    """
    try:
        model = json.loads(text)
        reader = _Reader()
        output = reader.add_model(model, IMAGE, "", "")
        if output != len(reader.network) - 1:
            raise ValueError("its output is not its last layer")
        return ModelConfig(reader.network, reader.places, tuple(_input_shape(model)))
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"its configuration is damaged ({type(error).__name__}: {error})") from None


class _Reader:
    def __init__(self) -> None:
        self.network: Network = []
        self.places: list[Place] = []

    def add_model(self, model: dict[str, Any], source: int, path: str, group: str) -> int:
        """Add the layers of a model that takes the output of entry `source`; returns the entry of its output."""
        if model["class_name"] not in MODELS or model.get("module", "keras").partition(".")[0] not in PACKAGES:
            raise ValueError(f"it is a {model['class_name']}, not a Sequential or functional model")
        is_chain, counts = model["class_name"] == "Sequential", Counter[str]()
        outputs: dict[str, int] = {}  # of each layer, the entry of its output
        models: set[str] = set()
        last = source
        for layer in _layers(model):
            kind, name = layer["class_name"], layer["config"]["name"]
            place = Place(path + _next_group(kind, counts), group or name, name)
            if kind == "InputLayer":
                outputs[name] = source
                continue
            _check_layer(layer)
            inputs = [last] if is_chain else [outputs[each] for each in _inputs(layer, models)]
            if kind not in MODELS:
                last = self.add_layer(layer, inputs, place)
            elif len(inputs) == 1:
                last = self.add_model(layer, inputs[0], f"{place.path}/", place.group)
            else:
                raise ValueError(f"the model {name!r} inside it takes {len(inputs)} inputs")
            outputs[name] = last
            if kind in MODELS:
                models.add(name)
        return last if is_chain else outputs[_output(model["config"])]

    def add_layer(self, layer: dict[str, Any], inputs: list[int], place: Place) -> int:
        config = layer["config"]
        keys = _settings_of(layer["class_name"])
        entry = {"class": layer["class_name"], **{key: config.get(key, BEFORE.get(key)) for key in keys}}
        if layer["class_name"].endswith("Normalization") and isinstance(axis := entry.get("axis"), list):
            entry["axis"] = axis[0] if len(axis) == 1 else axis  # Keras 2 wrote a list of one
        if inputs != [len(self.network) - 1]:
            entry["inputs"] = inputs
        self.network.append(entry)
        self.places.append(place)
        return len(self.network) - 1


def _layers(model: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers of a model; until version 2.2.2 Keras wrote those of a Sequential without a name for it."""
    config = model["config"]
    return config if isinstance(config, list) else config["layers"]


def _next_group(kind: str, counts: Counter[str]) -> str:
    """Where Keras 3 writes a layer's weights: layers/conv2d, layers/conv2d_1, ..., by class in the order of layers."""
    snake = _snake_case("Functional" if kind == "Model" else kind)
    counts[snake] += 1
    return f"layers/{snake}_{counts[snake] - 1}" if counts[snake] > 1 else f"layers/{snake}"


def _settings_of(kind: str) -> list[str]:
    return ALLOWED_LAYERS.get(kind, NORMALIZATION).split()


def _check_layer(layer: dict[str, Any]) -> None:
    """Raise ValueError unless it is a model, or an allowed layer of Keras's own with all of its settings."""
    kind, config = layer["class_name"], layer["config"]
    if kind in MODELS:
        return
    # Keras 2 wrote no module. A class of somebody else's has its package in its name or another module.
    if layer.get("module", "keras.layers") != "keras.layers" or kind not in (*ALLOWED_LAYERS, "Normalization"):
        allowed = ", ".join(ALLOWED_LAYERS)
        raise ValueError(f"its layer {config['name']!r} ({kind}) is not one of those that the kit allows: {allowed}")
    if missing := [key for key in _settings_of(kind) if key not in config and key not in BEFORE]:
        raise ValueError(f"its layer {config['name']!r} ({kind}) has no {missing[0]}; save it with Keras 3")


def _inputs(layer: dict[str, Any], models: set[str]) -> Iterator[str]:
    """Names of the layers whose outputs a layer of a functional model takes; `models` are those that are models."""
    name, nodes = layer["config"]["name"], layer["inbound_nodes"]
    if len(nodes) != 1:
        raise ValueError(f"its layer {name!r} is called {len(nodes)} times")
    if isinstance(nodes[0], list):  # Keras 2: [name, node, tensor, arguments] for each input
        histories, options = [each[:3] for each in nodes[0]], [each[3] for each in nodes[0] if len(each) > 3]
    else:
        histories, options = list(_histories(nodes[0]["args"])), [nodes[0]["kwargs"]]
    for option in options:
        if any(option.values()):  # training=False and mask=None are what prediction does anyway
            raise ValueError(f"its layer {name!r} is called with {', '.join(option)}")
    for source, node, tensor in histories:
        # Keras 2 counts the calls of a model from 1: its own layers' are the first.
        if tensor != 0 or node not in ((0, 1) if source in models else (0,)):
            raise ValueError(f"its layer {name!r} takes another than the first output of {source!r}")
        yield source


def _histories(value: Any) -> Iterator[list[Any]]:
    """Each [name, node, tensor] in the arguments of a call, as Keras 3 writes them, in their order."""
    if isinstance(value, list):
        for each in value:
            yield from _histories(each)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield value["config"]["keras_history"]
    else:
        raise ValueError(f"a layer is called with {str(value)[:40]!r}")


def _output(config: dict[str, Any]) -> str:
    outputs = config["output_layers"]
    outputs = [outputs] if isinstance(outputs[0], str) else outputs  # Keras 3 writes a single one without a list
    if len(outputs) != 1:
        raise ValueError(f"it has {len(outputs)} outputs, not one")
    return outputs[0][0]


def _input_shape(model: dict[str, Any]) -> list[int | None]:
    """The shape of one image: that of the first input layer, which models inside the model may have instead."""
    layers = _layers(model)
    first = layers[0]
    if first["class_name"] in MODELS:
        return _input_shape(first)
    shape = first["config"].get("batch_shape") or first["config"].get("batch_input_shape")
    shape = shape or (isinstance(model["config"], dict) and model["config"].get("build_input_shape"))
    if sum(layer["class_name"] == "InputLayer" for layer in layers) > 1 or not shape:
        raise ValueError("it must have one input of a known shape")
    return shape[1:]


def _snake_case(name: str) -> str:
    """The name of a class as Keras writes it into files: MaxPooling2D becomes max_pooling2d."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()

"""From a Keras model to its network as plain data, and back. `network.py` says what such data look like."""

import itertools
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from image_kit.errors import UserError
from image_kit.weights.layout import Weights, keras_order
from image_kit.weights.network import (
    ALLOWED_LAYERS,
    IMAGE,
    MAX_SUM,
    MAX_VALUES,
    MERGING_LAYERS,
    ImageShape,
    Network,
    UnknownLayer,
    check_network,
    has_branches,
    inputs_of,
)

if TYPE_CHECKING:
    import keras


def network_of(model: "keras.Model") -> Network:
    """The network of a Sequential model, or of a functional one with one input and one output.

    Its entries are in the order of `model.layers`. `build_network` repeats this order, by which Keras names the layers
    in a weights file, so the files of both models are interchangeable.

    Raises:
        UnknownLayer: a layer is not allowed; or it is called twice, or with arguments besides its inputs.
    """
    import keras  # 3 s that reading a description need not wait for

    is_chain = isinstance(model, keras.Sequential)
    if not is_chain and (len(model.inputs), len(model.outputs)) != (1, 1):
        raise UnknownLayer(f"it has {len(model.inputs)} inputs and {len(model.outputs)} outputs, not one of each")
    layers = model.layers if is_chain else model.operations[1:]  # keras.ops, which are not layers, too; 0 is the input
    network = [{"class": type(layer).__name__, **_settings(layer)} for layer in layers]
    if not is_chain:
        for index, inputs in enumerate(_inputs_in(model)):
            if inputs != [index - 1]:
                network[index]["inputs"] = inputs
    return check_network(json.loads(json.dumps(network, default=lambda number: number.item())))  # of NumPy's numbers


def _settings(layer: "keras.Layer") -> dict[str, Any]:
    import keras  # see network_of

    name = type(layer).__name__
    if name not in ALLOWED_LAYERS or type(layer) is not getattr(keras.layers, name):
        allowed = ", ".join(ALLOWED_LAYERS)
        raise UnknownLayer(f"the layer {layer.name!r} ({name}) is not one that a weights file may carry; use {allowed}")
    config = layer.get_config()
    settings = {key: config[key] for key in ALLOWED_LAYERS[name].split()}
    if "activation" in settings and not isinstance(settings["activation"], str):  # a user's own function
        raise UnknownLayer(f"the activation of the layer {layer.name!r} is not one of Keras's own")
    return settings


def _inputs_in(model: "keras.Model") -> Iterator[list[int]]:
    """For each layer of a functional model but its input, the indices of the layers whose outputs it takes."""
    import keras  # see network_of

    places = {id(layer): index for index, layer in enumerate(model.operations, IMAGE)}
    calls: dict[int, list[Any]] = {index: [] for index in places.values()}
    # Not `layer.input`: a layer may also have been called in other models.
    for node in itertools.chain.from_iterable(model._nodes_by_depth.values()):
        calls[places[id(node.operation)]].append(node)
    for layer in model.operations[1:]:
        first, *others = calls[places[id(layer)]]
        if others:
            raise UnknownLayer(f"the layer {layer.name!r} is called more than once")
        arguments = keras.tree.flatten((first.arguments.args, first.arguments.kwargs))
        # Keras itself adds training=False and mask=None.
        if not all(keras.utils.is_keras_tensor(each) or each is None or each is False for each in arguments):
            raise UnknownLayer(f"the layer {layer.name!r} is called with arguments besides its inputs")
        yield [places[id(node.operation)] for node in first.parent_nodes]


def build_network(network: Network, image_shape: ImageShape) -> "keras.Model":
    """The Keras model of a network, float32, with new weights.

    It is a keras.Sequential, or a functional keras.Model if the network has branches.

    Args:
        network: as `check_network` returns it.
        image_shape: (height, width, channels).

    Raises:
        ValueError: Keras cannot build it, or its layers output more than MAX_VALUES each or MAX_SUM together for one
            image.
    """
    import keras  # see network_of

    try:
        layers = [_build_layer(getattr(keras.layers, layer["class"]), layer) for layer in network]
        image = keras.Input(image_shape)
        if has_branches(network):
            model = keras.Model(image, _connect(layers, inputs_of(network), image))
        else:
            model = keras.Sequential([image, *layers])
    except Exception as error:  # Keras raises many kinds of exception on settings that do not fit
        raise ValueError(f"its layers cannot be built ({error})") from None
    _check_outputs(layers)
    return model


def _connect(layers: "list[keras.Layer]", inputs: list[list[int]], image: "keras.KerasTensor") -> "keras.KerasTensor":
    """Call each layer on its inputs; returns the last output."""
    outputs = {IMAGE: image}
    for index, (layer, taken) in enumerate(zip(layers, inputs, strict=True)):
        tensors = [outputs[each] for each in taken]
        outputs[index] = layer(tensors if type(layer).__name__ in MERGING_LAYERS else tensors[0])
    return outputs[len(layers) - 1]


def _check_outputs(layers: "list[keras.Layer]") -> None:
    total = 0
    for layer in layers:
        values = math.prod(layer.output.shape[1:])
        total += values
        if values > MAX_VALUES:
            raise ValueError(f"its layer {layer.name} outputs more than {MAX_VALUES:,} numbers for one image")
        if total > MAX_SUM:
            raise ValueError(f"its layers output more than {MAX_SUM:,} numbers for one image")


def _build_layer(kind: type, layer: dict[str, Any]) -> "keras.Layer":
    settings = {key: _tuples(value) for key, value in layer.items() if key not in ("class", "inputs")}
    return kind(**settings, dtype="float32")


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that Keras's layers expect."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def build_with_weights(network: Network, weights: Weights, image_shape: tuple[int, int, int]) -> "keras.Model":
    """The Keras model of a network, as `build_network`, with these weights for its entries."""
    import keras  # see network_of

    model = build_network(network, image_shape)
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    for index, layer in zip(keras_order(network), layers, strict=True):
        layer.set_weights(weights[index])
    return model


def check_supported(model: Any, name: str, image_shape: ImageShape, n_classes: int) -> None:
    """Raise UserError if the kit cannot train and save a model that a user's function built.

    Args:
        model: what the function returned.
        name: of the function, for the message.
        image_shape: (height, width, channels), which the function was given.
        n_classes: at least 2, likewise.
    """
    import keras  # see network_of

    is_chain = isinstance(model, keras.Sequential)
    if not is_chain and not (isinstance(model, keras.Model) and hasattr(model, "operations")):
        kind = type(model).__name__  # such as a user's subclass of keras.Model
        raise UserError(f"--model {name}: must return a keras.Sequential or a functional keras.Model, received {kind}")
    if not model.built or not model.layers:
        raise UserError(f"--model {name}: must begin with keras.Input(image_shape) and have layers after it")
    shape = model.inputs[0].shape[1:]
    if tuple(shape) != tuple(image_shape):
        raise UserError(f"--model {name}: must take images of {image_shape}, its Input takes {shape}")
    try:
        network_of(model)
        check_head(model, n_classes)
    except ValueError as error:
        raise UserError(f"--model {name}: {error}") from None


def check_head(model: "keras.Model", n_classes: int) -> None:
    """Raise ValueError unless the last layer is one that answers can be read from: `head_of` says which these are."""
    import keras  # see network_of

    last, shape = model.layers[-1], tuple(model.outputs[0].shape[1:])
    units = {"sigmoid": 1, "softmax": n_classes, "linear": n_classes}.get(last.get_config().get("activation"))
    if not isinstance(last, keras.layers.Dense) or shape != (units,):
        raise ValueError(
            f"must end in Dense(1, activation='sigmoid'), for two classes, or in Dense({n_classes}) with softmax or no "
            f"activation, after a Flatten; received {type(last).__name__} {shape}"
        )
    if units == 1 and n_classes != 2:
        raise ValueError(f"ends in one sigmoid unit, which tells 2 classes apart, not {n_classes}")


def head_of(model: "keras.Model") -> str:
    """What the last layer outputs: "sigmoid" (one unit), "softmax" or "logits" (one unit for each class)."""
    activation = model.layers[-1].get_config()["activation"]
    return "logits" if activation == "linear" else activation


def is_binary(model: "keras.Model") -> bool:
    """Whether the head is one sigmoid unit. Its labels are 0.0 and 1.0, float32 (n, 1)."""
    return model.outputs[0].shape[-1] == 1

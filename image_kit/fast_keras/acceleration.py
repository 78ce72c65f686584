"""A network rebuilt so that it trains faster: the same function, weights and files."""

from collections import Counter
from typing import Any

import keras

from image_kit.errors import UserError
from image_kit.fast_keras import frozen_statistics as frozen
from image_kit.fast_keras.dropout import Dropout
from image_kit.fast_keras.side_by_side import SideBySide

# The last layer outputs probabilities or logits, which lose too much precision in 16 bits.
HEAD_DTYPE = "float32"


def accelerate(
    model: keras.Model,
    dtype_policy: str = "float32",
    slices: int = 1,
    frozen_layers: int = 0,
    frozen_statistics: bool = False,
) -> keras.Model:
    """A copy of a built network, with its weights, that computes the same function in less time.

    - Layers compute in the precision of `dtype_policy`, the last one in float32. Weights are float32.
    - Keras's Dropout becomes `Dropout`.
    - In a chain of layers, a relu before a max-pooling moves behind it. The maximum of the relus is the relu of the
      maximum, values and gradients alike, and a quarter of the numbers are read and written: 5 % of a step of tutorial
      1's network. A batch is computed in `slices`, one for each core (see `SideBySide`).
    - In a network with branches, a convolution computes the batch normalization with frozen statistics behind it (see
      `frozen_statistics`).

    Weights files of the copy and the original are interchangeable.

    Args:
        model: a Sequential or a functional model.
        dtype_policy: "float32", "mixed_bfloat16" or "mixed_float16".
        slices: from `choose_slices`.
        frozen_layers, frozen_statistics: see `Recipe`.

    Raises:
        UserError: the network has no more than `frozen_layers` layers.
    """
    copies = _copy_layers(model, dtype_policy, frozen_layers, frozen_statistics)
    if not isinstance(model, keras.Sequential):
        _fold_normalizations(model, copies)
        return _connected(model, copies)
    layers: list[keras.Layer] = []
    before = None
    for layer, copy in zip(model.layers, copies.values(), strict=True):
        layers.append(copy)
        if type(layer) is keras.layers.MaxPooling2D and _ends_in_relu(before):
            layers[-2].activation = keras.activations.linear
            layers.append(keras.layers.ReLU(dtype=copy.dtype_policy))
        before = layer
    return _with_weights(model, _chain(model, layers, slices))


def copied(model: keras.Model, frozen_layers: int = 0, frozen_statistics: bool = False) -> keras.Model:
    """A copy of the network and its weights, in Keras's own layers and in the precision of the original.

    See `accelerate`.
    """
    copies = _copy_layers(model, None, frozen_layers, frozen_statistics)
    if not isinstance(model, keras.Sequential):
        return _connected(model, copies)
    return _with_weights(model, _chain(model, list(copies.values()), 1))


def _copy_layers(
    model: keras.Model, dtype_policy: str | None, frozen_layers: int, frozen_statistics: bool
) -> dict[keras.Layer, keras.Layer]:
    """Each layer -> its copy, in order; without a `dtype_policy`, Keras's own in its own precision."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if frozen_layers >= len(layers):
        raise UserError(
            f"--frozen-layers: must be below {len(layers)}, the layers of the network, received {frozen_layers}"
        )
    copies = {}
    for number, layer in enumerate(layers):
        kind = type(layer)
        changes: dict[str, Any] = {}
        if number < frozen_layers:
            changes["trainable"] = False
        if kind is keras.layers.BatchNormalization and (frozen_statistics or number < frozen_layers):
            kind = frozen.BatchNormalization
        if dtype_policy is not None:
            changes["dtype"] = HEAD_DTYPE if number == len(layers) - 1 else dtype_policy
            kind = Dropout if kind is keras.layers.Dropout else kind
        copies[layer] = kind.from_config({**layer.get_config(), **changes})
    return copies


def _fold_normalizations(model: keras.Model, copies: dict[keras.Layer, keras.Layer]) -> None:
    """Let convolutions compute the normalizations with frozen statistics that follow them."""
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth]
    users = Counter(parent.operation for node in nodes for parent in node.parent_nodes)
    for node in nodes:
        norm = copies.get(node.operation)
        if not isinstance(norm, frozen.BatchNormalization):
            continue
        before = node.parent_nodes[0].operation
        if users[before] == 1 and frozen.can_fold(before, node.operation):
            norm.build(node.operation.input.shape)  # the convolution needs its variables
            copies[before] = frozen.folded(copies[before], norm)


def _connected(model: keras.Model, copies: dict[keras.Layer, keras.Layer]) -> keras.Model:
    """A functional model of the copies, connected as the originals are."""

    def copy_of(layer: keras.Layer) -> keras.Layer:
        return copies[layer] if layer in copies else type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=copy_of)
    # Not with lists of one input and output, which a user may have given.
    return _with_weights(model, keras.Model(copy.inputs[0], copy.outputs[0], name=model.name))


def _chain(model: keras.Sequential, layers: list[keras.Layer], slices: int) -> keras.Sequential:
    fast = keras.Sequential([keras.Input(model.input_shape[1:]), *layers], name=model.name)
    return SideBySide(fast, slices) if slices > 1 else fast


def _with_weights(model: keras.Model, copy: keras.Model) -> keras.Model:
    copy.set_weights(model.get_weights())
    return copy


def _ends_in_relu(layer: keras.Layer | None) -> bool:
    """Whether the layer computes something and then relu. A ReLU layer by itself has no activation."""
    return getattr(layer, "activation", None) is keras.activations.relu

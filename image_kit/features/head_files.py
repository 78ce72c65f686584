"""Backbone and head as the one network that a weights file contains, and the two parts of such a network again.

Between them stand tanh, for backbones whose features are bounded, and a layer that gives features unit length.
"""

from typing import Any

from image_kit.features.backbone import Backbone, identify
from image_kit.features.head import Head
from image_kit.weights import Network, Weights

BOUNDING: dict[str, Any] = {"class": "Activation", "activation": "tanh"}
UNIT_LENGTH: dict[str, Any] = {"class": "UnitNormalization", "axis": -1}


def join_network(backbone: Backbone, head: Head) -> tuple[Network, Weights]:
    """Backbone and head as one network, with its weights; `Preprocessing` gives it images on 0..1."""
    between = [BOUNDING, UNIT_LENGTH] if backbone.bounds else [UNIT_LENGTH]
    network = [*backbone.network, *(dict(entry) for entry in between), _dense(len(head.bias))]
    return network, [*backbone.weights, *([] for _ in between), [head.kernel, head.bias]]


def split_network(
    network: Network, weights: Weights, image_size: tuple[int, int], name: str = ""
) -> tuple[Backbone, Head] | None:
    """The inverse of `join_network`: the backbone has the `identity` of the one that was joined.

    Args:
        network, weights: of a weights file.
        image_size: (height, width) in pixels.
        name: of the file, for messages.

    Returns:
        None for a network of another form.
    """
    length = backbone_length(network)
    if length is None:
        return None
    backbone, parts = network[:length], weights[:length]
    bounds = network[length] == BOUNDING
    kernel, bias = weights[-1]
    identity = identify(backbone, parts)
    return Backbone(name, image_size, backbone, parts, identity, bounds=bounds, source=name), Head(kernel, bias)


def backbone_length(network: Network) -> int | None:
    """How many entries the backbone has; None if the network has another form than those of `join_network`."""
    if network[-1] != _dense(network[-1].get("units", 0)) or network[-2:-1] != [UNIT_LENGTH]:
        return None
    length = len(network) - (3 if network[-3:-2] == [BOUNDING] else 2)
    return length or None


def _dense(units: int) -> dict[str, Any]:
    return {"class": "Dense", "units": units, "activation": "softmax", "use_bias": True}

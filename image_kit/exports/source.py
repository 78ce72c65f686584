"""What is exported: a trained network as plain data, read from its weights file without TensorFlow."""

from dataclasses import dataclass, replace
from pathlib import Path

from image_kit.errors import UserError
from image_kit.trust import Trust
from image_kit.weights import (
    Description,
    Fallback,
    Network,
    Weights,
    head_of_network,
    read_network_weights,
    read_trust,
)


@dataclass(frozen=True, eq=False)
class Source:
    """A trained network, ready to be exported.

    Attributes:
        path: the weights file.
        description: class names, preprocessing and more.
        head: one of HEADS, which says how outputs become probabilities (`image_kit.trust.to_probabilities`).
        network: its layers as plain data, see image_kit/weights/network.py.
        weights: of each layer, float32, in the order of Keras's variables.
        trust: calibration and golden self-test; None if the file has none.
    """

    path: Path
    description: Description
    head: str
    network: Network
    weights: Weights
    trust: Trust | None


def read_source(path: Path, fallback: Fallback | None = None) -> Source:
    """Read a weights file.

    Args:
        path: contains its network, or names one of the fallback's networks, as older versions of the kit wrote it.

    Raises:
        UserError: it does not exist, is damaged, or only names its network, which the fallback does not know.
    """
    fallback = fallback or Fallback()
    description = fallback.describe(path)
    network = description.network or _named_network(path, description, fallback)
    weights = read_network_weights(path, replace(description, network=network))
    try:
        head = head_of_network(network)
    except ValueError as error:
        raise UserError(f"{path}: {error}; give the weights of a classifier") from None
    return Source(path, description, head, network, weights, read_trust(path, description))


def _named_network(path: Path, description: Description, fallback: Fallback) -> Network:
    """The network that a file of an older version of the kit names."""
    from image_kit.weights import network_of  # imports Keras, 3 s, which files that contain their network do not need

    return network_of(fallback.build(path, description))

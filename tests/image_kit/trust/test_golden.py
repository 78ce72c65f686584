import numpy as np
import pytest

from image_kit.answering.classifier import Classifier
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.trust import golden
from image_kit.trust.golden import GoldenTest
from image_kit.weights.description import Description

SHAPE = (20, 12, 3)


class Linear(Classifier):
    """A network with 5 features in NumPy. A test may change its weights."""

    def __init__(self, shape=SHAPE, features=5):
        super().__init__(Description("cifar10", ("a", "b", "c"), Preprocessing(shape)), "logits")
        rng = np.random.default_rng(1)
        self.first = rng.normal(size=(np.prod(shape), features)) / 10
        self.head_weights = rng.normal(size=(features, 3))
        self.batches = []

    def run(self, batch):
        self.batches.append(batch)
        features = (batch.reshape(len(batch), -1) @ self.first).astype(np.float32)
        return (features @ self.head_weights).astype(np.float32), features


def test_recorded_answers_pass_and_a_changed_weight_is_refused_with_the_figures():
    network = Linear()
    recorded = golden.record_answers(network)
    recorded.refuse_changed_answers(network, "a.weights.h5")
    network.head_weights[0, 0] += 1
    expected = recorded.probabilities[0]
    moved = network.probabilities(np.rint(255 * network.batches[0]).astype(np.uint8))[0]
    worst = int(np.abs(moved - expected).argmax())
    message = (
        rf"^a\.weights\.h5: its answers have changed since its training: probability {worst} of golden image 1 was "
        rf"{expected[worst]:.6g} and is {moved[worst]:.4g}\d* \(tolerance 0\.001\); either the file is damaged or "
    )
    with pytest.raises(UserError, match=message):
        recorded.refuse_changed_answers(network, "a.weights.h5")


@pytest.mark.parametrize(("change", "is_refused"), [(0.9e-3, False), (1.1e-3, True)])
def test_the_tolerance_of_a_probability_is_a_thousandth(change, is_refused):
    network = Linear()
    recorded = golden.record_answers(network)
    shifted = GoldenTest(recorded.images, recorded.probabilities + np.float32(change), recorded.features)
    if is_refused:
        with pytest.raises(UserError, match=r"tolerance 0\.001"):
            shifted.refuse_changed_answers(network, "a")
    else:
        shifted.refuse_changed_answers(network, "a")


def test_a_changed_feature_is_refused_though_no_probability_changes():
    network = Linear()
    network.head_weights[:] = 0
    recorded = golden.record_answers(network)
    network.first[:, 2] *= 1.1
    with pytest.raises(UserError, match="feature 2 of golden image 1 was"):
        recorded.refuse_changed_answers(network, "a")


def test_features_that_are_nan_are_refused():
    network = Linear()
    recorded = golden.record_answers(network)
    network.head_weights[4] = 0
    network.first[:, 4] = np.nan
    with pytest.raises(UserError):
        recorded.refuse_changed_answers(network, "a")


def test_the_images_follow_from_a_seed_and_are_enlarged_by_nearest_neighbour():
    network = Linear()
    recorded = golden.record_answers(network)
    assert recorded.images.shape == (3, 8, 8, 3)
    np.testing.assert_array_equal(recorded.images, golden.record_answers(Linear()).images)
    seen = network.batches[0][0] * 255
    for row, column in ((0, 0), (19, 11), (10, 6)):
        np.testing.assert_allclose(seen[row, column], recorded.images[0, row * 8 // 20, column * 8 // 12], atol=1e-3)


def test_some_of_many_features_are_kept():
    assert golden.record_answers(Linear(features=1_000)).features.shape == (3, golden.MAX_FEATURES)


def test_the_self_test_of_another_network_is_refused():
    recorded = golden.record_answers(Linear())
    for other in (Linear((20, 12, 1)), Linear(features=6)):
        with pytest.raises(UserError, match="of another network"):
            recorded.refuse_changed_answers(other, "a")


@pytest.mark.parametrize(
    "changes",
    [
        {"images": np.zeros((4, 8, 8, 3), np.float32)},
        {"images": np.zeros((3, 8, 9, 3), np.float32)},
        {"images": np.full((3, 8, 8, 3), 0.5, np.float32)},
        {"images": np.full((3, 8, 8, 3), 256, np.float32)},
        {"probabilities": np.zeros((2, 3), np.float32)},
        {"features": np.zeros(3, np.float32)},
    ],
)
def test_what_is_never_recorded_is_refused(changes):
    recorded = golden.record_answers(Linear())
    with pytest.raises(ValueError, match="golden"):
        GoldenTest(**vars(recorded) | changes)

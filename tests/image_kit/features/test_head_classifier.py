"""Photos are answered in two steps as by the whole network, and files that do not fit give one line."""

from dataclasses import replace

import numpy as np
import pytest

from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.errors import UserError
from image_kit.features.head import Head
from image_kit.features.head_classifier import load_unseen_features, open_head_classifier
from image_kit.features.head_files import join_network
from image_kit.photos import Preprocessing
from image_kit.weights import BEST, Description, read_description, read_trained_on, save_network
from tests.conftest import write_coloured_photos
from tests.fixtures.head_runs import CHANNELS, SIDE, fit_head_run, tiny_backbone

IMAGES = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("head")
    write_coloured_photos(folder / "photos", {"cats": 14, "dogs": 12})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, fit_head_run(folder / "photos", "first")


def open_file(folder, name=f"runs/first/{BEST}"):
    path = folder / name
    return open_head_classifier(path, read_description(path))


def test_both_steps_answer_as_keras_does(run):
    folder, _ = run
    whole = KerasClassifier.load(folder / "runs/first" / BEST)
    with open_file(folder) as ours:
        for received, expected in zip(
            ours.outputs_and_features(IMAGES), whole.outputs_and_features(IMAGES), strict=True
        ):
            np.testing.assert_allclose(received, expected, atol=1e-5)
        features = ours.runner.run(IMAGES)
        np.testing.assert_allclose(ours.probabilities_of(features), whole.probabilities(IMAGES), atol=1e-5)
        # As the store keeps them. Float16 has 11 bits.
        np.testing.assert_allclose(
            ours.probabilities_of(features.astype(np.float16)), whole.probabilities(IMAGES), atol=1e-3
        )


def write_untrusted(photos, name, backbone, units=2, kernel_rows=CHANNELS):
    """A weights file without calibration and golden self-test."""
    kernel = np.random.default_rng(1).normal(size=(kernel_rows, units)).astype(np.float32)
    network, weights = join_network(backbone, Head(kernel, np.zeros(units, np.float32)))
    description = Description("pretrained", ("cats", "dogs"), Preprocessing((SIDE, SIDE, 3)), network=network)
    (photos.parent / "runs" / name).mkdir(parents=True)
    save_network(photos.parent / "runs" / name / BEST, description, weights, np.empty(0, np.uint64))


def test_features_of_unseen_photos_are_looked_up_and_in_their_order(run, tmp_path):
    folder, fitted = run
    write_coloured_photos(tmp_path / "new", {"cats": 4, "dogs": 3}, seed=5)
    (tmp_path / "new/cats/broken.jpg").write_bytes(b"no photo")
    (tmp_path / "new/cats/seen.jpg").write_bytes((folder / "photos/cats/000.jpg").read_bytes())
    (tmp_path / "new/dogs/copy.jpg").write_bytes((tmp_path / "new/dogs/001.jpg").read_bytes())
    seen = read_trained_on(folder / "runs/first" / BEST)
    with open_file(folder) as classifier:
        assert classifier.backbone.identity == fitted.backbone.identity
        found, features = load_unseen_features(tmp_path / "new", classifier, seen, keeps=True)
        expected = classifier.runner.run(found.images.take(np.arange(7)))
        again, same = load_unseen_features(tmp_path / "new", classifier, seen, keeps=True)
        anew, _ = load_unseen_features(tmp_path / "new", classifier, seen, keeps=False)
    assert found.images.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(features, expected.astype(np.float16))
    np.testing.assert_array_equal(features, same)
    assert found.notes[-1] == "features: 7 photos computed, 1 known"  # the one seen in training is known
    assert again.notes[-1] == "features: 0 photos computed, 8 known"
    assert anew.notes[-1] == "features: 8 photos computed, 0 known"
    assert list(found.unreadable) == [str(tmp_path / "new/cats/broken.jpg")]
    assert "1 photos left out: the network was trained or validated on them" in found.notes
    assert "1 copies of other photos left out" in found.notes


def test_files_that_do_not_fit_together_give_one_line(tmp_path):
    write_untrusted(tmp_path / "photos", "rows", tiny_backbone(), kernel_rows=7)
    with pytest.raises(UserError, match=r"best\.weights\.h5: its head takes 7 features, its backbone gives \(12,\)"):
        open_file(tmp_path, f"runs/rows/{BEST}").__enter__()
    write_untrusted(tmp_path / "photos", "units", tiny_backbone(), units=3)
    with open_file(tmp_path, f"runs/units/{BEST}") as classifier:
        assert classifier is None  # Keras's loader tells what is wrong


def test_changed_weights_are_refused_by_the_golden_self_test(run, tmp_path):
    folder, fitted = run
    backbone = tiny_backbone(seed=3)
    network, weights = join_network(backbone, fitted.head)
    path = folder / "runs/first" / BEST
    description = replace(read_description(path), network=network)
    with open_file(folder) as classifier:
        trust = classifier.trust
    save_network(tmp_path / "forged.weights.h5", description, weights, np.empty(0, np.uint64), trust)
    with pytest.raises(UserError, match=r"forged\.weights\.h5: its answers have changed since its training"):
        open_file(tmp_path, "forged.weights.h5").__enter__()


def test_a_backbone_that_would_crash_litert_is_tried_elsewhere_first(tmp_path, monkeypatch):
    monkeypatch.setattr("image_kit.answering.lite_trial.CODE", "import os; os.abort()")
    write_untrusted(tmp_path / "photos", "strange", tiny_backbone(seed=9))
    with pytest.raises(UserError, match=r"best\.weights\.h5: its network crashes LiteRT \(exit status -6\)"):
        open_file(tmp_path, f"runs/strange/{BEST}").__enter__()


@pytest.mark.parametrize("change", [{"activation": "gelu"}, {"strides": [0, 0]}, {"kernel_size": [1, 1]}])
def test_what_litert_cannot_run_is_left_to_keras(tmp_path, change):
    """It knows more layers than our writer, and it asks for the memory of a forged network before it builds it."""
    backbone = tiny_backbone()
    backbone.network[0].update(change)
    if "kernel_size" in change:
        backbone.weights[0][0] = np.zeros((1, 1, 10**4, CHANNELS), np.float32)
    write_untrusted(tmp_path / "photos", "other", backbone)
    with open_file(tmp_path, f"runs/other/{BEST}") as classifier:
        assert classifier is None
    if change != {"activation": "gelu"}:
        with pytest.raises(UserError, match=r"best\.weights\.h5: does not fit the network pretrained \(.*\)$"):
            KerasClassifier.load(tmp_path / "runs/other" / BEST)

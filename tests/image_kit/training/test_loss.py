"""The loss with label smoothing is Keras's of smoothed one-hot labels."""

import keras
import numpy as np
import pytest

from image_kit.training.loss import loss_for

LABELS, FEATURES = np.array([0, 2, 1, 2]), np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_smoothed_class_numbers_are_smoothed_one_hot_labels(activation):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, activation=activation)])
    outputs = model(FEATURES)
    theirs = keras.losses.CategoricalCrossentropy(from_logits=activation is None, label_smoothing=0.2)
    expected = theirs(np.eye(3)[LABELS], outputs)
    np.testing.assert_allclose(loss_for(model, 0.2)(LABELS, outputs), expected, rtol=1e-5)
    np.testing.assert_allclose(loss_for(model, 1e-9)(LABELS, outputs), loss_for(model)(LABELS, outputs), rtol=1e-5)


def test_one_sigmoid_unit_smooths_towards_a_half():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, activation="sigmoid")])
    labels, outputs = np.float32([[0], [1], [1], [0]]), model(FEATURES)
    expected = keras.losses.BinaryCrossentropy()(labels * 0.8 + 0.1, outputs)
    np.testing.assert_allclose(loss_for(model, 0.2)(labels, outputs), expected, rtol=1e-5)


def test_accuracy_and_class_weights_work_with_it():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    model.compile("sgd", loss_for(model, 0.1), metrics=["accuracy"])
    labels = np.argmax(model(FEATURES), axis=1)
    history = model.fit(FEATURES, labels, batch_size=4, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, verbose=0)
    assert history.history["accuracy"] == [1.0]

"""Why a training is stuck. The histories are those of real trainings: mnist_dense for 3 epochs at different rates."""

import math

import numpy as np
import pytest

from image_kit.answering import score
from image_kit.recipe import Recipe
from image_kit.training.diagnosis import diagnose

TEN = [str(digit) for digit in range(10)]
# accuracy, loss, val_accuracy, val_loss
TOO_LOW = [(0.083869, 2.362754, 0.078513, 2.341398), (0.08785, 2.35154, 0.083347, 2.331047)]
TOO_LOW += [(0.093758, 2.342374, 0.089015, 2.320759)]
TOO_HIGH = [(0.102054, 14.443538, 0.102184, 14.471093), (0.102183, 14.471097, 0.102184, 14.471093)]
TOO_HIGH += [(0.102183, 14.471085, 0.102184, 14.471093)]
LEARNED = [(0.92, 0.28, 0.96, 0.13), (0.968, 0.11, 0.972, 0.09), (0.978, 0.07, 0.976, 0.08)]


def history_of(rows):
    names = ("accuracy", "loss", "val_accuracy", "val_loss")
    return [{"epoch": epoch, **dict(zip(names, row, strict=True))} for epoch, row in enumerate(rows, 1)]


def scores_of(answers, labels, names=TEN):
    return score(np.eye(len(names))[answers], labels, names)


@pytest.fixture
def labels():
    return np.arange(1000) % 10


def names_of(causes):
    return [cause.name for cause in causes]


def test_too_low_a_rate(labels):
    answers = np.random.default_rng(0).integers(0, 10, 1000)
    (cause,) = diagnose(history_of(TOO_LOW), scores_of(answers, labels), Recipe(learning_rate=1e-7))
    assert cause.name.startswith("The learning rate is too low")
    assert "from 2.36 to 2.34 in 3 epochs; guessing among 10 classes gives 2.3." in cause.fact
    assert "Raise it from 1e-07: --learning-rate 0.001" in cause.advice


@pytest.mark.parametrize(("rate", "next_rate"), [(1.0, "0.001"), (None, "0.0001")])
def test_too_high_a_rate_and_one_answer(labels, rate, next_rate):
    causes = diagnose(history_of(TOO_HIGH), scores_of(np.full(1000, 3), labels), Recipe(learning_rate=rate))
    assert names_of(causes) == ["The learning rate is too high", "It gives one answer to everything"]
    assert causes[0].advice.endswith(f"--learning-rate {next_rate}.")
    assert causes[1].fact == "1,000 of 1,000 images were answered 3; 100 are of that class."


def test_a_loss_that_jumps(labels):
    rows = [(0.1, 2.31, 0.1, 2.3), (0.1, 2.9, 0.1, 2.9), (0.1, 2.3, 0.1, 2.3), (0.1, 3.1, 0.1, 3.1)]
    answers = np.random.default_rng(0).integers(0, 10, 1000)
    assert names_of(diagnose(history_of(rows), scores_of(answers, labels), Recipe())) == [
        "The learning rate is too high"
    ]


def test_labels_at_random(labels):
    """A network that learned its training images by heart, though their labels say nothing."""
    rows = [(0.12, 2.3, 0.1, 2.4), (0.5, 1.5, 0.11, 3.0), (0.9, 0.4, 0.1, 5.0)]
    answers = np.random.default_rng(0).integers(0, 10, 1000)
    causes = diagnose(history_of(rows), scores_of(answers, labels), Recipe())
    assert names_of(causes) == ["The answers are no better than chance", "It knows its training images by heart"]
    assert "90.0 % of the training images" in causes[1].fact
    assert "never more than 11.0 %" in causes[1].fact


def test_a_head_on_labels_at_random(labels):
    answers = np.random.default_rng(0).integers(0, 10, 1000)
    scores = scores_of(answers, labels)
    (cause,) = diagnose([], scores, Recipe(backbone="lite0"))
    assert cause.fact.startswith(f"{scores.correct} of 1,000 images are answered rightly; answering 0 every time would")


def test_one_class_is_not_called_learned_because_it_is_large():
    labels = np.array([0] * 90 + [1] * 10)
    causes = diagnose([], scores_of(np.zeros(100, int), labels, ["cats", "dogs"]), Recipe())
    assert names_of(causes) == ["It gives one answer to everything", "The answers are no better than chance"]


@pytest.mark.parametrize("key", ["loss", "val_loss"])
def test_a_loss_that_is_no_number(key):
    history = history_of(LEARNED)
    history[1][key] = math.nan
    (cause,) = diagnose(history, None, Recipe(learning_rate=5.0, optimizer="sgd"))
    assert cause.name == "The loss is no longer a number"
    assert "In epoch 2 of 3" in cause.fact
    assert cause.advice == "Lower the learning rate: --learning-rate 0.01."


def test_a_training_that_learned_is_left_alone(labels):
    answers = np.where(np.arange(1000) % 40, labels, (labels + 1) % 10)
    assert diagnose(history_of(LEARNED), scores_of(answers, labels), Recipe()) == []
    # A gap that 12 images leave open is not one.
    few = score(np.eye(10)[answers[:12]], labels[:12], TEN)
    small_gap = [(0.94, 0.1, 0.8, 0.5)]
    assert diagnose(history_of(small_gap), few, Recipe()) == []

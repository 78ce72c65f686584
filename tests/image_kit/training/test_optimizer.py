"""A recipe's optimizer: its learning rate from step to step, and what its weight decay shrinks."""

import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from image_kit.compute import ALONE
from image_kit.fast_keras import faster_optimizer
from image_kit.recipe import OPTIMIZERS, Recipe
from image_kit.training.network import make_model
from image_kit.training.optimizer import make_optimizer, make_schedule, peak_learning_rate
from presets import PRESETS
from tests.fixtures.runs import FLOAT32

RECIPE = Recipe(epochs=5, learning_rate=0.2, learning_rate_schedule="cosine", warmup_epochs=1.5)


def rates(recipe, steps=4):
    """The learning rate of every step of a training."""
    schedule = make_schedule(recipe, 0.2, steps)
    return [float(schedule(step)) for step in range(recipe.epochs * steps)]


def test_it_rises_and_falls_along_half_a_cosine():
    expected = [0.2 * (1 / 7 + 6 / 7 * step / 6) for step in range(6)]  # 1.5 epochs of 4 steps
    expected += [0.1 * (1 + math.cos(math.pi * step / 14)) for step in range(14)]
    np.testing.assert_allclose(rates(RECIPE), expected, rtol=1e-5)


def test_without_a_warm_up_it_begins_at_the_peak():
    assert rates(replace(RECIPE, warmup_epochs=0.0))[0] == pytest.approx(0.2)


def test_a_constant_rate_can_have_a_warm_up_too():
    expected = [0.04, 0.08, 0.12, 0.16] + [0.2] * 16
    recipe = replace(RECIPE, learning_rate_schedule="constant", warmup_epochs=1.0)
    np.testing.assert_allclose(rates(recipe), expected, rtol=1e-5)


def test_a_warm_up_beyond_the_end_still_ends():
    assert np.isfinite(rates(replace(RECIPE, warmup_epochs=99.0))).all()


@pytest.mark.parametrize("preset", [name for name in PRESETS if not PRESETS[name].backbone])
def test_presets_have_keras_own_learning_rate(preset):
    recipe = PRESETS[preset]
    optimizer, plain = make_optimizer(recipe, 10), keras.optimizers.get(recipe.optimizer)
    if recipe.learning_rate:
        plain.learning_rate = recipe.learning_rate
    changed = {"name": optimizer.name, "use_ema": bool(recipe.ema_momentum), "ema_momentum": optimizer.ema_momentum}
    assert optimizer.get_config() == plain.get_config() | changed


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_faster_optimizer_has_the_same_schedule(name):
    optimizer = make_optimizer(replace(RECIPE, optimizer=name, weight_decay=0.01), 4)
    faster = faster_optimizer(optimizer)
    assert peak_learning_rate(optimizer) == peak_learning_rate(faster) == pytest.approx(0.2)
    assert faster.get_config() == optimizer.get_config()


@pytest.mark.parametrize("plain_keras", [False, True])
def test_weight_decay_shrinks_kernels_only(plain_keras):
    """By learning rate x decay in a step, when the gradients are 0."""
    recipe = Recipe(optimizer="adamw", learning_rate=0.1, weight_decay=0.5, plain_keras=plain_keras, image_size=(8, 8))
    layers = [keras.layers.Conv2D(2, 3, activation="relu", bias_initializer="ones"), keras.layers.BatchNormalization()]
    network = keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(2)])
    model = make_model(network, recipe, 32, FLOAT32, ALONE)
    model.optimizer.build(model.trainable_variables)
    before = {id(variable): np.array(variable.value) for variable in model.trainable_variables}
    model.optimizer.apply([keras.ops.zeros_like(variable) for variable in model.trainable_variables])
    for variable in model.trainable_variables:
        factor = 0.95 if variable.name == "kernel" else 1.0
        np.testing.assert_allclose(variable, before[id(variable)] * factor, rtol=1e-6, err_msg=variable.path)


def test_steps_are_not_compiled_with_xla_where_a_gpu_is_seen(monkeypatch):
    """Keras's own choice, which depends on the machine, is asked for with plain_keras only."""
    monkeypatch.setattr(keras.Model, "_resolve_auto_jit_compile", lambda model: True)  # as where a GPU is seen
    recipe = Recipe(image_size=(8, 8))
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    assert not make_model(network, recipe, 32, FLOAT32, ALONE).jit_compile
    assert make_model(network, replace(recipe, plain_keras=True), 32, FLOAT32, ALONE).jit_compile

"""The model of a run: built by the caller's function, accelerated, and compiled with the loss that fits its head."""

import keras
import numpy as np

from image_kit.compute import Distribution, Hardware
from image_kit.fast_keras import (
    accelerate,
    choose_slices,
    choose_steps_per_execution,
    copied,
    faster_optimizer,
    slices_in_use,
)
from image_kit.recipe import Recipe
from image_kit.training.loss import loss_for
from image_kit.training.optimizer import NOT_DECAYED, make_optimizer
from image_kit.weights import is_binary


def make_model(
    original: keras.Model, recipe: Recipe, images: int, hardware: Hardware, distribution: Distribution
) -> keras.Model:
    """A compiled copy of the network, with its weights, ready for `fit`.

    Args:
        original: in float32, as the caller's function built it. It is not changed.
        images: in the training part.

    Raises:
        UserError: the recipe freezes all layers.
    """
    policy = hardware.policy
    steps = -(-images // recipe.batch_size)
    optimizer = make_optimizer(recipe, steps)
    frozen = recipe.frozen_layers, recipe.frozen_statistics
    per_call = choose_steps_per_execution(recipe.image_shape, recipe.batch_size, steps)
    # Keras 3.15 runs several steps in one call on one device only; two give "must feed a value for placeholder".
    if recipe.plain_keras or distribution.is_shared:
        per_call = 1
    if recipe.plain_keras:
        model = copied(original, *frozen)
    else:
        # The process may have been set up for another network.
        slices = min(slices_in_use(), choose_slices(original, recipe.batch_size, hardware.cores))
        model = accelerate(original, policy, 1 if distribution.is_shared else slices, *frozen)
        optimizer = faster_optimizer(optimizer)
    optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    loss = loss_for(original, recipe.label_smoothing)
    # Where TensorFlow sees a GPU, Keras compiles each step with XLA, also for --device cpu. On an H200 that took 10 to
    # 30 s, and minutes in fine-tuning, to win up to 3 ms a step; steps on the CPU took three times as long.
    jit = "auto" if recipe.plain_keras else False
    model.compile(optimizer, loss, metrics=["accuracy"], steps_per_execution=per_call, jit_compile=jit)
    return model


def make_variables(model: keras.Model) -> None:
    """Create the variables of the optimizer and the metrics now. Otherwise the first step does, and is traced twice.

    That saves 0.4 s. On several devices, metrics can create theirs only inside a replica.
    """
    model.optimizer.build(model.trainable_variables)
    if model.distribute_strategy.num_replicas_in_sync > 1:
        return
    outputs = np.zeros((1, model.output_shape[-1]), np.float32)
    model.compute_metrics(None, outputs if is_binary(model) else np.zeros(1, np.int32), outputs)
    model.reset_metrics()


def class_weights(recipe: Recipe, labels: np.ndarray, n_classes: int) -> dict[int, float] | None:
    """Label -> images / (classes x images of the class), so that all classes count equally in the loss.

    None if the recipe does not balance the classes.

    Args:
        labels: int (n,), of the training images.
    """
    if recipe.class_weights != "balanced":
        return None
    counts = np.bincount(labels, minlength=n_classes)
    return {label: counts.sum() / (len(counts) * count) for label, count in enumerate(counts.tolist())}

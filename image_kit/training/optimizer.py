"""The optimizer of a recipe, and how its learning rate changes from step to step."""

import keras

from image_kit.recipe import Recipe

# Weights that are not shrunk: shrinking a bias or a channel's scale does not make the function simpler.
NOT_DECAYED = ("bias", "gamma", "beta")


def make_optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """The Keras optimizer that the recipe names, with Keras's defaults unless the recipe sets a value.

    Args:
        steps: in an epoch.
    """
    optimizer = keras.optimizers.get(recipe.optimizer)
    if recipe.learning_rate is not None:
        optimizer.learning_rate = recipe.learning_rate
    if recipe.ema_momentum:
        optimizer.use_ema, optimizer.ema_momentum = True, recipe.ema_momentum
    if recipe.weight_decay is not None:
        optimizer.weight_decay = recipe.weight_decay
    if recipe.learning_rate_schedule == "constant" and not recipe.warmup_epochs:
        return optimizer
    config = optimizer.get_config()
    config["learning_rate"] = make_schedule(recipe, peak_learning_rate(optimizer), steps)
    return type(optimizer).from_config(config)


def make_schedule(recipe: Recipe, peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate as a function of the optimizer's step, and of nothing else, so that a resumed run repeats it.

    It rises in equal parts up to `peak`, then stays there or falls to 0 along half a cosine, at the end of the last
    epoch.

    Args:
        peak: the largest learning rate.
        steps: in an epoch.
    """
    rising = min(round(recipe.warmup_epochs * steps), recipe.epochs * steps - 1)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / (rising + 1),  # not 0, with which the first step would do nothing
        decay_steps=recipe.epochs * steps - rising,
        alpha=1.0 if recipe.learning_rate_schedule == "constant" else 0.0,  # what is left at the end
        warmup_target=peak,
        warmup_steps=rising,
    )


def peak_learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate, or the largest one of a schedule."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    schedule = optimizer._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.CosineDecay):
        return schedule.warmup_target
    return float(optimizer.learning_rate.numpy())

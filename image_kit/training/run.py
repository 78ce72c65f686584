"""One training run: compile, fit, keep the best weights, score the test set."""

import contextlib
import sys

import keras
import numpy as np
import tensorflow as tf

import models
from image_kit import files as atomic
from image_kit.answering import LITE, KerasClassifier, Scores, score, score_images, write_lite_model
from image_kit.compute import ALONE, Distribution, dtype_policy, steps_per_execution, validation_batch_size
from image_kit.datasets import Data, TensorBatches, build_batches
from image_kit.errors import UserError
from image_kit.fast_keras import SideBySide, get_optimizer, shares_in_use
from image_kit.pictures import plot_curves, plot_mosaic
from image_kit.recipe import Recipe
from image_kit.terminal import say
from image_kit.training import consistency as agreement
from image_kit.training.callbacks import Checkpoints, DropoutSeeds, EarlyStopping, History, ScoreEachEpoch, has_stopped
from image_kit.training.epoch_times import EpochTimes
from image_kit.training.run_folder import RunFolder, versions
from image_kit.trust import measure_trust
from image_kit.weights import BEST, LAST, Description, add_trust, check_checksum, read_description, read_trained_on


def build_model(preset: Recipe, data: Data, distribution: Distribution = ALONE) -> keras.Sequential:
    """The preset's network for these images, compiled: optimizer, the loss that its head demands, accuracy.

    Raises UserError if the images are too small for the network.
    """
    with distribution.scope():
        return _build(preset, data, distribution)


def _build(preset: Recipe, data: Data, distribution: Distribution) -> keras.Sequential:
    shape = data.preprocessing.image_shape
    try:
        model = models.build(preset.model, shape, len(data.class_names))
    except ValueError as error:
        if "negative" not in str(error):  # Keras: "Computed output size would be negative"
            raise
        size = f"{shape[0]} x {shape[1]}"
        raise UserError(f"--image-size: {size} pixels are too few for the network {preset.model}") from None
    if shares_in_use() > 1 and not distribution.is_shared:
        model = SideBySide(model, shares_in_use())
    optimizer = get_optimizer(preset.optimizer)
    if preset.learning_rate is not None:
        optimizer.learning_rate = preset.learning_rate
    if preset.ema_momentum:
        optimizer.use_ema, optimizer.ema_momentum = True, preset.ema_momentum
    steps = -(-len(data.parts["train"].labels) // preset.batch_size)
    model.compile(
        optimizer=optimizer,
        loss=models.loss_for(model),
        metrics=["accuracy"],
        # Keras 3.15 takes several steps at once on one device only: "must feed a value for placeholder" on two.
        steps_per_execution=1 if distribution.is_shared else steps_per_execution(shape, preset.batch_size, steps),
    )
    return model


def _make_variables(model: keras.Model) -> None:
    """Make the optimizer's and the metrics' variables: made in the first step, they have it traced twice (0.4 s)."""
    model.optimizer.build(model.trainable_variables)
    if model.distribute_strategy.num_replicas_in_sync > 1:
        return  # metrics take their first numbers within a replica only
    outputs = np.zeros((1, model.output_shape[-1]), np.float32)
    model.compute_metrics(None, outputs if models.is_binary(model) else np.zeros(1, np.int32), outputs)
    model.reset_metrics()


def run_training(
    run: RunFolder,
    model: keras.Sequential,
    preset: Recipe,
    preset_name: str | None,
    data: Data,
    *,
    tensorboard: bool = False,
    score_each_epoch: bool = False,
    profile: bool = False,
    distribution: Distribution = ALONE,
) -> dict[str, Scores]:
    """Train in `run`, go on where its last complete epoch ended, and score the test images at the end.

    Args:
        run: holds the settings already.
        model: from `build`.
        preset: the resolved recipe.
        preset_name: None for a user's own folder.
        data: with test images or without.
        tensorboard: write logs for TensorBoard.
        score_each_epoch: score the test images after every epoch too, for the picture only.
        profile: say where each epoch's time went, and trace some steps for TensorBoard.
        distribution: that the model was built with.

    Returns:
        The test scores of the best-validation weights, "test" and, where some test images look like photos of an
        earlier part, "test_without_look_alikes"; {} if there are no test images, or on a machine that is not the chief.

    Raises:
        UserError: training diverged; a resumed run's photos are not those that it began with; or a photo cannot be
            read any more.
    """
    model.summary(line_length=80, print_fn=lambda text, **_: say(text))
    with dtype_policy("float32"):
        plain = models.build(preset.model, data.preprocessing.image_shape, len(data.class_names))
    description = Description(preset.model, data.class_names, data.preprocessing, preset_name, versions=versions())
    classifier = KerasClassifier(plain, description)
    with distribution.scope():
        _make_variables(model)  # after the summary, which would count the optimizer's as the network's
    first_epoch = _resume(run, model, description, data.trained_on) if distribution.is_chief else 0
    first_epoch = agreement.begin(distribution, run, model, first_epoch)
    train_batches = _batches(data, "train", preset, model, distribution)
    train_batches.epoch = first_epoch
    distribution.adapt(model, train_batches.labels[:1])
    if first_epoch == 0 and distribution.is_chief:
        _plot_first_batch(run, data, train_batches)
    train = TensorBatches(train_batches)
    validation = TensorBatches(_batches(data, "validation", preset, model, distribution))
    times = [EpochTimes(run.file("profile"))] if profile else []
    writers = _writers(run, data, classifier, tensorboard, score_each_epoch) if distribution.is_chief else []
    # Keras's progress bar is a message, not a result.
    with _causes(train, validation), distribution.fitting(), contextlib.redirect_stdout(sys.stderr):
        model.fit(
            train.dataset,
            validation_data=validation.dataset,
            initial_epoch=first_epoch,
            epochs=preset.epochs if not has_stopped(run.history, preset.early_stopping) else first_epoch,
            shuffle=False,  # the batches shuffle themselves, from the seed
            class_weight=_class_weights(preset, data),
            verbose=_verbosity(distribution),
            callbacks=[*times, train, *_callbacks(run, preset, writers)],
        )
    return _finish(run, data) if distribution.is_chief else {}


def _batches(data: Data, part: str, preset: Recipe, model: keras.Model, distribution: Distribution = ALONE):
    is_train = part == "train"
    augmentation = preset.augmentation if is_train and preset.augment else None
    size = preset.batch_size
    if not is_train:
        size = validation_batch_size(data.preprocessing.image_shape, size)
    shard = distribution.machine, distribution.machines
    return build_batches(data, part, size, models.is_binary(model), preset.seed, augmentation, is_train, shard)


@contextlib.contextmanager
def _causes(*fed: TensorBatches):
    """Around fit: raise what ended it instead of what TensorFlow makes of that."""
    try:
        yield
    except tf.errors.OpError:
        for batches in fed:
            if batches.error:
                raise batches.error from None
        raise
    except RuntimeError as error:
        # Ctrl-C inside a scope of TensorFlow, which then complains that it was left.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise


def _verbosity(distribution: Distribution) -> str | int:
    """Keras's: a bar on a terminal, else a line an epoch; nothing where another machine speaks."""
    if not distribution.is_chief:
        return 0
    return "auto" if sys.stderr and sys.stderr.isatty() else 2


def _class_weights(preset: Recipe, data: Data) -> dict[int, float] | None:
    """n / (classes x photos of the class), so that every class weighs the same in the loss."""
    if preset.class_weights != "balanced":
        return None
    counts = np.bincount(data.parts["train"].labels, minlength=len(data.class_names))
    return {label: counts.sum() / (len(counts) * count) for label, count in enumerate(counts.tolist())}


def _writers(run, data, classifier, tensorboard, score_each_epoch) -> list[keras.callbacks.Callback]:
    """Those that write into the run folder, besides the history."""
    callbacks = [Checkpoints(run, classifier, data.trained_on)]
    if score_each_epoch:
        callbacks.append(ScoreEachEpoch(run, data, classifier))
    if tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(run.file("tensorboard")))
    return callbacks


def _callbacks(run: RunFolder, preset: Recipe, writers: list) -> list[keras.callbacks.Callback]:
    callbacks = [DropoutSeeds(preset.seed), History(run), *writers]
    if preset.early_stopping:
        callbacks.append(EarlyStopping(run, preset.early_stopping))
    if preset.ema_momentum:
        # Last, so that the others see the averages after a validation, and the weights themselves at an epoch's end.
        callbacks.append(keras.callbacks.SwapEMAWeights())
    return callbacks


def _resume(run: RunFolder, model: keras.Model, description: Description, marks: np.ndarray) -> int:
    """Load the last complete epoch's weights and optimizer state, if there are any; returns how many are done.

    Raises UserError if weights are damaged or missing, or the photos have changed: other classes would swap the
    answers, and a photo moved from train to test would be scored as new.
    """
    last = run.file(LAST)
    if not last.is_file():
        if len(run.history) > 1:  # 1 is an epoch that was interrupted before its weights were written
            raise UserError(f"{last}: is missing, so this run cannot go on; put it back, or start a new run")
        run.cut_history(0)
        return 0
    before = read_description(last)
    for path in (last, run.file(BEST)):
        read_description(path)
        check_checksum(path, "this run cannot go on: put back a copy of the file, or start a new run")
    same = (before.class_names, before.preprocessing) == (description.class_names, description.preprocessing)
    if not same or not np.array_equal(np.sort(read_trained_on(last)), np.sort(marks)):
        raise UserError(f"--resume: the photos have changed since {run.path} began; put them back, or start a new run")
    if len(run.history) < before.epoch:
        raise UserError(f"{run.file('history.csv')}: lacks some of {before.epoch} epochs; this run cannot be resumed")
    run.cut_history(before.epoch)
    model.load_weights(last)
    return before.epoch


def _plot_first_batch(run: RunFolder, data: Data, train_batches) -> None:
    images, labels = train_batches.uint8_batch(0)
    names = [data.class_names[int(label)] for label in np.ravel(labels)]
    plot_mosaic(images, names, run.file("first_batch.png"), "First training batch")


def _finish(run: RunFolder, data: Data) -> dict[str, Scores]:
    best = KerasClassifier.load(run.file(BEST))
    best.trust, calibrated = measure_trust(best, data.parts["train"], data.parts["validation"])
    add_trust(run.file(BEST), best.trust)
    plot_curves(run.history_columns(), run.file("curves.png"), run.path.name)
    scores = _test_scores(best, data)
    write_lite_model(best, run.file(BEST), run.file(LITE))
    atomic.write_json(  # last: with this file a run is complete, without it --resume ends it
        run.file("metrics.json"),
        {
            "epochs": len(run.history),
            "best_epoch": best.description.epoch,
            "validation": best.description.metrics,
            "calibration": calibrated,
            **{"test": None, **{name: each.as_dict() for name, each in scores.items()}},
            "images": {part: len(images.labels) for part, images in data.parts.items()},
            "unreadable": data.unreadable,
            "look_alikes": data.look_alikes,
            "minutes_of_training": round(sum(row["seconds"] for row in run.history) / 60, 2),
        },
    )
    return scores


def _test_scores(best: KerasClassifier, data: Data) -> dict[str, Scores]:
    """Of all test images, if there are any; and where some look like photos of an earlier part, of the others too."""
    if "test" not in data.parts:
        return {}
    images = data.parts["test"]
    probabilities, scores = score_images(best, images)
    is_new = np.array([name not in data.look_alikes.get("test", {}) for name in images.names])
    if is_new.all() or not is_new.any():
        return {"test": scores}
    return {
        "test": scores,
        "test_without_look_alikes": score(probabilities[is_new], images.labels[is_new], best.class_names),
    }

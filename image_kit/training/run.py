"""One training run, from the recipe to the scores: build -> fit -> finish.

A new run and a resumed one, one device and several machines, with a profile or without: all go through these three
steps. What differs is decided in `build`; `fit` and `finish` follow it.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from image_kit import pictures  # its functions are imported at the call: a broken matplotlib costs a picture only
from image_kit.answering import KerasClassifier, Scores
from image_kit.compute import ALONE, Distribution, Hardware, dtype_policy, forgetting_gradients
from image_kit.datasets import Data, TensorBatches, build_batches
from image_kit.errors import UserError
from image_kit.fast_keras import choose_validation_batch_size
from image_kit.named_networks import NamedNetworks
from image_kit.reports import try_to_write
from image_kit.terminal import is_terminal, say
from image_kit.training.callbacks import (
    Checkpoints,
    HistoryCsv,
    RandomLayerSeeds,
    ScoreEachEpoch,
    StopEarly,
    has_stopped,
)
from image_kit.training.consistency import check_same_on_every_machine, start_like_the_chief
from image_kit.training.epoch_times import EpochTimes
from image_kit.training.finish import finish_run
from image_kit.training.network import class_weights, make_model, make_variables
from image_kit.training.optimizer import peak_learning_rate
from image_kit.training.resume import load_last_epoch
from image_kit.training.run_folder import RunFolder, versions
from image_kit.training.run_report import write_run_report
from image_kit.training.same_photos import BEGAN_WITH
from image_kit.training.settings import Settings
from image_kit.weights import Description, check_supported, is_binary, network_of

MOST_LAYERS_SHOWN = 40  # of longer networks the table fills screens and tells little


class Networks(Protocol):
    """What builds networks: `NamedNetworks`, for example."""

    def build(self, name: str, image_shape: tuple[int, int, int], n_classes: int) -> keras.Model:
        """A float32 network; its weights are those that the training begins with."""
        ...


class Run:
    """One training run.

    Attributes:
        settings, recipe: what was asked for.
        data: the images.
        classifier: the original network in float32 (set by `build`). After each validation it gets a copy of the
            validated weights.
        model: the network being trained, an accelerated copy of the original (set by `build`).
        folder: the run folder (set by `build`).
        first_epoch: how many epochs are complete already; 0 for a new run.
        train_batches, validation_batches: what `fit` draws from (set by `build`).
        callbacks: of `fit` (set by `build`).
    """

    model: keras.Model
    classifier: KerasClassifier
    folder: RunFolder

    def __init__(
        self,
        settings: Settings,
        data: Data,
        networks: Networks,
        hardware: Hardware,
        distribution: Distribution = ALONE,
        preset: str | None = None,
    ):
        """
        Args:
            settings: including the recipe.
            data: with test images or without.
            networks: build the recipe's network by its name.
            hardware: from `set_up_training`.
            distribution: from `compute.distribute`.
            preset: the preset's name; None for a user's own folder.
        """
        self.settings, self.recipe, self.data = settings, settings.recipe, data
        self.networks, self.hardware, self.distribution, self.preset = networks, hardware, distribution, preset
        self.first_epoch = 0
        self.began_with: dict[str, str | None] = {}

    def build(self, open_folder: Callable[[], RunFolder]) -> None:
        """Build the model, open the run folder, load the last complete epoch, and prepare batches and callbacks.

        Args:
            open_folder: called after the model is built and checked, so that an error before leaves no empty folder.

        Raises:
            UserError: the network cannot be built or trained, machines differ, or the run cannot be resumed.
        """
        if self.settings.profile and self.distribution.machines > 1:
            raise UserError("--profile: measures one machine; unset TF_CONFIG, or leave the option out")
        self._build_model()
        check_same_on_every_machine(self.distribution, self.recipe, self.data, self.hardware.policy)
        self.folder = open_folder()
        self._announce()
        self._load_last_epoch()
        self._build_batches()
        self._make_callbacks()

    def _build_model(self) -> None:
        shape, class_names = self.data.preprocessing.image_shape, self.data.class_names
        with dtype_policy("float32"):
            original = self.networks.build(self.recipe.model, shape, len(class_names))
        check_supported(original, self.recipe.model, shape, len(class_names))
        description = Description(
            self.recipe.model,
            class_names,
            self.data.preprocessing,
            self.preset,
            versions=versions(),
            network=network_of(original),
        )
        self.classifier = KerasClassifier(original, description)
        images = len(self.data.parts["train"].labels)
        with self.distribution.scope():
            self.model = make_model(original, self.recipe, images, self.hardware, self.distribution)
            make_variables(self.model)

    def _announce(self) -> None:
        """Print the hardware and the network, and record the hardware in environment.json."""
        learning_rate = peak_learning_rate(self.model.optimizer)
        sentence = self.hardware.sentence() + self.distribution.sentence(self.recipe.batch_size, learning_rate)
        say(sentence)
        facts: dict[str, object] = {BEGAN_WITH: self.began_with} if self.began_with else {}
        facts |= {"computing": sentence, "device": self.hardware.device, "cores": self.hardware.cores}
        self.folder.write_environment(**facts)
        say(f"Writing to {self.folder.path}/")
        network = self.classifier.model
        if len(network.layers) <= MOST_LAYERS_SHOWN:
            network.summary(line_length=80, print_fn=lambda text, **_: say(text))
        else:
            say(f" Total params: {network.count_params():,} in {len(network.layers)} layers")

    def _load_last_epoch(self) -> None:
        """Go to where a resumed run was left; a new one begins at epoch 0."""
        if self.distribution.is_chief:
            photos = self.data.trained_on, self.data.trained_names
            self.first_epoch = load_last_epoch(self.folder, self.model, self.classifier.description, *photos)
        self.first_epoch = start_like_the_chief(self.distribution, self.folder, self.model, self.first_epoch)

    def _build_batches(self) -> None:
        recipe, binary = self.recipe, is_binary(self.classifier.model)
        shard = self.distribution.machine, self.distribution.machines
        augmentation = recipe.augmentation if recipe.augment else None
        train = build_batches(
            self.data, "train", recipe.batch_size, binary, recipe.seed, augmentation, shuffle=True, shard=shard
        )
        train.epoch = self.first_epoch
        size = choose_validation_batch_size(self.data.preprocessing.image_shape, recipe.batch_size)
        validation = build_batches(self.data, "validation", size, binary, recipe.seed, shard=shard)
        self.distribution.adapt(self.model, train.labels[:1])  # no change on one device
        if self.first_epoch == 0 and self.distribution.is_chief:
            images, labels = train.uint8_batch(0)
            names = [self.data.class_names[int(label)] for label in np.ravel(labels)]
            path = self.folder.file("first_batch.png")
            try_to_write(lambda: pictures.plot_mosaic(images, names, path, "First training batch"), path)
        self.train_batches, self.validation_batches = TensorBatches(train), TensorBatches(validation)

    def _make_callbacks(self) -> None:
        """In an order that matters: HistoryCsv writes the row that Checkpoints and StopEarly read."""
        settings, recipe = self.settings, self.recipe
        self.callbacks: list[keras.callbacks.Callback] = []
        if settings.profile:
            self.callbacks.append(EpochTimes(self.folder.file("profile")))  # first: it starts the clock
        # TensorBatches is a callback too: it sets the order of each epoch.
        self.callbacks += [self.train_batches, RandomLayerSeeds(recipe.seed), HistoryCsv(self.folder)]
        if self.distribution.is_chief:
            self.callbacks.append(Checkpoints(self.folder, self.classifier, self.data.trained_on))
            if settings.score_each_epoch:
                self.callbacks.append(ScoreEachEpoch(self.folder, self.data, self.classifier))
            if settings.tensorboard:
                self.callbacks.append(keras.callbacks.TensorBoard(self.folder.file("tensorboard")))
        if recipe.early_stopping or recipe.max_minutes:
            self.callbacks.append(StopEarly(self.folder, recipe))
        if recipe.ema_momentum:
            # Last: in on_test_end the callbacks above still see the averaged weights that were validated. In
            # on_epoch_end the weights being trained are back.
            self.callbacks.append(keras.callbacks.SwapEMAWeights())

    def fit(self) -> None:
        """Train until the recipe's last epoch. Each epoch's weights are saved before the next one begins.

        Raises:
            UserError: training diverged, or a photo can no longer be read.
            MachineLost: another machine of this training stopped.
        """
        recipe = self.recipe
        is_over = has_stopped(self.folder.history, recipe)
        with (
            self._report_if_diverged(),
            _real_cause(self.train_batches, self.validation_batches),
            self.distribution.fitting(),
            forgetting_gradients(),
            contextlib.redirect_stdout(sys.stderr),  # Keras's progress bar: stdout is for results
        ):
            self.model.fit(
                self.train_batches.dataset,
                validation_data=self.validation_batches.dataset,
                initial_epoch=self.first_epoch,
                # Equal to initial_epoch, Keras trains no epoch, and only `finish` is left to do.
                epochs=self.first_epoch if is_over else recipe.epochs,
                shuffle=False,  # the batches shuffle themselves, from the seed
                class_weight=class_weights(recipe, self.data.parts["train"].labels, len(self.data.class_names)),
                verbose=self._verbosity(),
                callbacks=self.callbacks,
            )

    @contextlib.contextmanager
    def _report_if_diverged(self) -> Iterator[None]:
        try:
            yield
        except UserError:
            history = self.folder.history
            if self.distribution.is_chief and history and not np.isfinite(history[-1]["loss"]):
                write_run_report(self.folder, self.settings, {}, None, self.data)
            raise

    def _verbosity(self) -> str | int:
        """Keras's `verbose`: a bar on a terminal, otherwise one line per epoch; nothing on a worker."""
        if not self.distribution.is_chief:
            return 0
        return "auto" if is_terminal(sys.stderr) else 2

    def finish(self) -> dict[str, Scores]:
        """Calibrate and score the best weights, and write the remaining files.

        Returns:
            The test scores, see `score_test_images`; {} on a worker.
        """
        networks = self.networks if isinstance(self.networks, NamedNetworks) else None
        if not self.distribution.is_chief:
            return {}
        return finish_run(self.folder, self.data, networks, self.settings)


@contextlib.contextmanager
def _real_cause(*fed: TensorBatches) -> Iterator[None]:
    """Around fit: raise the error that ended it, not TensorFlow's wrapper around it."""
    try:
        yield
    except tf.errors.OpError:
        for batches in fed:
            if batches.error:
                raise batches.error from None
        raise
    except RuntimeError as error:
        # After Ctrl-C inside a strategy scope, TensorFlow raises this RuntimeError about the scope.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise

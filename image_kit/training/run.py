"""One training, from the recipe to the scores: build -> fit -> finish.

New and resumed runs, several GPUs or machines, profiles and scores after each epoch all take this path. `build` decides
what differs.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from image_kit.answering import KerasClassifier, Scores
from image_kit.compute import ALONE, Compute, Distribution, dtype_policy
from image_kit.datasets import Data, TensorBatches, build_batches
from image_kit.fast_keras import choose_validation_batch_size
from image_kit.named_networks import NamedNetworks
from image_kit.pictures import plot_mosaic
from image_kit.terminal import say
from image_kit.training.callbacks import (
    Checkpoints,
    EarlyStopping,
    History,
    RandomLayerSeeds,
    ScoreEachEpoch,
    has_stopped,
)
from image_kit.training.consistency import check_same_on_every_machine, start_like_the_chief
from image_kit.training.epoch_times import EpochTimes
from image_kit.training.finish import finish_run
from image_kit.training.network import class_weights, make_model, make_variables
from image_kit.training.resume import load_last_epoch
from image_kit.training.run_folder import RunFolder, versions
from image_kit.training.settings import Settings
from image_kit.weights import Description, check_trainable, is_binary


class Run:
    """One training.

    Attributes:
        settings, recipe: what was asked for.
        data: the images.
        model: the model that is trained, after `build`.
        classifier: the plain network in float32; it receives the weights that are validated.
        folder: the run folder, after `build`.
        first_epoch: how many epochs were complete before.
    """

    model: keras.Sequential
    classifier: KerasClassifier
    folder: RunFolder

    def __init__(
        self,
        settings: Settings,
        data: Data,
        networks: NamedNetworks,
        computing: Compute,
        distribution: Distribution = ALONE,
        preset: str | None = None,
    ):
        """
        Args:
            settings: with the recipe.
            data: with test images or without.
            networks: contain the network that the recipe names.
            computing: from `compute.set_up`.
            distribution: from `compute.distribute`.
            preset: the preset's name; None for a user's own folder.
        """
        self.settings, self.recipe, self.data = settings, settings.recipe, data
        self.networks, self.computing, self.distribution, self.preset = networks, computing, distribution, preset
        self.first_epoch = 0

    def build(self, open_folder: Callable[[], RunFolder]) -> None:
        """Make the model, open the run folder, find the first epoch, and prepare batches and callbacks.

        Args:
            open_folder: called after everything that a user can get wrong has been checked.

        Raises:
            UserError: the network cannot be built or trained, machines differ, or the run cannot be resumed.
        """
        self._build_model()
        check_same_on_every_machine(self.distribution, self.recipe, self.data, self.computing.policy)
        self.folder = open_folder()
        self._describe()
        self._go_to_first_epoch()
        self._build_batches()
        self._make_callbacks()

    def _build_model(self) -> None:
        shape, class_names = self.data.preprocessing.image_shape, self.data.class_names
        with dtype_policy("float32"):
            plain = self.networks.build(self.recipe.model, shape, len(class_names))
        network = check_trainable(plain, self.recipe.model, len(class_names))
        description = Description(
            self.recipe.model, class_names, self.data.preprocessing, self.preset, versions=versions(), network=network
        )
        self.classifier = KerasClassifier(plain, description)
        images = len(self.data.parts["train"].labels)
        with self.distribution.scope():
            self.model = make_model(plain, self.recipe, images, self.computing, self.distribution)
            make_variables(self.model)

    def _describe(self) -> None:
        """Say what the run computes on, and record it in environment.json."""
        learning_rate = float(self.model.optimizer.learning_rate.numpy())
        sentence = self.computing.sentence() + self.distribution.sentence(self.recipe.batch_size, learning_rate)
        say(sentence)
        self.folder.write_environment(computing=sentence, device=self.computing.device, cores=self.computing.cores)
        say(f"Writing to {self.folder.path}/")
        self.classifier.model.summary(line_length=80, print_fn=lambda text, **_: say(text))

    def _go_to_first_epoch(self) -> None:
        if self.distribution.is_chief:
            fingerprints = self.data.trained_on
            self.first_epoch = load_last_epoch(self.folder, self.model, self.classifier.description, fingerprints)
        self.first_epoch = start_like_the_chief(self.distribution, self.folder, self.model, self.first_epoch)

    def _build_batches(self) -> None:
        recipe, binary = self.recipe, is_binary(self.classifier.model)
        shard = self.distribution.machine, self.distribution.machines
        augmentation = recipe.augmentation if recipe.augment else None
        train = build_batches(self.data, "train", recipe.batch_size, binary, recipe.seed, augmentation, True, shard)
        train.epoch = self.first_epoch
        size = choose_validation_batch_size(self.data.preprocessing.image_shape, recipe.batch_size)
        validation = build_batches(self.data, "validation", size, binary, recipe.seed, shard=shard)
        self.distribution.adapt(self.model, train.labels[:1])
        if self.first_epoch == 0 and self.distribution.is_chief:
            images, labels = train.uint8_batch(0)
            names = [self.data.class_names[int(label)] for label in np.ravel(labels)]
            plot_mosaic(images, names, self.folder.file("first_batch.png"), "First training batch")
        self.train, self.validation = TensorBatches(train), TensorBatches(validation)

    def _make_callbacks(self) -> None:
        """Keras calls them in this order."""
        settings, recipe = self.settings, self.recipe
        self.callbacks: list[keras.callbacks.Callback] = []
        if settings.profile:
            self.callbacks.append(EpochTimes(self.folder.file("profile")))
        self.callbacks += [self.train, RandomLayerSeeds(recipe.seed), History(self.folder)]
        if self.distribution.is_chief:
            self.callbacks.append(Checkpoints(self.folder, self.classifier, self.data.trained_on))
            if settings.score_each_epoch:
                self.callbacks.append(ScoreEachEpoch(self.folder, self.data, self.classifier))
            if settings.tensorboard:
                self.callbacks.append(keras.callbacks.TensorBoard(self.folder.file("tensorboard")))
        if recipe.early_stopping:
            self.callbacks.append(EarlyStopping(self.folder, recipe.early_stopping))
        if recipe.ema_momentum:
            # Last, so that the others see the averages after a validation and the weights themselves after an epoch.
            self.callbacks.append(keras.callbacks.SwapEMAWeights())

    def fit(self) -> None:
        """Train until the recipe's last epoch. Every epoch is on disk when the next one begins.

        Raises:
            UserError: training diverged, or a photo can no longer be read.
            MachineLost: another machine of this training stopped.
        """
        recipe = self.recipe
        is_over = has_stopped(self.folder.history, recipe.early_stopping)
        # Keras's progress bar is a message and belongs on stderr.
        with (
            _real_cause(self.train, self.validation),
            self.distribution.fitting(),
            contextlib.redirect_stdout(sys.stderr),
        ):
            self.model.fit(
                self.train.dataset,
                validation_data=self.validation.dataset,
                initial_epoch=self.first_epoch,
                epochs=self.first_epoch if is_over else recipe.epochs,
                shuffle=False,  # the batches shuffle themselves, from the seed
                class_weight=class_weights(recipe, self.data.parts["train"].labels, len(self.data.class_names)),
                verbose=self._verbosity(),
                callbacks=self.callbacks,
            )

    def _verbosity(self) -> str | int:
        """For Keras: a bar on a terminal, else one line per epoch; nothing on a machine that is not the chief."""
        if not self.distribution.is_chief:
            return 0
        return "auto" if sys.stderr and sys.stderr.isatty() else 2

    def finish(self) -> dict[str, Scores]:
        """Calibrate and score the best weights, and write the remaining files.

        Returns:
            The test scores, see `score_test_images`; {} on a machine that is not the chief.
        """
        return finish_run(self.folder, self.data, self.networks) if self.distribution.is_chief else {}


@contextlib.contextmanager
def _real_cause(*fed: TensorBatches) -> Iterator[None]:
    """Use around fit: raise the original error instead of TensorFlow's version of it."""
    try:
        yield
    except tf.errors.OpError:
        for batches in fed:
            if batches.error:
                raise batches.error from None
        raise
    except RuntimeError as error:
        # After Ctrl-C inside one of its scopes, TensorFlow complains that the scope was left.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise

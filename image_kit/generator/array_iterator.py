"""Batches from arrays: what `ImageDataGenerator.flow` returns."""

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from image_kit.generator.flow_iterator import FlowIterator, split_places
from image_kit.generator.keras_classes import keras_image


class NumpyArrayIterator(FlowIterator, keras_image.NumpyArrayIterator):
    """Keras's NumpyArrayIterator, but it reads the caller's own array: nothing is copied before a batch is made.

    Differences from Keras on purpose: `x` keeps its dtype (Keras converts all of it to float32), and `subset` also cuts
    `sample_weight` (Keras gives the training subset the weights of other images).
    """

    def __init__(
        self,
        image_data_generator,
        *,
        x,
        sample_weight,
        seed: int | None,
        subset: str | None,
        shuffled_split: bool,
        workers: int,
        use_multiprocessing: bool,
        max_queue_size: int,
        **arguments,
    ):
        """See `FlowMethods.flow`; arguments not named here go to Keras's constructor."""
        images = np.asarray(x[0] if isinstance(x, list | tuple) else x)
        x = (images, x[1]) if isinstance(x, list | tuple) else images
        splits_here = shuffled_split and subset is not None  # on places, not by Keras
        super().__init__(
            x,
            image_data_generator=image_data_generator,
            sample_weight=sample_weight,
            seed=seed,
            data_format=image_data_generator.data_format,
            subset=None if splits_here else subset,
            dtype=images.dtype,  # so that Keras does not convert it, which would make a copy
            **arguments,
        )
        self.dtype = self._working_dtype = np.dtype(image_data_generator.dtype)
        self.image_shape = self.x.shape[1:]
        self._places = None
        fraction = image_data_generator._validation_split
        if splits_here:
            self._places = split_places(_strata(self.y, len(images)), fraction, seed, subset)
            self.n = len(self._places)
        elif subset is not None and sample_weight is not None:
            cut = int(len(images) * fraction)
            weights = np.asarray(sample_weight)
            self.sample_weight = weights[:cut] if subset == "validation" else weights[cut:]
        self._start(seed, workers, use_multiprocessing, max_queue_size)

    def _load_images(self, indices: np.ndarray) -> tuple[Sequence[np.ndarray | Future], np.ndarray]:
        places = indices if self._places is None else self._places[indices]
        return [self.x[place] for place in places.tolist()], places

    def _with_targets(self, batch: np.ndarray, places: np.ndarray):
        inputs = [batch, *(values[places] for values in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return inputs
        weights = () if self.sample_weight is None else (self.sample_weight[places],)
        return inputs, self.y[places], *weights


def _strata(labels: np.ndarray | None, count: int) -> np.ndarray:
    """(n,): a number for each image, equal for images with equal labels (class numbers or one-hot)."""
    if labels is None:
        return np.zeros(count)
    return np.unique(labels.reshape(count, -1), axis=0, return_inverse=True)[1].reshape(-1)

"""Batches from photo files: what `flow_from_directory` and `flow_from_dataframe` return."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from image_kit.generator.flow_iterator import FlowIterator, split_places
from image_kit.generator.keras_classes import io_utils, keras, keras_image
from image_kit.photos import KerasLoading, PhotoError, PhotoStore, is_hidden_name, walk
from image_kit.retries import read_again
from image_kit.terminal import say

# Keras's own suffixes, and .webp, which Keras ignores silently.
FORMATS = (*keras_image.Iterator.white_list_formats, "webp")
_FILE_ARGUMENTS = ("cache", "on_bad_file", "workers", "use_multiprocessing", "max_queue_size")
_CLASSES_UNUSED = ("input", "multi_output", "raw", None)


class FileIterator(FlowIterator):
    """Photos by path, decoded once in threads and kept as uint8 while they fit the cache.

    A file that cannot be read is named once on stderr and noted in `bad_files`. In every batch the next readable photo
    in the order of `filenames` takes its place, with its own label and weight. So the number and the size of batches
    stay the same, and row i of a prediction without shuffling belongs to `filenames[i]` for every good file.

    Attributes beyond Keras's:
        bad_files: the reason by path of every file that could not be read so far.
    """

    white_list_formats = FORMATS
    dtype: Any  # by name from Keras, then as np.dtype
    bad_files: dict[str, str]
    samples: int

    def _start_files(self, cache: int | str | bool, on_bad_file: str, seed: int | None, **workers) -> None:
        """Finish the constructor, once `filepaths`, `target_size` and so on are known."""
        if on_bad_file not in ("skip", "raise"):
            raise ValueError(f'on_bad_file must be "skip" or "raise"; received {on_bad_file!r}')
        first = self.data_format == "channels_first"
        loading = KerasLoading(self.target_size, self.color_mode, self.interpolation, self.keep_aspect_ratio, first)
        self._photos = PhotoStore(self.filepaths, loading, _cache_bytes(cache))
        self.on_bad_file, self.bad_files = on_bad_file, {}
        self._stand_ins: dict[int, int] = {}  # place of a bad file -> place of the good file used instead
        self.dtype, self._working_dtype = np.dtype(self.dtype), np.dtype(keras.config.floatx())
        self._last_number: int | None = None
        self._start(seed, **workers)

    def _load_images(self, indices: np.ndarray) -> tuple[Sequence[np.ndarray | Future], np.ndarray]:
        places = self._readable_places(indices)
        images = self._photos.request(places)
        if self.image_data_generator.calls_user_code:  # exactly once for each image of the batch
            for row, error in self._unreadable_rows(images):
                images[row] = self._replace(row, error, places, indices)
        return images, places

    def _replace_unreadable(
        self, images: Sequence, places: np.ndarray, indices: np.ndarray, epoch: int, batch: np.ndarray
    ) -> None:
        for row, error in self._unreadable_rows(images):
            image = self._replace(row, error, places, indices)
            self._transform_into([image], indices[row : row + 1], epoch, batch[row : row + 1])

    @staticmethod
    def _unreadable_rows(images: Sequence[np.ndarray | Future]) -> Iterator[tuple[int, PhotoError]]:
        """The rows of photos that cannot be read, and what is wrong with each."""
        for row, image in enumerate(images):
            if isinstance(image, Future) and isinstance(image.result(), PhotoError):
                yield row, image.result()

    def _replace(self, row: int, error: PhotoError, places: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """The image used instead of a bad one. Its place is noted in `places` and for later batches."""
        image, places[row] = self._find_stand_in(int(places[row]), error)
        self._stand_ins[int(indices[row])] = places[row]
        return image

    def _readable_places(self, indices: np.ndarray) -> np.ndarray:
        """The same places, but those of files known to be bad replaced."""
        return np.array([self._stand_ins.get(place, place) for place in indices.tolist()], np.int64)

    def _find_stand_in(self, bad: int, error: PhotoError) -> tuple[np.ndarray, int]:
        """The next readable photo after a bad one, and its place."""
        self._record_bad_file(bad, error)
        for place in (np.arange(bad + 1, bad + self.n) % self.n).tolist():
            if place not in self._stand_ins:
                image = self._photos.views(np.array([place]))[0]
                if not isinstance(image, PhotoError):
                    return image, place
                self._record_bad_file(place, image)
        raise PhotoError(f"none of the {self.n} files can be read, such as {self.filepaths[bad]}")

    def _record_bad_file(self, place: int, error: PhotoError) -> None:
        path = self.filepaths[place]
        if self.on_bad_file == "raise":
            raise PhotoError(f"{path}: {error}")
        with self.lock:
            known = path in self.bad_files
            self.bad_files[path] = str(error)
        if not known:
            say(f"left out, cannot be read: {path} ({error})")

    def _read_ahead(self, number: int, epoch: int) -> None:
        in_order, self._last_number = self._last_number in (None, number - 1), number
        if in_order and number + 1 < len(self):  # in any other order, nobody knows which batch is next
            following = self._order(epoch)[(number + 1) * self.batch_size :][: self.batch_size]
            self._photos.read_ahead(self._readable_places(following))

    def _with_targets(self, batch: np.ndarray, places: np.ndarray):
        if self.class_mode is None:
            return batch
        weights = () if self.sample_weight is None else (self.sample_weight[places],)
        return batch, self._targets_of(batch, places), *weights

    def _targets_of(self, batch: np.ndarray, places: np.ndarray):
        if self.class_mode == "input":
            return batch.copy()
        if self.class_mode == "multi_output":
            return [output[places] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[places]
        labels = [self.classes[place] for place in places.tolist()]
        if self.class_mode != "categorical":
            return np.asarray(labels, self.dtype)
        one_hot = np.zeros((len(labels), len(self.class_indices)), self.dtype)
        for row, label in zip(one_hot, labels, strict=True):
            row[label] = 1  # a number, or a list of them
        return one_hot


class DirectoryIterator(FileIterator, keras_image.DirectoryIterator):
    """Keras's DirectoryIterator: the same files in the same order under the same classes.

    Differences from Keras on purpose: hidden files and folders (.ipynb_checkpoints, ._photo.jpg, __MACOSX) are left
    out on every level, unless `classes` names them; .webp is read.
    """

    def __init__(
        self,
        image_data_generator,
        *,
        directory,
        classes: list[str] | None,
        class_mode: str | None,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        follow_links: bool,
        shuffled_split: bool,
        **arguments,
    ):
        """See `FlowMethods.flow_from_directory`; other arguments go to `_start_files` or `set_processing_attrs`."""
        files, processing = _split_arguments(arguments)
        self.set_processing_attrs(image_data_generator, data_format=image_data_generator.data_format, **processing)
        if class_mode not in self.allowed_class_modes:
            raise ValueError(f"Invalid class_mode: {class_mode}; expected one of: {self.allowed_class_modes}")
        self.directory, self.class_mode, self.dtype = directory, class_mode, image_data_generator.dtype
        classes = list(classes or _class_folders(directory))
        self.num_classes, self.class_indices = len(classes), {name: i for i, name in enumerate(classes)}
        bounds = None if shuffled_split else self.split
        listed = [_names_of_fraction(_photos_under(directory, name, follow_links), bounds) for name in classes]
        self.filenames = [name for names in listed for name in names]
        numbers = np.array([self.class_indices[name] for name in classes], np.int32)
        self.classes = np.repeat(numbers, np.array([len(names) for names in listed], np.intp))
        if shuffled_split and self.subset:
            places = split_places(self.classes, image_data_generator._validation_split, seed, self.subset)
            self.filenames, self.classes = [self.filenames[place] for place in places], self.classes[places]
        self.samples = len(self.filenames)
        self._filepaths = [os.path.join(directory, name) for name in self.filenames]
        io_utils.print_msg(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        keras_image.Iterator.__init__(self, self.samples, batch_size, shuffle, seed)
        self._start_files(seed=seed, **files)


class DataFrameIterator(FileIterator, keras_image.DataFrameIterator):
    """Keras's DataFrameIterator: the same rows in the same order; .webp is read."""

    # Set by Keras.
    _sample_weight: np.ndarray | None
    _targets: Any  # an array, or a list of arrays for class_mode "multi_output"

    def __init__(
        self, image_data_generator, *, subset: str | None, seed: int | None, shuffled_split: bool, **arguments
    ):
        """See `FlowMethods.flow_from_dataframe`; other arguments go to `_start_files` or Keras's constructor."""
        files, arguments = _split_arguments(arguments)
        whole = shuffled_split and subset is not None
        super().__init__(
            image_data_generator=image_data_generator,
            data_format=image_data_generator.data_format,
            dtype=image_data_generator.dtype,
            seed=seed,
            subset=None if whole else subset,
            **arguments,
        )
        if whole:
            self._keep(split_places(self._strata(), image_data_generator._validation_split, seed, subset))
            self.subset = subset
            io_utils.print_msg(f"{self.samples} of them are in the {subset} subset.")
        self._start_files(seed=seed, **files)

    def _strata(self) -> np.ndarray:
        """(n,): equal for rows of the same class or raw value; all equal where there are no classes."""
        if self.class_mode == "raw" and self._targets.ndim == 1:
            return np.unique(self._targets, return_inverse=True)[1]
        if self.class_mode in _CLASSES_UNUSED:
            return np.zeros(self.samples)
        return np.unique([str(label) for label in self.classes], return_inverse=True)[1]

    def _keep(self, places: np.ndarray) -> None:
        """Keep only these rows."""
        for name in ("filenames", "_filepaths", "classes"):
            if hasattr(self, name):
                setattr(self, name, [getattr(self, name)[place] for place in places])
        if self._sample_weight is not None:
            self._sample_weight = self._sample_weight[places]
        if self.class_mode == "multi_output":
            self._targets = [values[places] for values in self._targets]
        elif self.class_mode == "raw":
            self._targets = self._targets[places]
        self.samples = self.n = len(places)


def _split_arguments(arguments: dict) -> tuple[dict, dict]:
    """The arguments for `_start_files`, and the others."""
    ours = {name: arguments[name] for name in _FILE_ARGUMENTS}
    return ours, {name: value for name, value in arguments.items() if name not in _FILE_ARGUMENTS}


def _cache_bytes(cache: int | str | bool) -> int | None:
    """Bytes for `PhotoStore`, None for its default. Raises ValueError unless `cache` is "auto", bytes or False."""
    if cache is True or cache == "auto":
        return None
    if isinstance(cache, str) or cache is None or cache < 0:
        raise ValueError(f'cache must be "auto", a number of bytes or False; received {cache!r}')
    return int(cache)


@read_again
def _class_folders(directory) -> list[str]:
    with os.scandir(directory) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden_name(entry.name))


def _photos_under(directory, class_name: str, follow_links: bool) -> Iterator[str]:
    """Names of photos, relative to `directory`: folders by path, the files of each by name, as Keras lists them."""
    start = len(os.path.join(directory, ""))
    folders = []
    for root, inner, names in walk(os.path.join(directory, class_name), follow_links):
        inner[:] = [name for name in inner if not is_hidden_name(name)]
        folders.append((root, names))
    for root, names in sorted(folders, key=lambda folder: folder[0]):
        for name in sorted(names):
            if name.lower().endswith(FORMATS) and not is_hidden_name(name):
                yield os.path.join(root[start:], name)


def _names_of_fraction(names: Iterator[str], bounds: tuple[float, float] | None) -> list[str]:
    """The names between two fractions of their number, such as (0.2, 1); all names without bounds."""
    listed = list(names)
    return listed[int(bounds[0] * len(listed)) : int(bounds[1] * len(listed))] if bounds else listed

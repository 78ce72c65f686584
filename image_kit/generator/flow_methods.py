"""The methods of ImageDataGenerator that make batches: Keras's signatures and a few more keywords."""

import warnings
from collections.abc import Iterable

from image_kit.generator.array_iterator import NumpyArrayIterator
from image_kit.generator.file_iterators import DataFrameIterator, DirectoryIterator

# Keywords that had an effect in older versions of Keras -> what to do instead.
_IGNORED_KEYWORDS = {
    "has_ext": "file names in the dataframe have to match those on the disk exactly",
    "sort": "batches keep the order of the rows if shuffle is False",
    "drop_duplicates": "use pandas.DataFrame.drop_duplicates",
}


class FlowMethods:
    """A mixin. Differences from Keras on purpose:

    - A seed gives other orders and transforms than in Keras, from the same distributions; see `FlowIterator`.
    - Photos are turned upright by their EXIF orientation, .webp is read, 16-bit and float samples become 8-bit, hidden
      files and folders are left out, and a bad file does not stop the iteration; see `KerasLoading` and the iterators.
    - `flow` keeps the dtype of `x` and splits `sample_weight` with `subset`; see `NumpyArrayIterator`.
    - uint8 images and photos are rounded to whole grey levels once after a warp: within 0.51 of 255 of Keras's.

    Keywords that Keras does not have; their defaults keep Keras's behaviour:

    shuffled_split: with `subset`, draw the validation images at random from every class, decided by `seed` (which
        both subsets must share), instead of taking the first ones.
    cache: for photos: how many bytes of decoded images (uint8) are kept. "auto" is a quarter of the free memory, less
        what other iterators of this process use, but 1.5 GB of it if not even half of the photos fit; False keeps none.
        Photos that do not fit are decoded each time, one batch ahead.
    on_bad_file: "skip" leaves out files that cannot be read, see `FileIterator`; "raise" raises a PhotoError.
    workers, use_multiprocessing, max_queue_size: as in keras.utils.PyDataset. One worker is best, because all cores
        make each batch.
    """

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        ignore_class_split=False,
        subset=None,
        *,
        shuffled_split=False,
        workers=1,
        use_multiprocessing=False,
        max_queue_size=10,
    ) -> NumpyArrayIterator:
        """Batches from `x`, (n, height, width, channels) of any dtype; the arguments are as in Keras's method."""
        return NumpyArrayIterator(self, **_own_arguments(locals()))

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        *,
        shuffled_split=False,
        cache="auto",
        on_bad_file="skip",
        workers=1,
        use_multiprocessing=False,
        max_queue_size=10,
    ) -> DirectoryIterator:
        """Batches from a folder with a sub-folder of photos for each class; the arguments are as in Keras's method."""
        return DirectoryIterator(self, **_own_arguments(locals()))

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        *,
        keep_aspect_ratio=False,
        shuffled_split=False,
        cache="auto",
        on_bad_file="skip",
        workers=1,
        use_multiprocessing=False,
        max_queue_size=10,
        **kwargs,
    ) -> DataFrameIterator:
        """Batches from a pandas dataframe of file names and targets; the arguments are as in Keras's method.

        Other keywords have no effect, as in Keras, and cause a warning. `keep_aspect_ratio` has an effect, unlike in
        Keras.
        """
        _warn_of_ignored(kwargs)
        if class_mode == "other":
            warnings.warn('class_mode="other" is deprecated: use "raw"', DeprecationWarning, stacklevel=2)
            class_mode = "raw"
        return DataFrameIterator(self, **_own_arguments(locals()))


def _own_arguments(local: dict) -> dict:
    """A method's arguments from its `locals()`, so that each is named only once, in the signature."""
    return {name: value for name, value in local.items() if name not in ("self", "kwargs")}


def _warn_of_ignored(names: Iterable[str]) -> None:
    for name in names:
        if name in _IGNORED_KEYWORDS:
            warnings.warn(f"{name} is deprecated: {_IGNORED_KEYWORDS[name]}", DeprecationWarning, stacklevel=3)
        else:
            warnings.warn(f"flow_from_dataframe: unknown argument {name!r} has no effect", stacklevel=3)

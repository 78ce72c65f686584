"""The methods of ImageDataGenerator that make batches: Keras's signatures, with a few keywords more."""

import warnings
from collections.abc import Iterable

from image_kit.generator.array_iterator import NumpyArrayIterator
from image_kit.generator.file_iterators import DataFrameIterator, DirectoryIterator

# What Keras once took and now passes over -> what to do instead.
_FORMER = {
    "has_ext": "file names in the dataframe have to match those on the disk exactly",
    "sort": "batches keep the order of the rows if shuffle is False",
    "drop_duplicates": "use pandas.DataFrame.drop_duplicates",
}


class Flows:
    """A mixin. What differs from Keras on purpose:

    - A seed gives other orders and transforms than in Keras, from the same distributions; see `FlowIterator`.
    - Photos are turned upright as their EXIF says, .webp is read, samples of 16 bits or float become 8 bits, hidden
      files and folders are passed over, and one bad file stops nothing; see `KerasLoading` and the iterators.
    - `flow` keeps the dtype of `x` and splits `sample_weight` with `subset`; see `NumpyArrayIterator`.
    - uint8 images and photos are rounded to whole grey levels once after a warp: within 0.51 of 255 of Keras's.

    The keywords that Keras does not have, all with defaults that keep its meaning:

    shuffled_split: with `subset`, draw the validation images at random from every class, decided by `seed` (which
        both subsets must share), instead of taking the first ones.
    cache: for photos: bytes of memory for decoded images, uint8; "auto" is what other iterators of this
        process left of a quarter of the free memory, False none. What does not fit is decoded each time, a batch
        ahead.
    on_bad_file: "skip" leaves out files that cannot be read, see `FileIterator`; "raise" raises a PhotoError.
    workers, use_multiprocessing, max_queue_size: as of keras.utils.PyDataset. One worker is best: a batch is made
        by all cores in any case.
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
        """Batches from images of one shape, of any dtype, (n, height, width, channels), as Keras's method says."""
        return NumpyArrayIterator(self, **_given(locals()))

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
        """Batches from a folder with a sub-folder of photos for each class, as Keras's method says."""
        return DirectoryIterator(self, **_given(locals()))

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
        """Batches from a pandas dataframe of file names and targets, as Keras's method says.

        Other keywords have no effect, as in Keras, and are warned of; `keep_aspect_ratio` has one, unlike in Keras.
        """
        _warn_of_former(kwargs)
        if class_mode == "other":
            warnings.warn('class_mode="other" is deprecated: use "raw"', DeprecationWarning, stacklevel=2)
            class_mode = "raw"
        return DataFrameIterator(self, **_given(locals()))


def _given(local: dict) -> dict:
    """A method's own arguments, from its `locals()`: each is named once, in the signature."""
    return {name: value for name, value in local.items() if name not in ("self", "kwargs")}


def _warn_of_former(names: Iterable[str]) -> None:
    for name in names:
        if name in _FORMER:
            warnings.warn(f"{name} is deprecated: {_FORMER[name]}", DeprecationWarning, stacklevel=3)
        else:
            warnings.warn(f"flow_from_dataframe knows no {name!r}; it has no effect", stacklevel=3)

"""Data sets to train and score on: photo folders and array data sets, their parts and batches.

Only Batches, TensorBatches and the build_ functions import TensorFlow.
"""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.datasets.array_datasets import (
        CLASS_NAMES as CLASS_NAMES,
        IMAGE_SHAPES as IMAGE_SHAPES,
        ArrayDataset as ArrayDataset,
        load_array_dataset as load_array_dataset,
        load_test_image as load_test_image,
        looks_inverted as looks_inverted,
    )
    from image_kit.datasets.batches import (
        Batches as Batches,
        build_batches as build_batches,
        build_image_generator as build_image_generator,
    )
    from image_kit.datasets.image_sets import (
        Data as Data,
        ImageSet as ImageSet,
        describe_counts as describe_counts,
        describe_unreadable as describe_unreadable,
        select_photos as select_photos,
        to_fingerprints as to_fingerprints,
        with_unreadable as with_unreadable,
    )
    from image_kit.datasets.loading import (
        load_arrays as load_arrays,
        load_photos as load_photos,
    )
    from image_kit.datasets.shifting import (
        shift_image_set as shift_image_set,
    )
    from image_kit.datasets.tensor_batches import (
        TensorBatches as TensorBatches,
    )
    from image_kit.datasets.unseen_photos import (
        LabelledPhotos as LabelledPhotos,
        UnseenPhotos as UnseenPhotos,
        list_labelled_photos as list_labelled_photos,
        load_unseen_photos as load_unseen_photos,
        select_unseen as select_unseen,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "array_datasets": "CLASS_NAMES IMAGE_SHAPES ArrayDataset load_array_dataset load_test_image looks_inverted",
        "batches": "Batches build_batches build_image_generator",
        "image_sets": "Data ImageSet describe_counts describe_unreadable with_unreadable select_photos to_fingerprints",
        "loading": "load_arrays load_photos",
        "shifting": "shift_image_set",
        "tensor_batches": "TensorBatches",
        "unseen_photos": "LabelledPhotos UnseenPhotos list_labelled_photos load_unseen_photos select_unseen",
    },
)

"""A folder or an array data set: parts, batches, tf.data."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.datasets.array_datasets import (
        CLASS_NAMES as CLASS_NAMES,
        IMAGE_SHAPES as IMAGE_SHAPES,
        ArrayDataset as ArrayDataset,
        load_array_dataset as load_array_dataset,
        looks_inverted as looks_inverted,
    )
    from image_kit.datasets.batches import (
        Batches as Batches,
    )
    from image_kit.datasets.data import (
        Data as Data,
        ImageSet as ImageSet,
        describe_data as describe_data,
        image_generator as image_generator,
        load_arrays as load_arrays,
        load_photos as load_photos,
        make_batches as make_batches,
        shifted as shifted,
        trained_on as trained_on,
    )
    from image_kit.datasets.one_test_image import (
        image_of_test_set as image_of_test_set,
    )
    from image_kit.datasets.tensor_batches import (
        TensorBatches as TensorBatches,
    )
    from image_kit.datasets.unseen_photos import (
        UnseenPhotos as UnseenPhotos,
        load_unseen_photos as load_unseen_photos,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "array_datasets": "ArrayDataset CLASS_NAMES IMAGE_SHAPES load_array_dataset looks_inverted",
        "batches": "Batches",
        "data": "Data ImageSet describe_data image_generator load_arrays load_photos make_batches shifted trained_on",
        "tensor_batches": "TensorBatches",
        "one_test_image": "image_of_test_set",
        "unseen_photos": "UnseenPhotos load_unseen_photos",
    },
)

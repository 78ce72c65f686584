"""ImageDataGenerator with Keras's interface and pixels, but faster."""

from image_kit.generator.batch_memory import (
    BatchMemory as BatchMemory,
)
from image_kit.generator.captions import (
    describe_transform as describe_transform,
)
from image_kit.generator.image_generator import (
    ImageDataGenerator as ImageDataGenerator,
)
from image_kit.generator.random_crop import (
    RandomCropGenerator as RandomCropGenerator,
)
from image_kit.generator.transform import (
    standardise as standardise,
    transform_batch as transform_batch,
)

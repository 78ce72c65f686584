"""How many steps and images to hand to TensorFlow at once, to keep Python's cost per step small."""

import math

# For batches this small, several steps run in one call into TensorFlow. Otherwise Python's own cost per step is 10 to
# 45 % of an epoch. 32 steps save nearly all of it, and the progress bar still moves every second or so.
SMALL_BATCH = 1_000_000  # numbers
STEPS_PER_EXECUTION = 32


def choose_steps_per_execution(image_shape: tuple[int, int, int], batch_size: int, steps: int) -> int:
    """How many steps to run in one call: 1 for photos, up to STEPS_PER_EXECUTION for small images.

    Args:
        image_shape: (height, width, channels).
        batch_size: images.
        steps: in an epoch.
    """
    is_small = math.prod(image_shape) * batch_size <= SMALL_BATCH
    return max(1, min(STEPS_PER_EXECUTION, steps // 8)) if is_small else 1


def choose_validation_batch_size(image_shape: tuple[int, int, int], batch_size: int) -> int:
    """How many images to validate on at once: a training batch, or more small images, to save Python's cost per step.

    Small images: at most 1,024, and at most SMALL_BATCH numbers. The layers' outputs for more would leave the cache.
    """
    return max(batch_size, min(1024, SMALL_BATCH // math.prod(image_shape)))

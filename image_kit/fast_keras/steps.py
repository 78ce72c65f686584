"""How many steps and images to hand to TensorFlow at once, so that Python's cost for each step is small."""

import math

# For images this small, several steps run in one call into TensorFlow: Python's own cost for a step is otherwise 10 to
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
    """Images to validate on at once: a batch of training, or more small ones, which saves Python's cost for a step.

    At most 1,024, and no more numbers than a batch of photos has: the outputs of its layers leave the cache.
    """
    return max(batch_size, min(1024, SMALL_BATCH // math.prod(image_shape)))

"""What must be set before TensorFlow computes anything."""

import contextlib
from typing import TYPE_CHECKING

from image_kit.compute import Hardware, prepare_keras, set_up, shapes_only
from image_kit.machine import cpu_cores
from image_kit.named_networks import NamedNetworks
from image_kit.recipe import Recipe

if TYPE_CHECKING:  # imports TensorFlow
    from image_kit.compute import Distribution


def set_up_training(recipe: Recipe, networks: NamedNetworks, distribution: "Distribution | None" = None) -> Hardware:
    """Choose the precision and TensorFlow's threads, and set every seed. The threads cannot be changed later.

    Args:
        networks: contain the network that the recipe names.
        distribution: from `compute.distribute`; None for one device.
    """
    slices = 1
    prepare_keras()
    if not (recipe.plain_keras or (distribution and distribution.is_shared)):
        # It imports keras, 3 s; errors in the settings are reported before this function is called.
        from image_kit.fast_keras import choose_slices

        # Shapes only, which starts no device. A network that cannot be built so is reported when the run builds it.
        errors = contextlib.suppress(ValueError, TypeError, AttributeError, AssertionError)
        with errors, shapes_only():
            network = networks.build(recipe.model, recipe.image_shape, n_classes=2)
            slices = choose_slices(network, recipe.batch_size, cpu_cores())
    return set_up("float32" if recipe.plain_keras else recipe.precision, recipe.seed, slices)

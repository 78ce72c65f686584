"""That a run leaves nothing of its network behind in this process."""

import gc
import weakref
from dataclasses import replace

from tensorflow.python.framework import ops

from image_kit.datasets import load_photos
from image_kit.recipe import Augmentation
from tests.fixtures.runs import RECIPE, build, new_run


def test_a_run_that_is_over_is_freed(photos):
    recipe = replace(RECIPE, augmentation=Augmentation(rotation_range=10.0))  # Python makes the batches
    before = set(ops.gradient_registry.list())
    run = build(new_run(), recipe, load_photos(photos, recipe))
    run.fit()
    parts = [weakref.ref(part) for part in (run.model, run.model.train_function, run.train_batches)]
    assert set(ops.gradient_registry.list()) == before
    del run
    gc.collect()
    assert [part() for part in parts] == [None, None, None]

"""image_kit.generator.batch_memory: memory is used again, and never while anybody holds it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from image_kit.generator import batch_memory
from image_kit.generator.batch_memory import BatchMemory
from image_kit.generator.image_generator import ImageDataGenerator

SHAPE = (4, 300, 300, 3)
HOLDERS = {
    "itself": lambda array: array,
    "a view": lambda array: array[1, 5:9],
    "a view of a view": lambda array: array.reshape(-1)[7:9].reshape(1, 2),
    "another dtype": lambda array: array.view(np.uint8),
    "a list": list,
    "a buffer": memoryview,
    "a tensor": lambda array: tf.convert_to_tensor(array),
    "an iterator": lambda array: iter(array),
}


def address(array):
    return array.ctypes.data


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_is_used_again(dtype):
    memory = BatchMemory()
    first = address(memory.empty(SHAPE, dtype))
    assert address(memory.empty(SHAPE, dtype)) == first
    last = memory.empty((3, *SHAPE[1:]), dtype)  # the last batch of an epoch is smaller
    assert address(last) == first
    assert (last.shape, last.dtype) == ((3, *SHAPE[1:]), dtype)
    assert last.flags.c_contiguous
    assert last.flags.writeable
    assert first % 64 == 0


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_anybody_holds_is_left_alone(holder):
    memory = BatchMemory()
    array = memory.empty(SHAPE, np.float32)
    array[...] = 1
    held = HOLDERS[holder](array)
    del array
    for _ in range(9):
        memory.empty(SHAPE, np.float32)[...] = 2
    if holder == "another dtype":
        held = held.view(np.float32)
    if holder == "a buffer":  # which cannot be iterated over
        held = np.asarray(held)
    assert all((np.asarray(part) == 1).all() for part in held)


def test_only_a_few_are_kept():
    memory = BatchMemory(most=2)
    arrays = [memory.empty(SHAPE, np.float32) for _ in range(5)]
    assert len({address(array) for array in arrays}) == 5
    assert len(memory._kept) == 2


def test_not_much_is_kept(monkeypatch):
    memory = BatchMemory(most=9)
    monkeypatch.setattr(batch_memory, "_KEPT_BYTES", 2 * (4 * 4 * 300 * 300 * 3 + 64))
    arrays = [memory.empty(SHAPE, np.float32) for _ in range(5)]
    assert len(memory._kept) == 2
    assert memory.empty((20, *SHAPE[1:]), np.float32).shape == (20, *SHAPE[1:])
    assert memory._kept == []
    assert all((array.shape, array.dtype) == (SHAPE, np.float32) for array in arrays)


def test_small_arrays_are_plain():
    memory = BatchMemory()
    memory.empty((2, 3), np.float32)
    assert memory._kept == []


def test_threads_never_share():
    memory = BatchMemory()

    def use(number):
        array = memory.empty(SHAPE, np.float32)
        array[...] = number
        return bool((array == number).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(use, range(60)))


def test_batches_that_are_kept_do_not_change():
    images = np.random.default_rng(0).integers(0, 256, (12, 300, 300, 3), np.uint8)
    iterator = ImageDataGenerator(rotation_range=9).flow(images, batch_size=4, seed=1)
    kept = [next(iterator) for _ in range(9)]
    again = ImageDataGenerator(rotation_range=9).flow(images, batch_size=4, seed=1)
    for batch in kept:
        np.testing.assert_array_equal(next(again), batch)


def test_tensors_that_tensorflow_has_queued_do_not_change():
    """The way of a batch through fit: a generator's array becomes a tensor, which waits for its step."""
    images = np.random.default_rng(0).integers(0, 256, (16, 200, 200, 3), np.uint8)
    iterator = ImageDataGenerator(rotation_range=9).flow(images, batch_size=4, seed=1)
    expected = [iterator[i].copy() for i in range(4)] * 3
    signature = tf.TensorSpec((None, 200, 200, 3), tf.float32)
    data = tf.data.Dataset.from_generator(lambda: (iterator[i % 4] for i in range(12)), output_signature=signature)
    tensors = list(data.prefetch(8))
    for tensor, array in zip(tensors, expected, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)

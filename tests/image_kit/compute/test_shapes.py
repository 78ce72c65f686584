"""Networks of shapes only take no memory, then or later."""

import keras

from image_kit.compute import shapes_only


class Doubled(keras.layers.Layer):
    """A layer whose `call` Keras traces; before that, it initializes the variables that it remembers."""

    def call(self, inputs):
        """Called by Keras."""
        return 2 * inputs


def test_a_network_too_large_for_this_machine_is_forgotten():
    with shapes_only():
        giant = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2**40)])
        assert giant.count_params() == 9 * 2**40
    model = keras.Sequential([keras.Input((3,)), Doubled()])
    assert model(keras.ops.ones((1, 3))).numpy().tolist() == [[2, 2, 2]]

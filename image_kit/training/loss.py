"""The loss that follows from a network's head."""

import keras

from image_kit.weights import head_of, is_binary


class SmoothedCrossentropy(keras.losses.Loss):
    """Categorical cross-entropy of class numbers with label smoothing, which Keras has for one-hot labels only.

    Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, section 7.
    """

    def __init__(self, from_logits: bool, label_smoothing: float):
        """
        Args:
            from_logits: whether the network outputs logits; otherwise probabilities.
            label_smoothing: 0..1, the share of the label that all classes share equally.
        """
        super().__init__(name="smoothed_crossentropy")
        self.from_logits, self.label_smoothing = from_logits, label_smoothing

    def call(self, y_true, y_pred):
        """Called by Keras with class numbers (n,) or (n, 1) and outputs (n, classes)."""
        numbers = keras.ops.cast(keras.ops.reshape(y_true, [-1]), "int32")
        one_hot = keras.ops.one_hot(numbers, y_pred.shape[-1])
        return keras.losses.categorical_crossentropy(one_hot, y_pred, self.from_logits, self.label_smoothing)


def loss_for(network: keras.Model, label_smoothing: float = 0.0) -> keras.losses.Loss:
    """The loss that follows from the head, so that nobody can combine them wrongly.

    One sigmoid unit: binary cross-entropy. Softmax: sparse categorical cross-entropy. Linear: the same from logits.

    Args:
        label_smoothing: 0..1.
    """
    from_logits = head_of(network) == "logits"
    if is_binary(network):
        return keras.losses.BinaryCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing)
    if label_smoothing:
        return SmoothedCrossentropy(from_logits, label_smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)

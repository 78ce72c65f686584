"""What the last layer of a network gives, and the probabilities that it stands for."""

import numpy as np

HEADS = ("sigmoid", "softmax", "logits")  # what the last layer gives: one unit, or one a class


def to_probabilities(outputs: np.ndarray, head: str) -> np.ndarray:
    """What a head gives, (n, units), as a distribution over the classes, (n, classes)."""
    if head == "sigmoid":
        return np.concatenate([1 - outputs, outputs], axis=-1)
    if head == "logits":
        exponentials = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)
    return outputs

"""From the outputs of a network's last layer, its head, to class probabilities."""

import numpy as np

# The head's activation: one "sigmoid" unit for two classes; one "softmax" or linear ("logits") unit for each class.
HEADS = ("sigmoid", "softmax", "logits")


def to_probabilities(outputs: np.ndarray, head: str) -> np.ndarray:
    """Turn a head's outputs, float (n, units), into class probabilities of the same dtype, (n, classes).

    Args:
        outputs: float (n, units), as the network returns them.
        head: one of HEADS.
    """
    if head == "sigmoid":
        return np.concatenate([1 - outputs, outputs], axis=-1)
    if head == "logits":
        return softmax(outputs)
    return outputs


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities from logits, float (n, classes); each row sums to 1.

    In NumPy, since importing scipy.special takes 0.15 s, which the answer to one photo must not wait for.
    """
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)

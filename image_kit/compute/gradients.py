"""What TensorFlow registers for the gradients of a training, which it would keep until the process ends."""

import contextlib
from collections.abc import Iterator

from tensorflow.python.framework import ops

_OF_ONE_GRAPH = "CustomGradient-"  # tensorflow/python/ops/custom_gradient.py: followed by a number of its own


@contextlib.contextmanager
def forgetting_gradients() -> Iterator[None]:
    """Use around fit: free the graphs of the training steps when their network is freed.

    Where gradients are summed over replicas, also over a single one, TensorFlow registers a function that refers to the
    step's graph: 3 MB for a small network, which a notebook that trains again and again would lose each time. It is
    looked up only while a graph is being built.
    """
    registry = getattr(ops.gradient_registry, "_registry", {})
    before = set(registry)
    try:
        yield
    finally:
        for name in set(registry) - before:
            if name.startswith(_OF_ONE_GRAPH):
                registry.pop(name, None)

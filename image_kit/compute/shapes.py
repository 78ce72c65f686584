"""Networks that have shapes and take no memory: to ask what a network is like before it is built."""

import contextlib
from collections.abc import Iterator

WAITING = "uninitialized_variables"  # Keras's name for those that it remembers


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """Variables that are made in the body have shapes, take no memory and start no device.

    Keras 3.15 remembers them, and the next layer with a `call` of its own would initialize all of them: a forged
    network's gigabytes, too. So they are forgotten at the end.
    """
    import keras  # 3 s that --help need not wait for
    from keras.src.backend.common import global_state  # there is no public name

    waiting = list(global_state.get_global_attribute(WAITING) or ())
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(WAITING, waiting)

"""The network of one process, which one thread at a time uses, and its backbone."""

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from image_kit.answering import Classifier, load_classifier
from image_kit.errors import UserError
from image_kit.weights import Description, Fallback

if TYPE_CHECKING:
    from image_kit.features import HeadClassifier  # imports h5py, .1 s that answers need not wait for


class Engine:
    """A trained network, loaded when it is first used, and freed by `close`.

    A forked process must not use the engine of its parent: a lock may be held by a thread that it does not have, and
    LiteRT would wait for threads of its own that are gone, too. So each process has an engine.

    Args:
        weights: as for `load_classifier`.
        fallback: likewise.
        description: of the network that the parent process has loaded from the file, which another may have replaced.
    """

    def __init__(self, weights: Path, fallback: Fallback | None, description: Description | None = None):
        self._weights, self._fallback, self._description = weights, fallback, description
        self._lock = threading.Lock()
        self._network: Classifier | None = None
        self._backbone: HeadClassifier | None = None
        self._opened = contextlib.ExitStack()
        self._is_closed = False
        _of_this_process.add(self)

    @contextlib.contextmanager
    def network(self) -> Iterator[Classifier]:
        """The network, for this thread alone until the body ends. It computes on all cores.

        Raises:
            ValueError: the engine is closed.
            UserError: see `load_classifier`.
        """
        with self._alone():
            if self._network is None:
                network = load_classifier(self._weights, self._fallback)
                if self._description not in (None, network.description):
                    raise UserError(f"{self._weights}: was replaced by another network; load it again in each process")
                self._network = network
            yield self._network

    def backbone(self) -> "HeadClassifier":
        """The network's backbone, which any number of threads may use at once.

        Raises:
            ValueError: the engine is closed.
            UserError: the network has no backbone, or see `open_head_classifier`.
        """
        with self.network() as network:
            if self._backbone is None:
                if self._weights.suffix == ".tflite":
                    raise UserError(f"{self._weights}: features need the run's best.weights.h5; load the run's folder")
                from image_kit.features import open_head_classifier  # as above

                opened = self._opened.enter_context(open_head_classifier(self._weights, network.description))
                if opened is None:
                    raise UserError(
                        f"{self._weights}: this network has no backbone, so it has no features; "
                        "load a run of the preset pretrained"
                    )
                self._backbone = opened
            return self._backbone

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock:
            if self._is_closed:
                raise ValueError("the classifier is closed")
            yield

    def close(self) -> None:
        """Free the memory, after whatever is running has ended."""
        with self._lock:
            self._is_closed, self._network, self._backbone = True, None, None
            self._opened.close()


_of_this_process: WeakSet[Engine] = WeakSet()


def _keep_for_ever() -> None:
    """In a forked process, never free the parent's engines: LiteRT would wait for threads that are not here."""
    for engine in _of_this_process:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_keep_for_ever)

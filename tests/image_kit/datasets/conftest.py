"""What the tests of this room share: a small MNIST."""

import numpy as np
import pytest

COUNTS = (5, 10, 14, 15, 20, 3, 1, 100, 10, 10)  # training images of each class


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """Folder with an mnist.npz in which image i has a pixel of value i % 256."""
    monkeypatch.delenv("DATASETS_DIR", raising=False)
    labels = np.repeat(np.arange(10), COUNTS).astype(np.uint8)
    labels = np.random.default_rng(5).permutation(labels)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(len(labels)) % 256
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=images[:7], y_test=labels[:7])
    return tmp_path

"""100,000 photos fit: what is computed of all features takes their memory in float32 once, besides blocks.

The blocks are made small here, so that a second copy of the features would show.
"""

import tracemalloc

import numpy as np
import pytest

from image_kit.checks import near_copies, score_strangers, similar_photos
from image_kit.features import prepare_rows, unit_length
from image_kit.photos import Signatures
from tests.fixtures.checked import checked

N, D = 500, 1_280
ONCE = N * D * 4  # bytes
KEPT = ONCE / 2  # in float16


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).random((N, D), np.float32).astype(np.float16)


def peak_of(work):
    """The most bytes that NumPy held for it at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(similar_photos, "BLOCK", 2**14)
    monkeypatch.setattr(similar_photos, "BLOCK_ROWS", 16)
    monkeypatch.setattr(near_copies, "COMPARED", 2**14)


def test_unit_length(features):
    assert peak_of(lambda: unit_length(features)) < 1.1 * ONCE


def test_strangers(features):
    labels = np.arange(N) % 10
    assert peak_of(lambda: score_strangers(features, labels)) < KEPT + 1.3 * ONCE  # in the order of their classes


def test_similar_photos(features):
    rows = prepare_rows(features)
    assert peak_of(lambda: similar_photos.find_similar(rows, np.arange(N), 5)) < 1.3 * ONCE


def test_near_copies(features):
    photos = checked(features, np.zeros(N, int), ("a",))
    signatures = Signatures(N, 3)
    signatures.rows[:] = np.random.default_rng(1).random(signatures.rows.shape)
    object.__setattr__(photos, "signatures", signatures)
    assert peak_of(lambda: near_copies._find_candidates(photos, np.arange(N))) < KEPT + 1.5 * ONCE

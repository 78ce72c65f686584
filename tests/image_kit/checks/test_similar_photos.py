import numpy as np
from hypothesis import given, settings, strategies as st

from image_kit.checks import similar_photos
from image_kit.checks.similar_photos import compare_in_blocks, find_similar
from image_kit.features import prepare_rows
from tests.fixtures.blobs import blobs


@given(n=st.integers(3, 40), count=st.integers(1, 50), n_groups=st.integers(2, 40), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_same_as_by_comparing_all_with_all(n, count, n_groups, seed):
    features, _ = blobs(n, seed=seed)
    groups = np.random.default_rng(seed).integers(0, n_groups, n)
    found = find_similar(prepare_rows(features), groups, count)
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    rows = rows - rows.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    products = np.where(groups[:, None] == groups, -np.inf, rows @ rows.T)
    expected = -np.sort(-products, axis=1)[:, : min(count, n - 1)]
    assert np.allclose(found.similarities, expected, atol=1e-4)
    is_other = np.isfinite(expected)
    assert (groups[found.photos] != groups[:, None])[is_other].all()


def test_blocks_of_any_size_give_the_same(monkeypatch):
    features, _ = blobs(50)
    whole = np.concatenate([products for _, products in compare_in_blocks(features)])
    monkeypatch.setattr(similar_photos, "BLOCK", 350)
    blocks = [(some, products.shape) for some, products in compare_in_blocks(features)]
    assert {shape for _, shape in blocks[:-1]} == {(7, 50)}
    assert np.allclose(np.concatenate([products for _, products in compare_in_blocks(features)]), whole, rtol=1e-5)


def test_photos_of_the_own_group_have_no_vote():
    features, labels = blobs(30)
    features[1] = features[0]
    groups = np.append([0, 0], np.arange(1, 29))
    similar = find_similar(prepare_rows(features), groups, 29)
    votes = similar.votes(labels, 3, np.ones(similar.photos.shape))
    assert votes[0].tolist() == [9, 9, 10]  # without itself, of class 0, and its copy, of class 1
    assert votes[2].tolist() == [10, 10, 9]

import numpy as np
import pytest

from image_kit.checks import list_strangers, score_strangers
from tests.fixtures.blobs import blobs
from tests.fixtures.checked import checked

NAMES = ("hat", "shirt", "shoes")
N = 150


def find(features, labels):
    findings = list_strangers(checked(features, labels, NAMES), score_strangers(features, labels))
    return [int(finding.file.split("/")[1].removesuffix(".jpg")) for finding in findings], findings


def with_strangers(count, seed=5):
    """Photos of three classes and, spread over them, some of a fourth kind that are like each other."""
    features, labels = blobs(N, d=40)
    rng = np.random.default_rng(seed)
    strange = rng.normal(size=40) * 3 + rng.normal(size=(count, 40)) * 0.1
    return np.concatenate([features, strange]).astype(np.float32), np.append(labels, np.arange(count) % 3)


@pytest.mark.parametrize("count", [1, 2, 6])
def test_strangers_are_found_even_if_they_are_like_each_other(count):
    listed, findings = find(*with_strangers(count))
    assert set(range(N, N + count)) <= set(listed)
    assert len(listed) <= count + 3  # 2 % of the others
    assert {finding.kind for finding in findings} == {"stranger"}
    assert {finding.action for finding in findings} == {"drop"}


def test_a_stranger_is_found_beside_its_own_copy_in_the_same_class():
    features, labels = with_strangers(1)
    listed, _ = find(np.concatenate([features, features[-1:]]), np.append(labels, labels[-1]))
    assert {N, N + 1} <= set(listed)


def test_a_clean_folder_is_quiet():
    listed, _ = find(*blobs(N, d=40))
    assert len(listed) <= 2


def test_a_small_class_is_not_strange():
    """Four photos of a class are like each other, though like no other class."""
    features, labels = blobs(N, d=40)
    features[labels == 2] += 4 * np.random.default_rng(1).normal(size=40).astype(np.float32)
    kept = (labels < 2) | (np.arange(N) < 12)
    listed, _ = find(features[kept], labels[kept])
    assert not set(np.flatnonzero(labels[kept] == 2)) & set(listed)


def test_the_same_by_comparing_all_with_all():
    features, labels = with_strangers(3)
    scores = score_strangers(features, labels)
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    products = rows @ rows.T
    np.fill_diagonal(products, -np.inf)
    reached = np.stack([-np.sort(-products[:, labels == label], axis=1)[:, 10] for label in range(3)], axis=1)
    assert np.bincount(labels).tolist() == [51, 51, 51]  # of which a fifth are 10.2, so the eleventh counts
    assert np.allclose(scores.similarities, reached.max(axis=1), atol=1e-5)
    assert (scores.closest == reached.argmax(axis=1)).all()
    assert (scores.nearest == products.argmax(axis=1)).all()


def test_classes_of_one_photo_and_few_photos():
    features, labels = blobs(30, d=40)
    labels = np.append(labels[:-1], 3)
    assert np.isfinite(score_strangers(features, labels).distances).all()
    few = slice(0, 12)
    assert find(features[few], labels[few])[0] == []


def test_the_sentence_names_the_closest_class():
    features, labels = with_strangers(1)
    scores = score_strangers(features, labels)
    _, findings = find(features, labels)
    usual = 100 * np.median(scores.similarities)
    assert findings[0].evidence == (
        f"It is {100 * max(0, scores.similarities[N]):.0f} % similar to {NAMES[scores.closest[N]]}, the class that it "
        f"is most like; half of the photos reach {usual:.0f} % or more."
    )
    assert findings[0].severity == "medium"

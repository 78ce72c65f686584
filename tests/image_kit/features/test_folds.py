import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.errors import UserError
from image_kit.features.folds import FOLDS, classes_in_one_group, make_folds, repeats_for


@st.composite
def divisions(draw, grouped=True, one_class_per_group=False):
    """Labels, groups, number of folds and seed."""
    n = draw(st.integers(2, 60))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = generator.integers(0, draw(st.integers(1, 8)), n)
    groups = generator.integers(0, draw(st.integers(2, 30)), n) if grouped else np.arange(n)
    if one_class_per_group:
        groups = groups * 8 + labels
    groups[:2] = 1000, 1001  # at least two
    return labels, groups, draw(st.integers(2, 7)), draw(st.integers(0, 99))


@settings(max_examples=60, deadline=None)
@given(divisions())
def test_each_photo_is_in_one_fold_and_groups_stay_together(division):
    labels, groups, k, seed = division
    folds = make_folds(labels, groups, k, repeats=3, seed=seed)
    assert folds.shape == (3, len(labels))
    for fold_of in folds:
        assert set(fold_of) == set(range(min(k, len(set(groups)))))  # no fold is empty
        for group in set(groups):
            assert len(set(fold_of[groups == group])) == 1


@settings(max_examples=60, deadline=None)
@given(divisions(grouped=False))
def test_without_groups_classes_and_sizes_are_balanced(division):
    labels, _, k, seed = division
    (fold_of,) = make_folds(labels, None, k, seed=seed)
    k = min(k, len(labels))
    for label in set(labels):
        counts = np.bincount(fold_of[labels == label], minlength=k)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(fold_of, minlength=k)
    assert sizes.max() - sizes.min() <= 1


@settings(max_examples=60, deadline=None)
@given(divisions(one_class_per_group=True))
def test_every_class_of_two_groups_can_be_learned_without_any_fold(division):
    labels, groups, k, seed = division
    lost = classes_in_one_group(labels, groups)
    for fold_of in make_folds(labels, groups, k, repeats=2, seed=seed):
        for label in set(labels) - set(lost):
            assert len(set(fold_of[labels == label])) > 1
        for label in lost:
            assert len(set(fold_of[labels == label])) == 1


@settings(max_examples=60, deadline=None)
@given(divisions(), st.randoms(use_true_random=False))
def test_names_do_not_matter(division, random):
    labels, groups, k, seed = division
    new_label, new_group = (
        dict(zip(set(values), random.sample(range(9999), len(set(values))), strict=True))
        for values in (labels.tolist(), groups.tolist())
    )
    renamed = [new_label[label] for label in labels], [f"g{new_group[group]}" for group in groups]
    expected = make_folds(labels, groups, k, repeats=2, seed=seed)
    assert np.array_equal(make_folds(*map(np.array, renamed), k, repeats=2, seed=seed), expected)
    assert np.array_equal(make_folds(labels, groups, k, repeats=2, seed=seed), expected)


def test_groups_of_several_classes_are_balanced():
    """Each of 60 persons sends 1 to 9 photos of 4 classes: the folds differ by less than the photos of one person."""
    generator = np.random.default_rng(3)
    groups = np.repeat(np.arange(60), generator.integers(1, 10, 60))
    labels = generator.integers(0, 4, len(groups))
    for fold_of in make_folds(labels, groups, repeats=5):
        counts = np.zeros((FOLDS, 4), int)
        np.add.at(counts, (fold_of, labels), 1)
        assert np.ptp(counts, axis=0).max() <= 3
        assert np.ptp(counts.sum(axis=1)) <= 9


def test_a_class_is_spread_where_balance_alone_would_not():
    """Photo 4 would be alone in its fold, but then its class could not be learned from the others."""
    labels = np.array([0, 0, 0, 0, 1, 1])
    groups = np.array([0, 0, 1, 1, 0, 1])
    (fold_of,) = make_folds(labels, groups, 2)
    assert fold_of[4] != fold_of[5]


def test_repeats_differ_and_seeds_do():
    labels = np.arange(40) % 4
    folds = make_folds(labels, repeats=4)
    assert len({fold_of.tobytes() for fold_of in folds}) == 4
    assert not np.array_equal(folds, make_folds(labels, repeats=4, seed=1))
    groups = np.repeat(np.arange(10), 4)
    assert len({fold_of.tobytes() for fold_of in make_folds(labels, groups, repeats=4)}) == 4


def test_few_photos_are_divided_more_often():
    repeats = [repeats_for(n) for n in (6, 99, 100, 1999, 2000, 10**6)]
    assert repeats == sorted(repeats, reverse=True)
    assert repeats[-1] == 1


def test_one_group_cannot_be_divided():
    with pytest.raises(UserError, match="all photos are in one group"):
        make_folds(np.array([0, 1, 1]), np.array(["a", "a", "a"]))


def test_classes_in_one_group():
    assert classes_in_one_group(np.array([2, 2, 0, 1, 1]), np.array(["b", "b", "a", "a", "b"])).tolist() == [0, 2]

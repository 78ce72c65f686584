"""Networks are compared on the photos that all of them answered, with classes matched by name."""

import csv

import numpy as np
import pytest

from image_kit.answering.compared_runs import RunAnswers, compare_runs, refuse_other_classes, write_differences
from image_kit.errors import UserError


def answer(photos, class_names, images=None):
    """Answers to {photo: (label, {class: probability})}."""
    names = list(photos) if images is None else images
    labels = np.array([class_names.index(photos[name][0]) for name in names], np.int32)
    probabilities = np.array([[photos[name][1][each] for each in class_names] for name in names], np.float32)
    return RunAnswers(names, labels, probabilities, class_names)


def sure(name):
    return {each: 0.8 if each == name else 0.1 for each in ("cats", "dogs", "rats")}


ONE = {
    "1": ("cats", sure("cats")),
    "2": ("dogs", sure("cats")),
    "3": ("rats", sure("rats")),
    "4": ("cats", sure("rats")),
}
TWO = {
    "1": ("cats", sure("cats")),
    "2": ("dogs", sure("dogs")),
    "3": ("rats", sure("rats")),
    "4": ("cats", sure("dogs")),
}
NAMES = ("cats", "dogs", "rats")


def test_another_order_of_classes_and_of_photos_changes_nothing():
    compared = compare_runs({"A": answer(ONE, NAMES), "B": answer(TWO, NAMES)})
    other = answer(TWO, ("rats", "cats", "dogs"), ["4", "3", "2", "1"])
    again = compare_runs({"A": answer(ONE, NAMES), "B": other})
    assert compared.as_dict() == again.as_dict()
    assert compared.differing == again.differing
    assert [each.correct for each in compared.scores] == [2, 3]
    assert compared.pairs[0].difference == 0.25


def test_photos_that_one_run_could_not_read_count_for_none():
    compared = compare_runs({"A": answer(ONE, NAMES), "B": answer(TWO, NAMES, ["2", "4"])})
    assert [each.total for each in compared.scores] == [2, 2]
    assert [photo.image for photo in compared.differing] == ["2", "4"]
    with pytest.raises(UserError, match="no photo that all runs could answer"):
        compare_runs({"A": answer(ONE, NAMES, ["1"]), "B": answer(TWO, NAMES, ["2"])})


def test_differing_photos_begin_with_those_that_decide(tmp_path):
    first = {"4": ONE["4"], **ONE}  # the photo that both answered wrong comes first
    compared = compare_runs({"A": answer(first, NAMES), "B": answer(TWO, NAMES)})
    assert [photo.image for photo in compared.differing] == ["2", "4"]
    write_differences(tmp_path / "differences.csv", compared)
    with open(tmp_path / "differences.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        **{"image": "2", "label": "dogs", "A": "cats", "p(A)": "0.800000", "B": "dogs", "p(B)": "0.800000"}
    }


def test_three_runs_have_an_overall_test_and_three_pairs():
    compared = compare_runs({"A": answer(ONE, NAMES), "B": answer(TWO, NAMES), "C": answer(ONE, NAMES)})
    assert compared.overall is not None
    assert len(compared.sentences()) == 4
    assert [line.split()[:3] for line in compared.table().splitlines()[1:]] == [
        *(["A", "2", "4"], ["B", "3", "4"], ["C", "2", "4"])
    ]


def test_other_classes_are_refused_by_name():
    refuse_other_classes({"A": ("a", "b"), "B": ("b", "a")})
    message = "--compare: B knows the classes a, c, and A knows a, b; compare runs that know the same classes"
    with pytest.raises(UserError, match=message):
        refuse_other_classes({"A": ("a", "b"), "B": ("a", "c")})

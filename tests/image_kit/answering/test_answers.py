"""Answers, ranked and written."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from image_kit.answering import answers
from image_kit.answering.answers import Answer, make_answer

NAMES = ("cats", "dogs", "猫 and, more")
GOOD = make_answer("a b.jpg", np.array([0.25, 0.5, 0.25], np.float32), NAMES)
BAD = Answer("none.jpg", error="no such file")


def written(write, *arguments):
    out = io.StringIO()
    write(*arguments[:1], out, *arguments[1:])
    return out.getvalue()


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=8), st.none() | st.integers(1, 9))
def test_classes_are_ranked_and_equal_ones_keep_their_order(probabilities, top):
    names = tuple("abcdefgh")[: len(probabilities)]
    got = make_answer("x", np.array(probabilities, np.float32), names, top)
    expected = sorted(range(len(names)), key=lambda i: (-probabilities[i], i))[:top]
    assert list(got.probabilities.items()) == [(names[i], probabilities[i]) for i in expected]
    assert (got.path, got.label, got.probability) == ("x", names[expected[0]], probabilities[expected[0]])
    assert (got.prediction_set, got.error) == (None, None)


def test_json_is_one_object_a_line_with_the_fields_in_order():
    good, bad = written(answers.write_json, [GOOD, BAD]).splitlines()
    assert list(json.loads(good)) == ["path", "label", "probability", "probabilities", "prediction_set", "error"]
    assert json.loads(good) == {
        "path": "a b.jpg",
        "label": "dogs",
        "probability": 0.5,
        "probabilities": {"dogs": 0.5, "cats": 0.25, NAMES[2]: 0.25},
        "prediction_set": None,
        "error": None,
    }
    assert bad == (
        '{"path": "none.jpg", "label": null, "probability": null, "probabilities": null, "prediction_set": null, '
        '"error": "no such file"}'
    )


def test_csv_has_the_same_fields_and_several_values_as_json():
    text = written(answers.write_csv, [GOOD, BAD, Answer("c", "dogs", 1.0, {"dogs": 1.0}, ["dogs", "cats"])])
    good, bad, third = csv.DictReader(io.StringIO(text))
    assert list(good) == ["path", "label", "probability", "probabilities", "prediction_set", "error"]
    assert json.loads(good["probabilities"]) == GOOD.probabilities
    assert (good["label"], good["probability"], good["prediction_set"], good["error"]) == ("dogs", "0.5", "", "")
    assert tuple(bad.values()) == ("none.jpg", "", "", "", "", "no such file")
    assert json.loads(third["prediction_set"]) == ["dogs", "cats"]


@pytest.mark.parametrize(("classes", "top"), [(2, None), (2, 1), (3, None), (3, 2), (3, 1)])
def test_neither_is_said_of_two_classes_however_many_are_shown(classes, top):
    refused = make_answer("x", np.full(classes, 1 / classes), tuple("abc")[:classes], top, ())
    who = "neither" if classes == 2 else "none of them"
    assert refused.sentence() == f"{who}: unlike the photos it was trained on"


def test_the_listing_is_a_paragraph_a_photo_and_leaves_errors_to_stderr():
    assert written(answers.write_listing, [GOOD, BAD]) == (
        "a b.jpg:\n  dogs           50.0%\n  cats           25.0%\n  猫 and, more   25.0%\n"  # 猫 is two columns wide
    )


def test_the_table_is_a_line_a_photo():
    long = make_answer("x" * 30 + "/photo.jpg" + "y" * 30, np.array([0.1, 0.2, 0.3, 0.4]), tuple("abcd"))
    assert written(answers.write_table, [GOOD, long, BAD], ["a b.jpg", long.path]).splitlines() == [
        "a b.jpg" + " " * 43 + "   50.0% dogs   25.0% cats   25.0% 猫 and, more",
        "…" + "x" * 9 + "/photo.jpg" + "y" * 30 + "   40.0% d   30.0% c   20.0% b",
    ]


def test_wide_letters_in_a_path_move_no_column_of_the_table():
    photos = [make_answer(path, np.array([0.6, 0.4]), ("a", "b")) for path in ("猫/1.jpg", "cats/1.jpg")]
    lines = written(answers.write_table, photos, [photo.path for photo in photos]).splitlines()
    assert lines == ["猫/1.jpg     60.0% a   40.0% b", "cats/1.jpg   60.0% a   40.0% b"]


@pytest.mark.parametrize("write", [answers.write_listing, answers.write_table])
def test_names_give_a_terminal_no_orders(write):
    answer = answers.make_answer("new\n\x1b[2J.jpg", np.array([0.9, 0.1]), ["c\x07", "d\n\u202e"], None, [0, 1])
    text = "".join(
        written(write, [answer], [answer.path]) if write is answers.write_table else written(write, [answer])
    )
    assert text.count("\n") == (1 if write is answers.write_table else 3)
    assert r"new\x0a\x1b[2J.jpg" in text
    assert r"c\x07" in text
    assert r"d\x0a\u202e" in text


def test_without_an_output_nothing_is_written():
    for write in (answers.write_json, answers.write_csv, answers.write_listing):
        write([GOOD, BAD], None)

"""The one-file classifier's text: whole or not at all, names as text, and a policy that fits its script and style."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings, strategies as st

from image_kit.errors import UserError
from image_kit.exports import html
from image_kit.exports.html import assemble, shown, to_script_json, write
from image_kit.exports.page_facts import PageFacts
from image_kit.training import RunScore

FACTS = PageFacts("run", ("cats", "dogs"))


def test_one_file_is_written_and_contains_nothing_from_elsewhere(small_run, tmp_path):
    assert write(small_run.source, tmp_path / "classifier.html") == []
    assert [path.name for path in tmp_path.iterdir()] == ["classifier.html"]
    text = (tmp_path / "classifier.html").read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "")
    assert str(small_run.source.path) not in text
    assert str(small_run.photos) not in text


def test_what_cannot_be_written_leaves_the_old_page_and_nothing_else(small_run, tmp_path, monkeypatch):
    path = tmp_path / "classifier.html"
    path.write_text("old")
    monkeypatch.setattr(html, "SCRIPTS", ("page_answers.js", "missing.js"))
    with pytest.raises(FileNotFoundError):
        write(small_run.source, path)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["classifier.html"]


def test_photos_that_a_browser_shows_nearly_black_are_refused(small_run, tmp_path):
    description = small_run.source.description
    deep = replace(description, preprocessing=replace(description.preprocessing, sample_bits=12))
    with pytest.raises(
        UserError, match=r"^--to html: .*: browsers read 8 bits a sample, so photos of 12 bits would be"
    ):
        write(replace(small_run.source, description=deep), tmp_path / "classifier.html")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_the_page_is_refused(small_run, tmp_path):
    (tmp_path / "classifier.html").mkdir()
    with pytest.raises(OSError, match=r"classifier\.html"):
        write(small_run.source, tmp_path / "classifier.html")
    assert [each.name for each in tmp_path.iterdir()] == ["classifier.html"]


def test_the_policy_has_the_hashes_of_the_script_and_the_style():
    text = assemble(b"data", FACTS)
    policy = re.search(r'Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    for tag in ("script", "style"):
        (code,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert re.search(rf"{tag}-src 'sha256-{re.escape(digest)}'", policy)
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert {"default-src 'none'", "connect-src 'none'", "form-action 'none'", "base-uri 'none'"} <= set(
        policy.split("; ")
    )


@settings(max_examples=25)
@given(st.lists(st.text(), min_size=1, max_size=4), st.text())
def test_any_name_is_text(names, title):
    """Whatever names there are, the page has the same elements, and its JSON gives the names that are shown."""
    text = assemble(b"data", PageFacts(title, tuple(names)))
    plain = assemble(b"data", PageFacts("run", tuple("x" for _ in names)))
    tags = re.compile(r"<[/!a-zA-Z]\w*")
    assert tags.findall(text) == tags.findall(plain)
    (facts,) = re.findall(r'<script type="application/json" id="facts">(.*?)</script>', text, re.DOTALL)
    assert json.loads(facts)["classNames"] == [shown(name) for name in names]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\x07b\n", "a\\x07b\\x0a"),
        ("\u202eevil", "\\u202eevil"),
        ("قطة", "قطة"),
        ("👩\u200d🌾", "👩\u200d🌾"),
        ("\udcff", "\\udcff"),
        ("", "(no name)"),
        ("<b>", "<b>"),
    ],
)
def test_letters_that_cannot_be_seen_are_shown(name, expected):
    assert shown(name) == expected


def test_json_cannot_end_its_element():
    text = to_script_json({"name": "</script><!--"})
    assert "<" not in text
    assert json.loads(text) == {"name": "</script><!--"}


def test_facts_of_a_run(small_run):
    facts = small_run.facts
    assert (facts.title, facts.class_names, facts.photos) == ("my_animals", ("cats", "dogs", "frogs"), 60)
    text = assemble(b"data", facts)
    correct = round(facts.score.accuracy * 60)
    assert f"It was right for {correct} of 60 pictures, each answered by a copy of it that had not seen" in text
    assert f"It was trained on 60 pictures, on {facts.trained.day} {facts.trained:%B %Y}." in text


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FACTS, []),
        (PageFacts("run", ("a",), trained=date(2026, 3, 9)), ["It was trained on 9 March 2026."]),
        (PageFacts("run", ("a",), photos=1), ["It was trained on 1 picture."]),
        (
            PageFacts("run", ("a",), photos=1234, scored_on="test", score=RunScore(0.75, (0.51, 0.9), 2000)),
            [
                "It was trained on 1,234 pictures.",
                "It was right for 1,500 of 2,000 test pictures that it had never seen: 75.0%. "
                "Expect 51% to 90% on pictures like these.",
            ],
        ),
    ],
)
def test_facts_in_words(facts, expected):
    assert html.describe_facts(facts) == expected


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"test": 1}', '{"images": {}, "validation": null}'])
def test_weights_without_a_readable_score_leave_it_out(small_run, tmp_path, content):
    weights = tmp_path / "sent/best.weights.h5"
    weights.parent.mkdir()
    weights.write_bytes(small_run.source.path.read_bytes())
    if content is not None:
        (weights.parent / "metrics.json").write_text(content)
    facts = html.read_page_facts(html.Source(weights, *list(vars(small_run.source).values())[1:]))
    assert (facts.title, facts.score, facts.photos) == ("sent", None, None)

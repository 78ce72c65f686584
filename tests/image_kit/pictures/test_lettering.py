import pytest

from image_kit.pictures import lettering


def test_a_shortened_name_fits_and_a_wrapped_one_too(hard_names):
    for name in hard_names:
        assert lettering.text_width(lettering.shortened(name, 1.0, 8), 8) <= 1.0
        assert all(lettering.text_width(line, 8) <= 1.0 for line in lettering.wrapped(name, 1.0, 8).split("\n"))


def test_a_text_that_fits_stays_as_it_is():
    assert lettering.shortened("cars", 1.0, 8) == "cars"
    assert lettering.wrapped("cars\nelephants", 1.0, 8) == "cars\nelephants"


def test_a_shortened_name_keeps_both_ends():
    short = lettering.shortened("elephant_" * 10 + "left", 1.0, 8)
    assert short.startswith("ele")
    assert short.endswith("left")
    assert "…" in short


def test_no_words_of_a_wrapped_text_are_lost():
    text = "one two three four five six seven"
    assert lettering.wrapped(text, 0.8, 8).split() == text.split()


def test_of_a_very_long_paragraph_the_start_and_the_end_stay():
    lines = lettering.wrapped(" ".join(map(str, range(1000))), 1.0, 8).split("\n")
    assert len(lines) == 6
    assert lines[0].startswith("0 1 ")
    assert lines[3] == "…"
    assert lines[-1].endswith("999")


@pytest.mark.parametrize("blank", ["", " ", " " * 300, "\n", "\u00a0" * 300])
def test_blank_texts_can_be_fitted(blank):
    assert not lettering.shortened(blank, 1.0, 8).strip()
    assert not lettering.wrapped(blank, 1.0, 8).strip()


def test_heights_count_lines():
    assert lettering.text_height("a\nb\nc", 8) == pytest.approx(3 * lettering.text_height("a", 8))


def test_letters_without_a_font_stay_apart(monkeypatch):
    monkeypatch.setattr(lettering, "_families", lambda: (lettering.SANS,))
    lettering._family_of.cache_clear()
    try:
        assert lettering.legible("猫 cat") == "\\u732b cat"
        assert lettering.legible("犬") != lettering.legible("猫")
        assert lettering.legible("e\u0301") == "é"
    finally:
        lettering._family_of.cache_clear()

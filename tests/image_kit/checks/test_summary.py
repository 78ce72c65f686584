from typing import get_args

from image_kit.checks.findings import Finding, Kind
from image_kit.checks.summary import MOST_LINES, WIDEST, WORDS, count_kinds, rank_findings, summarise


def finding(kind, severity="low", certainty=1.0, file="a.jpg"):
    return Finding(file, kind, severity, f"{kind} fact.", f"{kind} advice.", certainty=certainty)


def test_every_kind_has_words():
    assert set(WORDS) == set(get_args(Kind))


def test_the_worst_comes_first_and_the_most_certain_of_a_kind():
    least, most = finding("copy", certainty=0.1), finding("copy", certainty=0.9)
    wrong, low = finding("wrong_label", "high"), finding("wrong_label")
    assert rank_findings([low, least, most, wrong]) == [wrong, most, least, low]
    assert count_kinds([least, most, wrong, low]) == {"wrong_label": 2, "copy": 2}


def test_each_kind_takes_two_lines_and_all_fit_on_a_screen():
    assert summarise([]) == []
    assert summarise([finding("copy"), finding("copy", file="b.jpg"), finding("split", "high", file="")]) == [
        "1 fault of the split. split fact.",
        "    split advice.",
        "2 copies of other photos. a.jpg: copy fact.",
        "    copy advice.",
    ]
    long = [Finding("f" * 300, kind, "low", "e" * 300, "s" * 300) for kind in WORDS for _ in range(1000)]
    lines = summarise(long)
    assert len(lines) <= MOST_LINES - 3
    assert max(map(len, lines)) == WIDEST


def test_a_name_gives_the_terminal_no_orders():
    (line, _) = summarise([finding("copy", file="a\x1b[31m\nb\x9b.jpg")])
    assert line == r"1 copy of another photo. a\x1b[31m b\x9b.jpg: copy fact."

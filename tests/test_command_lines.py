"""Command lines drawn from the options' own definitions: each ends with exit status 0, 1 or 2, and never a traceback.

No folder or file that a line names holds photos or weights, so nothing is trained: what is tried are the options, their
edges and how they contradict each other, up to the point where a command looks for its images.
"""

import argparse
import sys

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import augment_preview
import check
import evaluate
import export
import predict
import train
from data import prepare
from image_kit import terminal

EXAMPLES = 400  # for each command: 2,800 in all
NUMBERS = ["0", "1", "-1", "2", "3", "7", "64", "2048", "2049", "999999999999", "1e3", "0.5", "1.0", "1.5", "-0.1"]
NUMBERS += ["nan", "inf", "-inf", "1e-9", "1e309", "0x10", "٣", "1_000", " 5", "", "five"]
PATHS = ["missing", "empty", "a.txt", "empty/../empty", "-", "*", "[", "é\u0301", "a\x1b[31m", "x" * 300, "\udcff"]
WORDS = ["auto", "elephants_cars", "pretrained", "mnist_cnn", "1/0", "0/3", "a,b", "a,a", ",", "{}", "--", "-h"]
MAKING = {"demo", "pixabay"}  # of prepare.py: they draw or download photos, which no other line does
COMMANDS = {
    "train": train.main,
    "evaluate": evaluate.main,
    "predict": predict.main,
    "check": check.main,
    "export": export.main,
    "augment_preview": augment_preview.main,
    "prepare": prepare.main,
}


class _Found(Exception):
    """Carries a command's parser out of it."""


def parser_of(main):
    """The parser that a command makes."""

    def stop(parser, *_):
        raise _Found(parser)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(sys, "argv", ["command"])
        with pytest.raises(_Found) as found:
            main()
    return found.value.args[0]


def lines_of(parser: argparse.ArgumentParser) -> st.SearchStrategy[list[str]]:
    """Command lines of a parser; if it has sub-commands, of one of them."""
    commands = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if commands:
        choices = [(name, each) for name, each in commands[0].choices.items() if name not in MAKING]
        return st.one_of(*(lines_of(each).map(lambda rest, name=name: [name, *rest]) for name, each in choices))
    options = [each for each in parser._actions if each.option_strings]
    some = st.lists(st.sampled_from(options).flatmap(words_of), max_size=6)
    line = some.map(lambda parts: [word for part in parts for word in part])
    # Always a place: without one, train.py draws photos and trains on them.
    return st.tuples(st.lists(st.sampled_from(PATHS), min_size=1, max_size=2), line).map(lambda both: both[0] + both[1])


def words_of(action: argparse.Action) -> st.SearchStrategy[list[str]]:
    """What may stand on a line for one option: its name, and none, one or several values, fitting or not."""
    values = [*NUMBERS, *PATHS, *WORDS, *map(str, action.choices or ())]
    name = [action.option_strings[-1]] if action.option_strings else []
    if action.nargs == 0:
        return st.just(name)
    most = 3 if action.nargs in ("*", "+") or isinstance(action.nargs, int) else 1
    return st.lists(st.sampled_from(values), max_size=most).map(lambda drawn: name + drawn)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A working folder in which there is nothing to train on."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "empty").mkdir()
    (folder / "a.txt").write_text("no photo")
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_every_line_ends_with_a_status_and_one_line(name, place, monkeypatch, capfd):
    parser = parser_of(COMMANDS[name])
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "stdin", None)
    before = sorted(path.relative_to(place) for path in place.rglob("*"))

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(lines_of(parser))
    def run(line):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [f"{name}.py", *line])
            status = 0
            try:
                terminal.run(COMMANDS[name])
            except SystemExit as ended:
                status = ended.code or 0
        said = capfd.readouterr().err
        assert status in {0, 1, 2}, (line, said)
        assert "Traceback" not in said, (line, said)
        if status == 2:
            assert f"{name}.py: error: " in said or f"{name}.py {line[0]}: error: " in said, (line, said)
            assert len(said) < 5_000, line

    run()
    assert sorted(path.relative_to(place) for path in place.rglob("*")) == before

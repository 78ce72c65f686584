"""benchmarks/large_folders.py in its smallest form: it runs and prints its table."""

import re

import pytest

COMMANDS = ("--commands", "train", "evaluate", "--photos", "40", "--classes", "2")


@pytest.mark.slow
def test_smallest_run(smallest_run):
    done = smallest_run("large_folders")
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["20", "40"]
    assert all(re.fullmatch(r"\| \d+ \| \d+\.\d\d \| \d+ \| \d+ \|", row) for row in rows)


@pytest.mark.slow
def test_smallest_commands(smallest_run):
    """Train on photos whose features are made up, and score others: both find all features in the cache folder."""
    done = smallest_run("large_folders", *COMMANDS)
    assert done.returncode == 0, done.stderr
    train, evaluate = done.stdout.splitlines()[2:]
    assert re.fullmatch(r"\| `train.py known --run head` \| \d+ \| \d+ \| \d+ \| \d+ \|", train)
    assert re.fullmatch(r"\| `evaluate.py new --weights runs/head --output \w+` \|  \| \d+ \| \d+ \| \d+ \|", evaluate)

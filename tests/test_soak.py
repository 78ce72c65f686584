"""tests/soak.py: it finds what grows, calls flat what is flat, and one short round of it shows all commands working."""

import subprocess
import sys

import numpy as np
import pytest

from tests import soak
from tests.conftest import ROOT

ROUNDS = 100


def readings(**changed):
    """What was read in `ROUNDS` rounds of a program that loses nothing, but for what the test adds in each round."""
    rng = np.random.default_rng(0)
    warming = 150 * (1 - np.exp(-np.arange(ROUNDS) / 6))
    series = {
        "memory": 700 + warming + rng.normal(0, 6, ROUNDS),
        "memory of the server": 170 + rng.normal(0, 1, ROUNDS),
        "threads": np.full(ROUNDS, 12.0) + (np.arange(ROUNDS) % 4 == 3),
        "files": np.full(ROUNDS, 14.0),
        "left": (np.arange(ROUNDS) > 3).astype(float),  # made in the fourth round, and not again
        "cached": 5 + np.arange(ROUNDS) % 8.0,  # shards that are merged now and then
    }
    for name, a_round in changed.items():
        series[name.replace("_", " ")] += a_round * np.arange(ROUNDS)
    return [{name: float(values[number]) for name, values in series.items()} for number in range(ROUNDS)]


def test_what_is_flat_is_called_flat():
    assert soak.growing(readings()) == []
    assert "GROWS" not in soak.describe(readings())


@pytest.mark.parametrize(
    ("name", "a_round"),
    [("memory", 0.5), ("memory_of_the_server", 0.4), ("files", 0.05), ("threads", 0.05), ("left", 0.05), ("cached", 1)],
)
def test_a_little_lost_in_each_round_is_found(name, a_round):
    found = readings(**{name: a_round})
    assert soak.growing(found) == [name.replace("_", " ")]
    assert soak.describe(found).count("GROWS") == 1


def test_one_high_value_at_the_end_is_no_growth():
    found = readings()
    found[-1]["memory"] += 500
    assert soak.growing(found) == []


def test_too_few_rounds_judge_nothing():
    assert soak.growing(readings(files=1)[:4]) == []


@pytest.mark.slow
def test_one_round_in_one_process():
    command = [sys.executable, str(ROOT / "tests/soak.py"), "--rounds", "1", "--load", "100", "--only", "one"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "1 rounds" in done.stdout


@pytest.mark.nightly
def test_two_hours():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/soak.py"), "--hours", "2"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""Files of every kind that a stranger may have made are damaged: each is read, or ends in one line of a UserError."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.fuzz_kinds import KINDS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the limits on memory are those of POSIX")
# Cases of kinds that take 10 to 30 ms each.
SLOW = (
    "settings.json",
    "metrics.json",
    "summary.json",
    "history.csv",
    "classes.json",
    "export.json",
    "photos",
    "requests",
)
CASES = dict.fromkeys(SLOW, 100) | {"models": 30}  # whose Keras takes seconds to start


def damage(kind, cases, timeout=None):
    command = [sys.executable, ROOT / "tests/fuzz_files.py", kind, "--cases", str(cases)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = {outcome: int(count) for count, outcome in map(str.split, done.stdout.splitlines())}
    assert outcomes.keys() <= {"loads", "UserError"}
    assert sum(outcomes.values()) == cases


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_give_one_line(kind):
    damage(kind, CASES.get(kind, 1_000), timeout=300)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_thousand_of_each(kind):
    damage(kind, 20_000)

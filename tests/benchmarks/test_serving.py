"""benchmarks/serving.py in its smallest form: all contenders give the same answers, and it prints its table."""

import re

import pytest


@pytest.mark.slow
def test_smallest_run(smallest_run):
    done = smallest_run("serving")
    assert done.returncode == 0, done.stderr
    assert "1 rounds of 4 photos" in done.stdout
    rows = re.findall(r"^\| (classifier|server), .* \| \d+ \[.*\] \| \d+\.\d\d \|", done.stdout, re.MULTILINE)
    assert rows == ["classifier"] * 2 + ["server"] * 4

"""benchmarks/large_folders.py in its smallest form: it runs and prints its table."""

import re

import pytest


@pytest.mark.slow
def test_smallest_run(smallest_run):
    done = smallest_run("large_folders")
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["20", "40"]
    assert all(re.fullmatch(r"\| \d+ \| \d+\.\d\d \| \d+ \| \d+ \|", row) for row in rows)

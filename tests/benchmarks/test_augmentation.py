"""benchmarks/augmentation.py in its smallest form: it checks parity, runs and prints its tables."""

import re

import pytest


@pytest.mark.slow
def test_smallest_run(smallest_run):
    done = smallest_run("augmentation")
    assert done.returncode == 0, done.stderr
    assert "Parity: unaugmented batches equal" in done.stdout
    assert [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("### ")] == [
        "### Tutorial 1's recipe",
        "### Tutorial 1's preview recipe",
        "### Tutorial 4's recipe",
        "### Where the time goes, ms an image, one thread unless it says otherwise",
    ]
    rates = re.findall(r"^\| \**ours.*?\| ([\d,]+) \[([\d,]+) to ([\d,]+)\] \| [\d.]+ \|$", done.stdout, re.MULTILINE)
    assert len(rates) == 7
    assert all(rate == low == high for rate, low, high in rates)

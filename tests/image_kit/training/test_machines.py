"""Two real processes that train together over loopback: as one process does, up to rounding, and never for ever."""

import csv
import re
import shlex
import signal
import time
from pathlib import Path

import pytest

from tests.fixtures.machines import start_two

ROOT = Path(__file__).resolve().parents[3]
# Three programs would be too slow to start again and again: one test tells the whole story.
OPTIONS = (
    "photos",
    "--preset",
    "elephants_cars",
    "--model",
    "one_conv",
    "--image-size",
    16,
    "--batch-size",
    7,
    "--optimizer",
    "rmsprop",
)
OPTIONS += ("--learning-rate", 1e-4, "--class-weights", "balanced", "--precision", "float32", "--epochs", 200)
# train.py, and a line on stdout that says which weights this machine ended with.
TELLING = f"""
import hashlib, sys
sys.path.insert(0, {str(ROOT)!r})
import train
from image_kit import terminal
from image_kit.compute import native_stderr_held_back
with native_stderr_held_back():
    from image_kit.training.run import Run
finish = Run.finish
def tell(run):
    scores = finish(run)
    weights = b"".join(weights.tobytes() for weights in run.model.get_weights())
    print("ended with", hashlib.sha256(weights).hexdigest())
    return scores
Run.finish = tell
terminal.run(train.main)
"""


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = [{key: float(value) for key, value in row.items() if value is not None} for row in csv.DictReader(file)]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def wait_for_rows(path, count, processes):
    deadline = time.monotonic() + 240
    while not (path.exists() and len(rows_of(path)) >= count):
        assert all(process.poll() is None for process in processes), [process.communicate() for process in processes]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_two_machines_train_as_one_and_outlive_the_loss_of_one(tmp_path, start, run_command, coloured_photos):
    coloured_photos(tmp_path / "photos", {"train/cats": 9, "train/dogs": 6, "val/cats": 4, "val/dogs": 3})
    history = tmp_path / "runs/cut/history.csv"
    chief, other = start_two(tmp_path, start, "train.py", *OPTIONS, "--run", "cut")
    wait_for_rows(history, 2, (chief, other))
    other.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    out, err = chief.communicate(timeout=90)
    assert time.monotonic() - killed < 60
    assert chief.returncode == 2
    assert out == ""
    done = len(rows_of(history))
    assert 2 <= done < 200
    *_, saved, error = err.splitlines()
    go_on = shlex.join(["python", str(ROOT / "train.py"), "--resume", "runs/cut"])
    assert saved == f"Epochs complete and saved: {done}. Go on with: {go_on} on every machine"
    assert error.startswith("train.py: error: another machine has stopped or cannot be reached, so this one stops too")
    assert "The batch of 7 is divided: 3 or 4 on each of 2 machines; learning rate unchanged: 0.0001." in err
    for chatter in ("E0000", "I0000", "W0000", "Traceback", "grpc"):
        assert chatter not in err
    assert other.communicate()[0] == ""

    (tmp_path / "telling.py").write_text(TELLING)
    before = {path.name for path in (tmp_path / "runs/cut").iterdir()}
    chief, other = start_two(tmp_path, start, tmp_path / "telling.py", "--resume", "runs/cut", "--epochs", done + 2)
    out, err = chief.communicate(timeout=240)
    others_out, others_err = other.communicate(timeout=60)
    assert (chief.returncode, other.returncode) == (0, 0), (err, others_err)
    told, _, weights = out.splitlines()
    assert weights == "weights: runs/cut/best.weights.h5"
    assert told.startswith("ended with ")
    assert others_out.splitlines() == [told]
    assert re.fullmatch(r"Machine 2 of 2: 127.0.0.1:\d+ prints and writes everything.\n", others_err)
    assert before < {path.name for path in (tmp_path / "runs/cut").iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "runs", "telling.py"}
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["cut"]

    options = [*OPTIONS[:-1], done + 2]
    alone = run_command(tmp_path, "train.py", *options, "--run", "alone")
    assert alone.returncode == 0, alone.stderr
    rows, wanted = rows_of(history), rows_of(tmp_path / "runs/alone/history.csv")
    assert len(rows) == len(wanted) == done + 2
    for ours, theirs in zip(rows, wanted, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


# A machine that is there, and takes for ever to read its images.
READING = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from image_kit.compute import cluster_from_environment, distribute
distribute("auto", cluster_from_environment())
time.sleep(600)
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_machine_that_waits_for_another(tmp_path, start, coloured_photos):
    coloured_photos(tmp_path / "photos", {"train/cats": 2, "train/dogs": 2, "val/cats": 1, "val/dogs": 1})
    (tmp_path / "reading.py").write_text(READING)
    chief, other = start_two(
        tmp_path,
        start,
        ("train.py", tmp_path / "reading.py"),
        "photos",
        "--preset",
        "elephants_cars",
        "--image-size",
        32,
    )
    try:
        for line in chief.stderr:
            if line.startswith("validation: "):  # the last before it meets the other
                break
        time.sleep(5)  # on a busy machine it may not wait yet; Ctrl-C must end it all the same
        chief.send_signal(signal.SIGINT)
        out, err = chief.communicate(timeout=120)
        assert (out, chief.returncode, err) in [("", -signal.SIGINT, ""), ("", 130, "Interrupted.\n")]
        assert other.poll() is None
    finally:
        chief.kill()
        other.kill()
        other.communicate()
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "reading.py"}

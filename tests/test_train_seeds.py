"""train.py --seeds: the same bytes as single runs, interrupted or not, and what is said at the end."""

import json
import re
import shutil
import signal
import sys
import time

import pytest

from image_kit.training import HeadRun
from tests.fixtures.heads import bytes_of

TINY = ("--preset", "elephants_cars", "--image-size", 32, "--batch-size", 16)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupted_in_the_second_seed_it_ends_with_the_bytes_of_single_runs(
    tmp_path, run_command, start, coloured_photos
):
    counts = {"train/cats": 12, "train/dogs": 12, "val/cats": 4, "val/dogs": 4, "test/cats": 4, "test/dogs": 4}
    coloured_photos(tmp_path / "p", counts)
    options = ("p", *TINY, "--epochs", 12)
    process = start(tmp_path, "train.py", *options, "--seeds", 3, "--seed", 6, "--run", "seeds")
    seeds = tmp_path / "runs/seeds"
    deadline = time.monotonic() + 120
    while not (seeds / "seed-7/last.weights.h5").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    # On a busy machine the second seed may be complete before the signal arrives.
    said = r"\nSeeds complete: [12] of 3\. Go on with: python .*train\.py'? --resume runs/seeds\nInterrupted\.\n"
    assert re.search(said + r"\Z", err), err
    assert not (seeds / "best.weights.h5").exists()
    kept = (seeds / "seed-6/metrics.json").stat().st_mtime_ns
    resumed = run_command(tmp_path, "train.py", "--resume", "runs/seeds")
    assert resumed.returncode == 0, resumed.stderr
    assert (seeds / "seed-6/metrics.json").stat().st_mtime_ns == kept
    tested, validated, weights = resumed.stdout.splitlines()
    assert re.match(r"test: \S+ % (with each of|on average over) 3 seeds", tested)
    assert re.match(r"validation: \S+ % (with each of|on average over) 3 seeds", validated)
    chosen = json.loads((seeds / "summary.json").read_text())["chosen"]
    report = (seeds / "report.html").read_text(encoding="utf-8")
    assert [f"</svg>seed {seed}</li>" in report for seed in (6, 7, 8)] == [True] * 3  # in the legend of the curves
    assert f"{chosen} (whose weights the folder has)" in report
    assert weights == f"weights: runs/seeds/best.weights.h5 (those of seed {chosen})"
    assert (seeds / "model.tflite").read_bytes() == (seeds / f"seed-{chosen}/model.tflite").read_bytes()
    single = run_command(tmp_path, "train.py", *options, "--seed", 8, "--run", "single")
    assert single.returncode == 0, single.stderr
    for name in ("best.weights.h5", "last.weights.h5", "model.tflite", "settings.json", "first_batch.png"):
        assert (tmp_path / "runs/single" / name).read_bytes() == (seeds / "seed-8" / name).read_bytes(), name


@pytest.fixture(scope="module")
def pets(tmp_path_factory, coloured_photos):
    folder = tmp_path_factory.mktemp("pets")
    coloured_photos(folder / "photos", {"cats": 8, "dogs": 8})
    return folder


def test_heads_of_several_seeds_are_those_of_single_runs_after_one_computation(pets, fit_here, monkeypatch):
    fit, fitted = HeadRun.fit, []

    def interrupted(run):
        fitted.append(run.recipe.seed)
        if fitted == [0, 1]:
            raise KeyboardInterrupt
        fit(run)

    monkeypatch.setattr(HeadRun, "fit", interrupted)
    status, out, err = fit_here(pets, "photos", "--seeds", 3)
    assert (status, out) == (130, "")
    assert err.count("features: ") == 1
    assert "Seeds complete: 1 of 3. Go on with: python train.py --resume runs/photos-1\n" in err
    status, out, err = fit_here(pets, "--resume", "runs/photos-1")
    assert status == 0, err
    assert fitted == [0, 1, 1, 2]
    assert out.splitlines()[0].startswith("cross-validation: 100.0 % with each of 3 seeds")
    assert out.splitlines()[-1] == "weights: runs/photos-1/best.weights.h5 (those of seed 0)"
    assert fit_here(pets, "photos", "--seed", 2, "--run", "single")[0] == 0
    assert bytes_of(pets / "runs/photos-1/seed-2") == bytes_of(pets / "runs/single")


@pytest.fixture
def whole(pets, fit_here):
    """The same folder with runs/whole, two seeds that are complete."""
    if not (pets / "runs/whole").exists():
        assert fit_here(pets, "photos", "--seeds", 2, "--run", "whole")[0] == 0
    return pets


def test_photos_that_changed_between_seeds_are_refused(whole, refused_here, photo):
    pets = whole
    shutil.copytree(pets / "runs/whole", pets / "runs/moved")
    (pets / "runs/moved/summary.json").unlink()
    (pets / "runs/moved/seed-1/metrics.json").unlink()
    photo(pets / "photos/cats/new.jpg", seed=5)
    refused_here(pets, "--resume: the photos have changed since runs/moved began; put", "--resume", "runs/moved")
    (pets / "photos/cats/new.jpg").unlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("photos", "--seeds", 1), "--seeds: must be at least 2, received 1"),
        (("photos", "--seeds", 3, "--features-only"), "--features-only: fits no head, so there are no --seeds"),
        (("--resume", "runs/whole", "--seeds", 3), "--resume: continues with the run's own settings"),
        (("--resume", "runs/whole", "--epochs", 3), "--epochs: the seeds of runs/whole are to train alike; leave it"),
        (("--resume", "runs/whole"), "--resume: runs/whole is complete; start a new run for other seeds"),
        (("photos", "--seeds", 2, "--run", "whole"), "--run: runs/whole exists and is never overwritten"),
    ],
)
def test_a_users_error_is_one_line(whole, refused_here, arguments, message):
    refused_here(whole, message, *arguments)


def test_several_machines_train_no_seeds(pets, refused_here, monkeypatch):
    cluster = {"cluster": {"worker": ["127.0.0.1:9", "127.0.0.1:10"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    refused_here(pets, "TF_CONFIG: several machines train one run together", "photos", "--seeds", 2)

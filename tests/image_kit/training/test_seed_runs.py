"""Runs of several seeds: which they are, which are left to do, and what they say together."""

import json
from dataclasses import replace

import pytest

from image_kit.errors import UserError
from image_kit.training.run_folder import RunFolder
from image_kit.training.seed_runs import SeedRuns, SeedScores
from image_kit.training.settings import Settings
from image_kit.weights import BEST, find_weights
from presets import PRESETS

SETTINGS = Settings("mnist_cnn", replace(PRESETS["mnist_cnn"], seed=3))


@pytest.fixture
def seeds(tmp_path, monkeypatch):
    """Three runs that are begun, in runs/three."""
    monkeypatch.chdir(tmp_path)
    runs = SeedRuns.plan(SETTINGS, 3)
    runs.open_run(runs.settings[0], lambda fill: RunFolder.create("three", "unused", fill))
    return runs


def finish(runs, seed, accuracy, loss=0.5, test=None):
    metrics = {"epochs": 1, "validation": {"accuracy": accuracy, "loss": loss}, "images": {"validation": 50}}
    scored = {"accuracy": test, "interval": [0, 1], "total": 20} if test is not None else None
    folder = runs.path / f"seed-{seed}"
    (folder / "metrics.json").write_text(json.dumps({**metrics, "test": scored, "minutes_of_training": 2}))
    (folder / BEST).write_text(f"weights of {seed}")


def test_the_runs_are_those_of_single_seeds(seeds):
    assert [path.name for path in sorted(seeds.path.iterdir())] == ["seed-3", "seed-4", "seed-5", "settings.json"]
    for seed in (3, 4, 5):
        settings = RunFolder.open(seeds.path / f"seed-{seed}").read_settings()
        assert settings.to_dict() == replace(SETTINGS, recipe=replace(SETTINGS.recipe, seed=seed)).to_dict()
    assert SeedRuns.is_at(seeds.path)
    assert not SeedRuns.is_at(seeds.path / "seed-3")
    assert not SeedRuns.is_at(seeds.path / "nothing")


def test_what_is_complete_is_left_as_it_is(seeds):
    finish(seeds, 4, 0.9)
    again = SeedRuns.open(seeds.path)
    assert [settings.recipe.seed for settings in again.unfinished()] == [3, 5]
    assert again.how_to_go_on() == "Seeds complete: 1 of 3. Go on with: python train.py --resume runs/three"
    assert SeedRuns.plan(SETTINGS, 3).how_to_go_on() == ""


def test_validation_chooses_the_weights_and_never_the_test(seeds):
    for seed, accuracy, loss, test in ((3, 0.8, 0.1, 1.0), (4, 0.9, 0.4, 0.7), (5, 0.9, 0.3, 0.6)):
        finish(seeds, seed, accuracy, loss, test)
    summary = seeds.summarize()
    assert (summary.seeds, summary.chosen, summary.minutes) == ((3, 4, 5), 5, 6)
    assert find_weights().read_text() == "weights of 5"
    assert find_weights(None, "mnist_cnn") == find_weights(seeds.path)
    written = json.loads((seeds.path / "summary.json").read_text())
    assert list(written["scores"]) == ["test", "validation"]
    assert written["scores"]["test"]["values"] == [1.0, 0.7, 0.6]
    assert written["scores"]["test"]["images"] == 20
    with pytest.raises(UserError, match="--resume: runs/three is complete; start a new run for other seeds or options"):
        SeedRuns.open(seeds.path)


def test_mean_spread_and_interval_by_hand():
    """Student's t with 2 degrees of freedom is 4.303; .1 / sqrt(3) is .0577."""
    scores = SeedScores.of([0.4, 0.5, 0.6], 100)
    assert (scores.mean, scores.standard_deviation) == pytest.approx((0.5, 0.1))
    assert scores.interval == pytest.approx((0.5 - 0.24844, 0.5 + 0.24844), abs=1e-4)
    assert scores.sentence() == (
        "50.0 % on average over 3 seeds, standard deviation 10.0 (95 % interval of the average 25.2 to 74.8)"
    )
    assert SeedScores.of([0.9, 1.0], 100).interval[1] == 1
    assert SeedScores.of([0.9, 0.9, 0.9], 100).sentence() == "90.0 % with each of 3 seeds"


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (1, "--seeds: must be at least 2, received 1; one seed is --seed"),
        (-3, "--seeds: must be at least 2, received -3"),
        (2**32 - 2, "--seeds: the last seed must be at most 4294967295; received 4294967296"),
    ],
)
def test_a_number_of_seeds_out_of_range_is_refused(count, message):
    with pytest.raises(UserError, match=message):
        SeedRuns.plan(SETTINGS, count)


def test_folders_that_changed_names_are_refused(seeds):
    (seeds.path / "seed-5").rename(seeds.path / "seed-7")
    with pytest.raises(UserError, match="runs/three has runs in folders of other seeds; give them their names back"):
        SeedRuns.open(seeds.path)
    (seeds.path / "seed-7/settings.json").write_text("{")
    with pytest.raises(UserError, match=r"runs/three/seed-7/settings\.json: damaged"):
        SeedRuns.open(seeds.path)

"""The list of runs: of each kind, unfinished, damaged and foreign ones."""

import json

import pytest

from image_kit.training import run_list
from image_kit.training.run_list import describe_runs, list_runs, tabulate_runs

SCORES = {"correct": 9, "total": 10, "accuracy": 0.9, "interval": [0.6, 0.98]}
VALIDATED = {"validation": {"accuracy": 0.8, "loss": 0.3}, "images": {"train": 50, "validation": 20}}
NETWORK = {"dataset": "cifar10", "model": "cifar10_small", "backbone": ""}
HEAD = {"dataset": "photos", "model": "pretrained", "backbone": "lite0"}


@pytest.fixture
def write_run(tmp_path):
    """Write runs/NAME with this recipe and these other JSON files; returns runs/."""

    def write(name, recipe, folder=None, size=0, **files):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        settings = {"name": "preset", "folder": folder, "recipe": recipe}
        for each, content in {"settings": settings, **files}.items():
            (run / f"{each}.json").write_text(json.dumps(content))
        if size:
            (run / "best.weights.h5").write_bytes(bytes(size))
        return run.parent

    return write


def test_each_kind_of_run_has_its_most_telling_score(write_run):
    write_run("tested", NETWORK, size=2_500_000, metrics={"test": SCORES, "minutes_of_training": 1.5, **VALIDATED})
    write_run("validated", NETWORK, metrics={"test": None, "minutes_of_training": 2, **VALIDATED})
    write_run("head", HEAD, "/far/pets", metrics={"test": None, "cross_validation": SCORES, "seconds": 30})
    tuning = {"held_back": 40, "frozen": 0.5, "fine_tuned": 0.7, "kept": "fine-tuned"}
    tuned = {"test": None, "cross_validation": SCORES, "fine_tuning": tuning, "seconds": 30}
    runs = write_run("tuned", HEAD | {"fine_tune": -1}, "/far/pets", metrics=tuned)
    found, problems = list_runs(runs)
    assert problems == []
    by_name = {run.run.rpartition("/")[2]: run for run in found}
    assert [(name, run.scored_on, run.accuracy, run.images, run.minutes) for name, run in by_name.items()] == [
        ("head", "cross-validation", 0.9, 10, 0.5),
        ("tested", "test", 0.9, 10, 1.5),
        ("validated", "validation", 0.8, 20, 2),
        ("tuned", "held back", 0.7, 40, 0.5),
    ]
    assert [(run.data, run.network) for run in (by_name["tested"], by_name["head"], by_name["tuned"])] == [
        *(("cifar10", "cifar10_small"), ("/far/pets", "lite0"), ("/far/pets", "lite0 fine-tuned"))
    ]
    assert (by_name["tested"].megabytes, by_name["head"].megabytes) == (2.5, None)
    assert by_name["validated"].interval == pytest.approx((0.584, 0.919), abs=1e-3)  # Wilson's of 16 of 20
    header, *lines = tabulate_runs(found).splitlines()
    assert header.split()[:4] == ["run", "data", "network", "accuracy"]
    assert len(lines) == 4
    assert json.loads(json.dumps([run.as_dict() for run in found]))[1]["interval"] == [0.6, 0.98]


def test_a_backbone_that_is_a_file_is_named_as_seen_from_here(write_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # settings.json has the whole path, so that a resume finds it from anywhere
    runs = write_run("head", HEAD | {"backbone": str(tmp_path / "nets/mine.keras")}, "/far/pets")
    assert [run.network for run in list_runs(runs)[0]] == ["nets/mine.keras"]


def test_seeds_are_one_entry_with_their_mean(write_run):
    scores = {"values": [0.8, 0.9], "images": 20, "mean": 0.85, "standard_deviation": 0.07, "interval": [0.2, 1]}
    summary = {"seeds": [3, 4], "chosen": 4, "minutes": 7, "scores": {"test": scores}}
    runs = write_run("five", NETWORK, summary=summary)
    write_run("five/seed-3", NETWORK)
    ((five,), problems) = list_runs(runs)
    assert problems == []
    assert (five.seeds, five.accuracy, five.scored_on, five.images, five.minutes) == (2, 0.85, "test", 20, 7)
    assert five.interval == pytest.approx((0.640, 0.948), abs=1e-3)  # of 17 of 20, as of other runs; not of the mean


def test_the_interval_of_seeds_is_that_of_a_run(write_run):
    """Photos in groups, and heads that are asked in folds, leave a wider one than Wilson's of as many images."""
    heads = {"cross_validation": SCORES, "test": None, "seconds": 30}
    wider = heads | {"cross_validation": SCORES | {"interval": [0.5, 1]}}
    scores = {"values": [0.9, 0.9], "images": 10, "mean": 0.9, "standard_deviation": 0, "interval": [0, 1]}
    summary = {"seeds": [0, 1], "chosen": 0, "minutes": 7, "scores": {"cross-validation": scores}}
    write_run("two", HEAD, "/far/pets", summary=summary)
    write_run("two/seed-0", HEAD, "/far/pets", metrics=heads)
    ((two,), problems) = list_runs(write_run("two/seed-1", HEAD, "/far/pets", metrics=wider).parent)
    assert problems == []
    assert two.interval == pytest.approx((0.55, 0.99))


def test_unfinished_runs_come_last(write_run):
    write_run("begun", NETWORK)
    runs = write_run("done", NETWORK, metrics={"test": SCORES, "minutes_of_training": 1, **VALIDATED})
    found, _ = list_runs(runs)
    assert [(run.run.rpartition("/")[2], run.accuracy) for run in found] == [("done", 0.9), ("begun", None)]
    assert "unfinished" in tabulate_runs(found).splitlines()[-1]


def test_broken_and_foreign_folders_are_named_and_passed_over(write_run):
    runs = write_run("good", NETWORK, metrics={"test": SCORES, "minutes_of_training": 1, **VALIDATED})
    (runs / "holiday").mkdir()
    (runs / "notes.txt").write_text("mine")
    (runs / ".tmp-1.good").mkdir()
    for name, text in {"cut": '{"name": "a"', "list": "[]", "poor": '{"name": "a"}', "bytes": "\xff"}.items():
        (runs / name).mkdir()
        (runs / name / "settings.json").write_text(text, encoding="latin-1")
    write_run("odd", NETWORK, metrics={"test": {"accuracy": "high"}})
    found, problems = list_runs(runs)
    assert [run.run.rpartition("/")[2] for run in found] == ["good"]
    assert [problem.partition(": ")[0].rpartition("/")[2] for problem in problems] == [
        *("bytes", "cut", "holiday", "list", "odd", "poor")
    ]
    assert all(problem.count("\n") == 0 for problem in problems)
    assert problems[2].endswith("holiday: passed over, it is not a run folder (no settings.json)")


def test_no_folder_is_no_run(tmp_path):
    assert run_list.list_runs(tmp_path / "runs") == ([], [])


def test_many_folders_that_are_no_runs_are_a_few_lines(tmp_path, capsys):
    for number in range(40):
        (tmp_path / f"e{number:02}").mkdir()
    assert describe_runs(tmp_path, as_json=False) == ""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert lines[3] == f"37 more folders in {tmp_path}/ are passed over too"

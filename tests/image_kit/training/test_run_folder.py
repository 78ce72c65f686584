import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from image_kit.errors import UserError
from image_kit.recipe import DESCRIPTIVE, Augmentation, Recipe
from image_kit.training.run_folder import RunFolder, WorkerRunFolder
from image_kit.training.run_list import list_runs
from image_kit.training.seed_runs import SeedRuns
from image_kit.training.settings import Settings
from image_kit.weights.newest import BEST, find_weights
from presets import PRESETS


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new_run(name, finished=None, weights=0, preset="mnist_cnn"):
    """A run with best weights written at second `weights`, and finished at second `finished` if that is given."""
    run = RunFolder.create(name, "unused")
    run.write_settings(Settings(preset, PRESETS[preset]))
    run.file(BEST).touch()
    os.utime(run.file(BEST), (weights, weights))
    if finished is not None:
        run.file("metrics.json").touch()
        os.utime(run.file("metrics.json"), (finished, finished))
    return run


def test_runs_are_numbered_and_a_name_is_taken_once():
    assert [RunFolder.create(None, "a").path.name for _ in range(3)] == ["a-1", "a-2", "a-3"]
    RunFolder.create("mine", "a")
    with pytest.raises(UserError, match="runs/mine exists and is never overwritten"):
        RunFolder.create("mine", "a")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp/x", ".hidden"])
def test_a_name_that_is_a_path_is_refused(name):
    with pytest.raises(UserError, match="--run: must be a plain name"):
        RunFolder.create(name, "a")


def without_description(recipe):
    """The recipe as a run records it."""
    blank = Recipe()
    return replace(recipe, **{name: getattr(blank, name) for name in DESCRIPTIVE})


def test_settings_of_the_version_before_plain_keras_are_read():
    run = RunFolder.create("a", "a")
    run.write_settings(Settings("cifar10", PRESETS["cifar10"]))
    values = json.loads(run.file("settings.json").read_text())
    assert values["recipe"].pop("plain_keras") is False
    run.file("settings.json").write_text(json.dumps(values))
    assert run.read_settings() == Settings("cifar10", without_description(PRESETS["cifar10"]))


@pytest.mark.parametrize("name", PRESETS)
def test_settings_come_back_as_they_were(name):
    preset = replace(
        PRESETS[name], epochs=3, image_size=(40, 50), augmentation=Augmentation(brightness_range=(0.5, 1.5), cval=3.0)
    )
    run = RunFolder.create("a", "a")
    settings = Settings(name, without_description(preset), folder="x", tensorboard=True)
    run.write_settings(replace(settings, recipe=preset))
    assert RunFolder.open(run.path).read_settings() == settings


def test_a_worker_writes_nothing(folder):
    chief = RunFolder.create("a", "a")
    chief.write_settings(Settings("mnist_cnn", PRESETS["mnist_cnn"]))
    text, before = chief.file("settings.json").read_text(), sorted(folder.rglob("*"))
    run = WorkerRunFolder(chief.path)
    run.write_settings(Settings("other", PRESETS["one_conv"]))
    run.write_environment(device="CPU")
    run.append_history({"epoch": 1, "loss": 2.0})
    assert run.history == [{"epoch": 1, "loss": 2.0}]
    assert run.read_settings(text) == chief.read_settings()
    assert run.read_settings(chief.read_settings().to_text()) == chief.read_settings()
    assert chief.file("settings.json").read_text() == text
    assert sorted(folder.rglob("*")) == before


def test_settings_of_photos_without_a_folder_are_damaged():
    run = RunFolder.create("a", "a")
    run.write_settings(Settings("photos", PRESETS["pretrained"]))
    with pytest.raises(UserError, match=r"settings\.json: damaged \(it names no folder of photos\)"):
        RunFolder.open(run.path).read_settings()


def test_settings_that_an_editor_has_saved_in_another_encoding():
    run = RunFolder.create("a", "a")
    settings = Settings("K\xf6ln", without_description(PRESETS["pretrained"]), folder="K\xf6ln")
    run.write_settings(settings)
    text = run.file("settings.json").read_text(encoding="utf-8")
    run.file("settings.json").write_text(text, encoding="utf-8-sig")
    assert run.read_settings() == settings
    run.file("settings.json").write_text(text, encoding="cp1252")
    with pytest.raises(UserError, match=r"settings\.json: damaged \(it is not UTF-8; an editor may"):
        run.read_settings()


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"name": "x", "recipe": {"model": 1}}'])
def test_damaged_settings_are_a_user_error(damage):
    run = RunFolder.create("a", "a")
    run.file("settings.json").write_text(damage)
    with pytest.raises(UserError, match=r"settings\.json: damaged"):
        RunFolder.open(run.path).read_settings()


def epoch(number):
    """What a training writes after an epoch."""
    scores = {"loss": 1 / number, "accuracy": 0.5, "val_loss": 2 / number, "val_accuracy": 0.25}
    return {"epoch": number, **scores, "seconds": 2.0}


@pytest.mark.parametrize("column", ["seconds", "val_loss"])
def test_a_history_without_a_column_is_damaged(column):
    run = RunFolder.create("a", "a")
    run.write_settings(Settings("mnist_cnn", PRESETS["mnist_cnn"]))
    run.append_history(epoch(1))
    text = run.file("history.csv").read_text()
    run.file("history.csv").write_text(text.replace(column, "drop"))
    with pytest.raises(UserError, match=rf"history\.csv: damaged \(no column {column}\); this run cannot be resumed"):
        RunFolder.open(run.path)


def test_a_history_that_an_editor_has_saved():
    run = RunFolder.create("a", "a")
    run.write_settings(Settings("mnist_cnn", PRESETS["mnist_cnn"]))
    run.append_history(epoch(1))
    text = run.file("history.csv").read_text()
    run.file("history.csv").write_text(text, encoding="utf-8-sig")
    assert RunFolder.open(run.path).history == [epoch(1)]
    run.file("history.csv").write_text(text, encoding="utf-16")
    with pytest.raises(UserError, match=r"history\.csv: damaged \(it is not UTF-8; an editor may have saved it in"):
        RunFolder.open(run.path)


def test_history_comes_back_and_a_row_cut_short_is_dropped():
    run = RunFolder.create("a", "a")
    run.write_settings(Settings("mnist_cnn", PRESETS["mnist_cnn"]))
    rows = [epoch(number) for number in (1, 2, 3)]
    for row in rows:
        run.append_history(row)
    assert RunFolder.open(run.path).history == rows
    text = run.file("history.csv").read_text()
    run.file("history.csv").write_text(text + "4,0.2")
    opened = RunFolder.open(run.path)
    assert opened.history == rows
    opened.cut_history(2)
    opened.append_history(rows[2])
    assert run.file("history.csv").read_bytes().decode() == text.replace("\n", "\r\n")
    opened.cut_history(0)
    assert not run.file("history.csv").exists()
    assert opened.history_columns() == {}


def test_the_newest_finished_run_answers():
    with pytest.raises(UserError, match="no trained run below runs/"):
        find_weights()
    half = new_run("half", weights=900)
    assert find_weights() == half.file(BEST)
    new_run("early_best", weights=10, finished=500)
    new_run("late_best", weights=400, finished=450, preset="cifar10")
    assert find_weights().parent.name == "early_best"
    assert find_weights(name="cifar10").parent.name == "late_best"
    with pytest.raises(UserError, match="no trained run of one_conv below runs/"):
        find_weights(name="one_conv")


@pytest.fixture
def locked(tmp_path):
    """Take all rights to a folder away; root may look into every folder, so a test as root goes on as nobody."""
    is_root = os.geteuid() == 0

    def lock(path):
        tmp_path.chmod(0o755)
        path.chmod(0)
        if is_root:
            os.seteuid(65534)

    yield lock
    if is_root:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other rights")
def test_a_run_that_may_not_be_looked_into_is_named(locked, capsys):
    """An older run answers instead, which nobody would notice."""
    new_run("older", weights=10, finished=500)
    locked(new_run("newer", weights=400, finished=900).path)
    assert find_weights().parent.name == "older"
    assert capsys.readouterr().err == "runs/newer: passed over, it cannot be read (Permission denied)\n"
    with pytest.raises(PermissionError, match=r"runs/newer/best\.weights\.h5"):
        find_weights(Path("runs/newer"))
    problem = list_runs(Path("runs"))[1][0]
    assert problem.startswith("runs/newer: passed over, it cannot be read (Permission denied; ")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other rights")
def test_runs_that_may_not_be_listed_are_not_taken_for_none(locked):
    run = new_run("one", weights=10, finished=500).path
    locked(run.parent)
    for ask in (find_weights, lambda: list_runs(Path("runs")), lambda: SeedRuns.is_at(Path("runs"))):
        with pytest.raises(PermissionError):
            ask()


def test_a_run_folder_means_its_best_weights(folder):
    run = new_run("a")
    assert find_weights(run.path) == run.file(BEST)
    assert find_weights(folder / "b.h5") == folder / "b.h5"


def test_the_environment_says_where_a_result_comes_from():
    run = RunFolder.create("a", "a")
    run.write_environment(device="CPU")
    facts = json.loads(run.file("environment.json").read_text())
    assert facts["device"] == "CPU"
    assert set(facts["versions"]) >= {"python", "tensorflow", "keras", "numpy"}


@pytest.mark.parametrize("cut", ["2,0.5,", "2,"])
def test_a_row_cut_behind_a_comma_is_dropped(cut):
    run = RunFolder.create("a", "a")
    run.write_settings(Settings("mnist_cnn", PRESETS["mnist_cnn"]))
    run.append_history(epoch(1))
    text = run.file("history.csv").read_text()
    run.file("history.csv").write_text(text + cut)
    assert RunFolder.open(run.path).history == [epoch(1)]
    run.file("history.csv").write_text(text + "2,many,1.0,.5,1.0,.5")
    with pytest.raises(UserError, match=r"history\.csv: damaged .*; this run cannot be resumed"):
        RunFolder.open(run.path)


def test_a_run_folder_that_is_gone_is_not_made_again_without_what_was_in_it():
    run = new_run("moved")
    run.append_history({"epoch": 1, "loss": 0.5})
    run.path.rename("elsewhere")
    with pytest.raises(UserError, match=r"runs/moved: was moved or removed .* --resume and its new place"):
        run.append_history({"epoch": 2, "loss": 0.4})
    with pytest.raises(UserError, match=r"runs/moved: was moved or removed"):  # a resumed run, before its first epoch
        run.write_environment()
    assert not run.path.exists()
    WorkerRunFolder(run.path).append_history({"epoch": 1, "loss": 0.5})  # has none

"""Two commands that start at the same moment in the same folders: both say how they ended, nothing is lost or mixed."""

import json
import shutil
import sys

import pytest

from tests.fixtures.results import compare, files_of, read_shard, refuse_half, results_of, temporary_ones
from tests.fixtures.scene import Scene
from tests.kill_anywhere import JOBS

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="start_new_session")]
ROUNDS = 20
# Waits for a line, and then is the command.
GATE = ("sh", "-c", 'read line; exec "$@"', "sh")
TRAIN = JOBS["head"].command
CHECK = ("check.py", "photos", "--output", "checked")
SPLIT = JOBS["split"].command
SHOW = JOBS["show"].command
RESUME = ("train.py", "--resume", "runs/a")
EVALUATE = ("evaluate.py", "new", "--weights", "runs/a")


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    scene.restore(None)
    return scene


def together(scene, *commands):
    """Start commands at one moment; their exit statuses and what they said on stderr."""
    processes = [scene.start(command, *GATE) for command in commands]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert temporary_ones(scene.top) == []
    for path in files_of(scene.top):
        if path.parts[0] != "tmp":
            refuse_half(scene.top / path, [scene.base / "whole" / path])
    return [process.returncode for process in processes], said


def prepared(scene, *commands):
    """Run commands one after the other; the state after them."""
    for command in commands:
        status, said = scene.run(command)
        assert status in (0, 1), said
    return scene.keep("whole")


@pytest.mark.nightly
def test_trainings_of_one_name(scene):
    whole = prepared(scene, TRAIN)
    for _ in range(ROUNDS):
        scene.restore(None)
        statuses, said = together(scene, TRAIN, TRAIN)
        assert sorted(statuses) == [0, 2], said
        assert "exists and is never overwritten" in said[statuses.index(2)]
        compare(scene.top, whole, None)


@pytest.mark.nightly
def test_trainings_without_a_name(scene):
    prepared(scene, TRAIN[:2])
    for _ in range(ROUNDS):
        scene.restore(None)
        assert together(scene, TRAIN[:2], TRAIN[:2])[0] == [0, 0]
        for name in ("best.weights.h5", "model.tflite", "answers.csv"):
            one, other, alone = (
                (top / "runs" / run / name).read_bytes()
                for top, run in (
                    (scene.folder, "photos-1"),
                    (scene.folder, "photos-2"),
                    (scene.base / "whole/work", "photos-1"),
                )
            )
            assert one == other == alone


@pytest.mark.nightly
def test_two_that_resume_one_run(scene):
    whole = prepared(scene, TRAIN)
    for _ in range(ROUNDS):
        scene.restore(whole)
        for name in ("metrics.json", "best.weights.h5"):
            (scene.folder / "runs/a" / name).unlink()
        statuses, said = together(scene, RESUME, RESUME)
        assert 0 in statuses, said
        compare(scene.top, whole, None)


@pytest.mark.nightly
def test_a_training_and_an_evaluation(scene):
    prepared(scene, TRAIN, EVALUATE)
    first = scene.folder / "evaluations/new-1/predictions.csv"
    wanted = first.read_bytes()
    for _ in range(ROUNDS):
        scene.restore(scene.base / "whole")
        other = (*TRAIN[:-1], "b")
        assert together(scene, other, EVALUATE)[0] == [0, 0]
        assert (scene.folder / "evaluations/new-2/predictions.csv").read_bytes() == first.read_bytes() == wanted
        networks = [(scene.folder / "runs" / run / "best.weights.h5").read_bytes() for run in ("a", "b")]
        assert networks[0] == networks[1]


@pytest.mark.nightly
@pytest.mark.parametrize("to", ["tflite", "onnx"])
def test_exports_to_one_file(scene, to):
    whole = prepared(scene, TRAIN, ("export.py", "--to", to))
    for _ in range(ROUNDS):
        scene.restore(whole)
        shutil.rmtree(scene.folder / "runs/a/exports")
        statuses, said = together(scene, ("export.py", "--to", to), ("export.py", "--to", to))
        assert 0 in statuses, said
        assert set(statuses) <= {0, 2}, said
        found, wanted = results_of(scene.top, None), results_of(whole, None)
        assert found == wanted


@pytest.mark.nightly
def test_exports_of_two_formats_into_one_folder(scene):
    commands = ("export.py", "--to", "tflite"), ("export.py", "--to", "tflite-int8")
    whole = prepared(scene, TRAIN, *commands)
    for _ in range(ROUNDS):
        scene.restore(whole)
        shutil.rmtree(scene.folder / "runs/a/exports")
        assert together(scene, *commands)[0] == [0, 0]
        record = json.loads((scene.folder / "runs/a/exports/export.json").read_text())
        assert len(record["exports"]) == 2


@pytest.mark.nightly
def test_checks_with_one_output(scene):
    whole = prepared(scene, CHECK)
    for _ in range(ROUNDS):
        scene.restore(None)
        statuses, said = together(scene, CHECK, CHECK)
        assert statuses == [1, 1], said
        tables = [(scene.folder / name / "findings.csv").read_bytes() for name in ("checked", "checked-1")]
        assert tables[0] == tables[1] == (whole / "work/checked/findings.csv").read_bytes()


@pytest.mark.parametrize("number", [pytest.param(1, id="1"), pytest.param(ROUNDS, marks=pytest.mark.nightly, id="20")])
def test_splits_into_one_folder(scene, number):
    whole = prepared(scene, SPLIT)
    for _ in range(number):
        scene.restore(None)
        statuses, said = together(scene, SPLIT, SPLIT)
        assert statuses == [0, 0], said
        compare(scene.top, whole, None)


@pytest.mark.nightly
def test_features_of_the_same_photos(scene):
    whole = prepared(scene, JOBS["features"].command)
    rows = results_of(whole, None)["features"]
    assert len(rows) == 24
    for _ in range(ROUNDS):
        scene.restore(None)
        assert together(scene, *[JOBS["features"].command] * 2)[0] == [0, 0]
        found = {}
        for path in scene.top.rglob("*.features"):
            found |= read_shard(path)
        assert found == rows


@pytest.mark.nightly
def test_pictures_of_answers(scene):
    whole = prepared(scene, TRAIN, SHOW)
    picture = (whole / "work/predictions/answers-1.png").read_bytes()
    for _ in range(ROUNDS):
        scene.restore(whole)
        assert together(scene, SHOW, SHOW)[0] == [0, 0]
        assert [path.name for path in sorted((scene.folder / "predictions").iterdir())] == [
            "answers-1.png",
            "answers-2.png",
            "answers-3.png",
        ]
        assert {path.read_bytes() for path in (scene.folder / "predictions").iterdir()} == {picture}

"""evaluate.py --compare and --list, run as a user runs them."""

import csv
import json
import shutil
import sys

import pytest

import evaluate
from image_kit import terminal
from tests.conftest import ROOT, finish, start_process
from tests.fixtures.head_runs import fit_head_run


@pytest.fixture(scope="module")
def pets(tmp_path_factory, coloured_photos):
    """A folder with runs/a, and runs/b, which takes dogs for cats; and new/, which b has seen six photos of."""
    folder = tmp_path_factory.mktemp("pets")
    coloured_photos(folder / "photos", {"cats": 12, "dogs": 9})
    coloured_photos(folder / "coloured", {"cats": 7, "dogs": 8}, seed=1)
    for name, taken_for in (("cats", "dogs"), ("dogs", "cats")):
        shutil.copytree(folder / "coloured" / name, folder / "swapped" / taken_for)
    coloured_photos(folder / "rodents", {"cats": 6, "rats": 6}, seed=3)
    coloured_photos(folder / "new", {"cats": 20, "dogs": 20}, seed=2)
    for name in ("cats", "dogs"):
        for number in range(3):
            shutil.copy(folder / f"coloured/{name}/{number:03}.jpg", folder / f"new/{name}/seen{number}.jpg")
    (folder / "new/dogs/broken.jpg").write_bytes(b"no photo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, photos in (("a", "photos"), ("b", "swapped"), ("rats", "rodents")):
            run = fit_head_run(folder / photos, name)
            run.folder.write_settings(run.settings)
    return folder


@pytest.fixture
def evaluate_here(monkeypatch, capsys):
    """`evaluate_here(folder, ...)` runs evaluate.py in this process; returns its exit status, stdout and stderr."""

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
        status = 0
        try:
            terminal.run(evaluate.main)
        except SystemExit as ended:
            status = ended.code
        return status, *capsys.readouterr()

    return run


def test_two_heads_answer_the_same_unseen_photos_without_tensorflow(pets):
    command = ("evaluate.py", "new", "--compare", "runs/a", "runs/b", "--output", "compared")
    script, *options = command
    process = finish(start_process(sys.executable, "-X", "importtime", ROOT / script, *options, folder=pets), 60)
    assert process.returncode == 0, process.stderr
    imported = {line.rpartition("|")[2].strip() for line in process.stderr.splitlines() if line.startswith("import ti")}
    assert not {"tensorflow", "keras", "scipy.stats"} & imported
    header, a, b, blank, sentence = process.stdout.splitlines()
    assert (header.split()[:3], a.split()[:3], b.split()[:3], blank) == (
        *(["run", "correct", "photos"], ["runs/a", "40", "40"], ["runs/b", "0", "40"], ""),
    )
    assert sentence == (
        "runs/a is right on 40 more of 40 photos than runs/b (100.0 points, 95 % interval 86.0 to 100.0); that is "
        "unlikely to be chance (p < .001)."
    )
    said = process.stderr
    assert said.count("6 photos left out: one of the runs was trained or validated on them") == 1
    assert said.count("1 unreadable photos left out") == 1
    assert said.count("scoring the photos of new") == 1
    assert "Photos that got different answers: 40, listed in compared/differences.csv" in said
    with open(pets / "compared/differences.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert {(row["label"], row["runs/a"], row["runs/b"]) for row in rows} == {
        *(("cats", "cats", "dogs"), ("dogs", "dogs", "cats"))
    }
    assert {path.name for path in (pets / "compared").iterdir()} == {
        *("comparison.json", "differences.csv", "report.html")
    }
    report = (pets / "compared/report.html").read_text(encoding="utf-8")
    assert "40 photos with different answers" in report
    assert report.count("data:image/jpeg") == 40
    result = json.loads((pets / "compared/comparison.json").read_text())
    assert (result["total"], result["seen_in_training"], result["differing"]) == (40, 6, 40)
    assert list(result["unreadable"]) == ["new/dogs/broken.jpg"]
    assert result["pairs"][0]["difference"] == -1
    assert result["overall"] is None


def test_a_network_and_heads_are_compared_as_json(trained, pets, run_command):
    folder, _ = trained
    runs = (folder / "runs/first", pets / "runs/a", pets / "runs/b")
    process = run_command(pets, "evaluate.py", "new", "--compare", *runs, "--json")
    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout)
    assert [each["run"] for each in result["runs"]] == [str(run) for run in runs]
    first, a, b = (each["correct"] for each in result["runs"])
    assert (first > 30, a, b) == (True, 40, 0)
    assert result["overall"]["p"] < 0.001
    assert [(pair["only_first"], pair["only_second"]) for pair in result["pairs"]] == [
        *((0, 40 - first), (first, 0), (40, 0))
    ]
    assert json.loads((pets / "evaluations/new-compared-1/comparison.json").read_text()) == result


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("new", "--compare", "runs/a"), "--compare: needs two or more different runs, received runs/a"),
        (("new", "--compare", "runs/a", "runs/a/"), "--compare: needs two or more different runs"),
        (
            ("new", "--compare", "runs/a", "runs/rats"),
            "--compare: runs/rats knows the classes cats, rats, and runs/a knows cats, dogs; compare runs that know",
        ),
        (("new", "--compare", "runs/a", "runs/none"), "runs/none: no such weights file"),
        (("new", "--compare", "runs/a", "runs/b", "--weights", "runs/a"), "--weights: names one run, and --compare"),
        (("--compare", "runs/a", "runs/b", "new"), "FOLDER|PRESET: is missing; give a folder of labelled photos befo"),
        ((), "FOLDER|PRESET: is missing; give a folder of labelled photos, or --list"),
        (("photos", "--compare", "runs/a", "runs/b"), "photos: no photo to score (0 unreadable, 21 seen in training)"),
    ],
)
def test_a_users_error_is_one_line(pets, evaluate_here, arguments, message):
    status, out, err = evaluate_here(pets, *arguments)
    assert (status, out) == (2, "")
    assert f"evaluate.py: error: {message}" in err.splitlines()[-1]
    assert err.count("error") == 1


def test_the_list_names_runs_and_passes_over_others(pets, evaluate_here):
    (pets / "runs/holiday").mkdir(exist_ok=True)
    status, out, err = evaluate_here(pets, "--list")
    assert status == 0
    assert err == "runs/holiday: passed over, it is not a run folder (no settings.json)\n"
    header, *lines = out.splitlines()
    assert header.split()[0] == "run"
    assert [line.split()[:2] for line in lines] == [
        *(["runs/a", "photos"], ["runs/b", "swapped"], ["runs/rats", "rodents"])
    ]
    assert "cross-validation" in lines[0]
    _, out, _ = evaluate_here(pets, "--list", "--json")
    assert [run["run"] for run in json.loads(out)] == ["runs/a", "runs/b", "runs/rats"]


def test_a_list_of_nothing_is_no_error(tmp_path, evaluate_here):
    said = "There is no run below runs/ yet; train one: python train.py\n"
    assert evaluate_here(tmp_path, "--list") == (0, "", said)
    assert evaluate_here(tmp_path, "--list", "--json") == (0, "[]\n", "")


def test_the_list_imports_no_tensorflow(pets):
    process = finish(start_process(sys.executable, "-X", "importtime", ROOT / "evaluate.py", "--list", folder=pets), 60)
    assert process.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in process.stderr.splitlines() if line.startswith("import ti")}
    assert not {"tensorflow", "keras", "scipy", "h5py", "ai_edge_litert", "cv2"} & imported

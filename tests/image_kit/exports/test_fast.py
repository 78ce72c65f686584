"""predict.py --fast: made once from the run's photos, kept beside it, and used only where its proof holds."""

import json
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from image_kit import cache_folder
from image_kit.answering import (
    FlatbufferClassifier,
    LiteClassifier,
    answer_photos,
    load_classifier,
    read,
    write_flatbuffer_model,
)
from image_kit.exports import Int8Proof, fast, load_fast_classifier
from image_kit.exports.fast import FAST
from image_kit.features import identify
from image_kit.photos import find_photos
from image_kit.training import Settings
from presets import PRESETS
from tests.fixtures.head_runs import CHANNELS, fit_head_run, tiny_backbone

ROOT = Path(__file__).resolve().parents[3]


def two_convolutions():
    """`tiny_backbone` with a second convolution, since the first one stays float32."""
    tiny = tiny_backbone()
    convolution, average = tiny.network
    rng = np.random.default_rng(1)
    second = [rng.normal(size=(3, 3, CHANNELS, CHANNELS)).astype(np.float32) / 10, np.ones(CHANNELS, np.float32)]
    network, weights = [convolution, convolution, average], [tiny.weights[0], second, []]
    return replace(tiny, network=network, weights=weights, identity=identify(network, weights))


@pytest.fixture(scope="module")
def made(tmp_path_factory, coloured_photos):
    """A run of a head on a tiny backbone, and its photos."""
    folder = tmp_path_factory.mktemp("fast")
    coloured_photos(folder / "photos", {"cats": 20, "dogs": 20})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fit_head_run(folder / "photos", "first", two_convolutions()).folder.write_settings(
            Settings("photos", PRESETS["pretrained"], folder=str(folder / "photos"))
        )
    return folder


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    """A copy of that run; returns its weights. The user's cache is empty."""
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, str(tmp_path / "cache"))
    shutil.copytree(made / "runs/first", tmp_path / "run")
    return tmp_path / "run/best.weights.h5"


def images_of(made, classifier):
    return np.stack([classifier.preprocessing.photo(path) for path in sorted((made / "photos").rglob("*.jpg"))])


def test_it_is_made_once_and_answers_as_float32_does(made, run, capfd):
    first, exact = load_fast_classifier(run), load_classifier(run)
    said = capfd.readouterr().err
    assert "made ready for --fast" in said
    assert "0 of 40 answers changed" in said
    before = run.with_name(FAST).stat().st_ino
    second = load_fast_classifier(run)
    assert isinstance(second, LiteClassifier)
    assert capfd.readouterr().err == ""
    assert run.with_name(FAST).stat().st_ino == before
    images = images_of(made, exact)
    for ours in (first, second, second.for_many()):
        probabilities, sets = ours.answers(images)
        expected, expected_sets = exact.answers(images)
        assert np.array_equal(probabilities.argmax(1), expected.argmax(1))
        assert np.abs(probabilities - expected).max() < 0.05
        assert not np.array_equal(probabilities, expected)
        assert [bool(each) for each in sets] == [bool(each) for each in expected_sets]  # who is refused
        assert np.array_equal(probabilities, second.answers(images)[0])
    proof = read(run.with_name(FAST)).notes["proof"]
    assert (proof["images"], proof["changed"], proof["form"]) == (40, 0, "int8-mixed")


def test_many_photos_are_answered_in_order(made, run):
    load_fast_classifier(run)
    fast = load_fast_classifier(run)
    assert isinstance(fast.for_many(), FlatbufferClassifier)
    sources = find_photos([str(made / "photos")])
    answers = [answer for answer, _ in answer_photos(fast, sources)]
    assert [answer.path for answer in answers] == [source.name for source in sources]
    expected = fast.probabilities(images_of(made, fast))
    assert [answer.label for answer in answers] == [fast.class_names[each] for each in expected.argmax(1)]


def test_a_damaged_file_is_made_again(run, capfd):
    load_fast_classifier(run)
    whole = run.with_name(FAST).read_bytes()
    for damaged in (whole[:1000], whole[:100] + b"x" + whole[101:], b""):
        run.with_name(FAST).write_bytes(damaged)
        capfd.readouterr()
        load_fast_classifier(run)
        assert "damaged" in capfd.readouterr().err
        assert run.with_name(FAST).read_bytes() == whole


@pytest.mark.parametrize("proof", [{"images": "many"}, {"accuracy": [1]}, {"changed": None}, {"other": 1}, "proof", []])
def test_a_file_with_a_forged_proof_is_made_again(run, capfd, proof):
    load_fast_classifier(run)
    path = run.with_name(FAST)
    model = read(path)
    forged = {"proof": model.notes["proof"] | proof if isinstance(proof, dict) else proof}
    network = path.read_bytes()[: json.loads(zipfile.ZipFile(path).read("origin.json"))["flatbuffer_bytes"]]
    described = model.description, model.head, model.trust
    write_flatbuffer_model(path, memoryview(network), described, run, forged)
    assert read(path).notes == forged
    capfd.readouterr()
    load_fast_classifier(run)
    assert f"{path}: has no proof; it is made again" in capfd.readouterr().err
    assert read(path).notes == model.notes


def test_a_file_of_other_weights_is_not_used(made, run, monkeypatch):
    load_fast_classifier(run)
    old = read(run.with_name(FAST)).weights_sha256
    with open(run, "ab") as file:  # HDF5 ignores what follows its end
        file.write(b"\0")
    load_fast_classifier(run)
    assert read(run.with_name(FAST)).weights_sha256 != old


def test_photos_that_are_gone(made, run, capfd):
    away = (made / "photos").rename(made / "moved")
    try:
        classifier = load_fast_classifier(run)
    finally:
        away.rename(made / "photos")
    assert np.array_equal(
        classifier.answers(images_of(made, classifier))[0], load_classifier(run).answers(images_of(made, classifier))[0]
    )
    *_, last = capfd.readouterr().err.splitlines()
    assert last.startswith("--fast: needs the run's photos at the first use")
    assert last.endswith("answers are as without --fast")
    assert not run.with_name(FAST).exists()


def test_photos_are_not_needed_again(made, run, capfd):
    load_fast_classifier(run)
    capfd.readouterr()
    away = (made / "photos").rename(made / "moved")
    try:
        load_fast_classifier(run)
    finally:
        away.rename(made / "photos")
    assert capfd.readouterr().err == ""


def test_weights_without_a_run_folder(run, tmp_path, capfd):
    alone = tmp_path / "alone/best.weights.h5"
    alone.parent.mkdir()
    shutil.copy(run, alone)
    load_fast_classifier(alone)
    load_fast_classifier(run.with_name("model.tflite"))
    no_settings, not_weights = capfd.readouterr().err.splitlines()
    assert no_settings.startswith(f"--fast: no settings.json beside {alone}")
    assert "is not a run's .weights.h5 file" in not_weights


def test_a_run_folder_that_cannot_be_written(run, monkeypatch, capfd):
    run.with_name(FAST).mkdir()  # as root writes everywhere, a folder is in the way of the file
    (run.with_name(FAST) / "full").touch()
    load_fast_classifier(run)
    capfd.readouterr()
    assert isinstance(load_fast_classifier(run), LiteClassifier)
    assert capfd.readouterr().err == ""
    assert len(list(cache_folder.folder().glob("*.tflite"))) == 1


def test_two_processes_at_once(run):
    code = "import sys; from pathlib import Path; from image_kit.exports import load_fast_classifier as load; "
    command = [sys.executable, "-c", code + "load(Path(sys.argv[1]))", str(run)]
    with ThreadPoolExecutor(2) as both:
        done = list(
            both.map(lambda _: subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False), range(2))
        )
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    assert read(run.with_name(FAST)).notes["proof"]["changed"] == 0
    assert not list(run.parent.glob(".tmp*"))


@pytest.mark.parametrize(
    ("images", "lost", "changed", "known", "holds"),
    [
        (1000, 0, 0, 0, True),
        (1000, 5, 20, 20, True),
        (1000, 6, 6, 0, False),
        (1000, 0, 21, 0, False),
        (1000, 0, 0, 21, False),
        (30, 1, 1, 0, True),  # one of few tells nothing
        (30, 2, 2, 0, False),
    ],
)
def test_when_a_proof_holds(images, lost, changed, known, holds):
    proof = Int8Proof("int8", images, 0.9 - lost / images, 0.9, changed, known, 0.1)
    assert (fast._refusal(proof) is None) == holds


def test_a_proof_that_failed_is_told_and_not_repeated(run, monkeypatch, capfd):
    monkeypatch.setattr(fast, "_refusal", lambda proof: f"--fast: does not hold ({proof})")
    load_fast_classifier(run)
    before = run.with_name(FAST).stat().st_ino
    capfd.readouterr()
    load_fast_classifier(run)
    assert capfd.readouterr().err.startswith("--fast: does not hold (0 of 40 answers changed")
    assert run.with_name(FAST).stat().st_ino == before

"""export.py as a user runs it, on a real run of a small backbone."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import export
from image_kit import terminal
from image_kit.answering import load_classifier
from image_kit.training import Settings
from presets import PRESETS
from tests.conftest import ROOT, write_coloured_photos
from tests.fixtures.exported import write_source
from tests.fixtures.head_runs import fit_head_run

COMPANIONS = {"classes.json", "examples", "export.json"}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A folder with photos/ and runs/mine/."""
    folder = tmp_path_factory.mktemp("exported")
    write_coloured_photos(folder / "photos", {"cats": 20, "dogs": 20})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run = fit_head_run(folder / "photos", "mine")
        run.folder.write_settings(Settings("photos", PRESETS["pretrained"], folder=str(folder / "photos")))
    return folder


@pytest.fixture
def project(original, tmp_path, monkeypatch):
    """A copy of the run for a test to change, as the current folder."""
    shutil.copytree(original / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_export(monkeypatch, capsys):
    """`run_export(...)` runs export.py in this process; returns its exit status, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["export.py", *map(str, arguments)])
        status = 0
        try:
            terminal.run(export.main)
        except SystemExit as ended:
            status = ended.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def refused(run_export, project):
    """Expect exit status 2, one line of error that contains `message`, and no new file."""

    def run(message, *arguments):
        before = sorted(project.rglob("*"))
        status, out, err = run_export(*arguments)
        assert (status, out) == (2, "")
        assert err.splitlines()[-1].startswith("export.py: error: ")
        assert message in err.splitlines()[-1]
        assert err.count("error: ") == 1
        assert sorted(project.rglob("*")) == before

    return run


@pytest.fixture(scope="module")
def exported_once(original, tmp_path_factory, run_command):
    """A copy of the runs, of which one was exported as tflite and onnx."""
    folder = tmp_path_factory.mktemp("once")
    shutil.copytree(original / "runs", folder / "runs")
    done = run_command(folder, "export.py", "runs/mine", "--to", "tflite", "onnx")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture
def exported(exported_once, project):
    """The folder of a copy of these exports, for a test to change."""
    folder, out = exported_once
    for line, suffix in zip(out.splitlines(), (".tflite", ".onnx"), strict=True):
        assert line.startswith(f"runs/mine/exports/mine{suffix}: proven on 40 photos of ")
        assert "that it was trained or validated on: no answer changed, the largest difference" in line
    shutil.copytree(folder / "runs/mine/exports", project / "runs/mine/exports")
    return project / "runs/mine/exports"


def test_exports_are_described_and_their_proof_is_kept(exported):
    readers = {"reader_tflite.py", "reader_onnx.py"}
    assert {path.name for path in exported.iterdir()} == COMPANIONS | readers | {"mine.tflite", "mine.onnx"}
    told = json.loads((exported / "export.json").read_text())
    assert told["weights"] == "runs/mine/best.weights.h5"
    for name, entry in told["exports"].items():
        content = (exported / name).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert (entry["n"], entry["changed_answers"], entry["tolerance"]) == (40, 0, 1e-3)
        # LiteRT and onnxruntime sum the same products in another order.
        assert 0 <= entry["largest_difference"] < 1e-5
        assert entry["accuracy"] == entry["accuracy_of_run"] > 0.9
        assert all(entry["versions"].values())
    classes = json.loads((exported / "classes.json").read_text())
    assert classes["class_names"] == ["cats", "dogs"]
    assert classes["input"]["shape"] == ["n", 16, 16, 3]
    trust = load_classifier(exported.parent / "best.weights.h5").trust
    assert classes["temperature"] == trust.calibration.temperature


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_the_reader_answers_the_examples_as_predict_does(exported, tmp_path, name):
    reader = exported / f"reader_{name}.py"
    assert len(reader.read_text().splitlines()) <= 25
    examples = json.loads((exported / "classes.json").read_text())["examples"]
    files = [str(exported / each["file"]) for each in examples]
    command = [sys.executable, str(reader), str(exported / f"mine.{name}"), *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True)
    answers = [list(json.loads(line)["probabilities"].values()) for line in done.stdout.splitlines()]
    expected = [each["probabilities"] for each in examples]
    assert len(expected) == 3
    np.testing.assert_allclose(answers, expected, atol=1e-5)  # as in the proof
    classifier = load_classifier(exported.parent / "best.weights.h5")
    images = np.stack([classifier.preprocessing.photo(file) for file in files])
    np.testing.assert_allclose(expected, classifier.probabilities(images), atol=1e-6)


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_the_reader_names_samples_that_pillow_would_clip(exported, tmp_path, name):
    Image.fromarray(np.full((9, 9), 4_000, np.uint16)).save(tmp_path / "x-ray.png")
    command = [sys.executable, exported / f"reader_{name}.py", exported / f"mine.{name}", "x-ray.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("x-ray.png: more than 8 bits a sample; save it with 8")


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_the_reader_says_how_it_is_called(exported, tmp_path, name):
    command = [sys.executable, exported / f"reader_{name}.py", exported / f"mine.{name}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Ask about photos: python reader_{name}.py NAME.{name} photo.jpg ...; needs ")


def test_exports_are_not_replaced_without_force(exported, run_export, refused):
    before = (exported / "mine.onnx").read_bytes()
    (exported / "mine.onnx").write_bytes(b"the user's own")
    refused("runs/mine/exports/mine.onnx: exists; add --force to replace it", "runs/mine", "--to", "onnx")
    assert (exported / "mine.onnx").read_bytes() == b"the user's own"
    status, _, err = run_export("runs/mine", "--to", "onnx", "--force")
    assert status == 0, err
    assert (exported / "mine.onnx").read_bytes() == before  # equal runs end in equal files
    assert json.loads((exported / "export.json").read_text())["exports"].keys() == {"mine.tflite", "mine.onnx"}


def test_the_description_of_another_run_is_not_replaced_without_force(exported, project, refused):
    other = write_source(project, "softmax").path
    target = exported / "other.tflite"
    refused("contains a classes.json or examples of something else", other, "--to", "tflite", "--output", target)


def test_json_and_one_output(project, run_export):
    status, out, err = run_export("--to", "tflite", "--output", "app/x.tflite", "--json")
    assert status == 0, err
    (result,) = json.loads(out)
    assert (result["file"], result["format"], result["n"]) == ("app/x.tflite", "tflite", 40)
    assert Path("app/x.tflite").is_file()


def test_wrong_options_are_one_line(refused, project):
    refused("--to: is missing", "runs/mine")
    refused("--output: x names one export", "runs/mine", "--to", "tflite", "onnx", "--output", "x")
    refused("--data: nowhere is not a folder", "runs/mine", "--to", "tflite", "--data", "nowhere")
    (project / "empty").mkdir()
    refused("empty/best.weights.h5: no such weights file", "empty", "--to", "tflite")
    whole = (project / "runs/mine/best.weights.h5").read_bytes()
    (project / "empty/best.weights.h5").write_bytes(whole[: len(whole) // 2])
    refused("empty/best.weights.h5: cannot be read as HDF5", "empty", "--to", "tflite")


def test_the_table_names_all_figures_and_what_failed(project, run_export):
    source = write_source(project, "softmax", hidden="gelu")
    status, out, err = run_export("runs/mine", "--compare", "--to", "tflite", "onnx", "--json")
    assert status == 0, err
    rows = json.loads(out)["formats"]
    assert [row["format"] for row in rows] == ["tflite", "onnx"]
    for row in rows:
        assert row["bytes"] > 1_000
        assert row["cold_start_seconds"] > 0
        assert (row["n"], row["changed_answers"]) == (40, 0)
    assert not Path("runs/mine/exports").exists()
    status, out, err = run_export(source.path, "--compare", "--to", "tflite")
    assert out.splitlines()[-1].startswith("--to tflite: Dense with activation 'gelu' cannot be expressed")


def run_code(folder, code):
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120, check=False)


COMMAND = """
sys.argv = ["export.py", "runs/mine", "--to", *{formats}]
import export
from image_kit import terminal
terminal.run(export.main)
"""


def test_a_full_disk_leaves_nothing_behind(project):
    before = sorted(project.rglob("*"))
    full = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from image_kit.exports import exporting, read_source  # what the run itself writes to its cache is not the question
write = exporting.export
def write_on_a_full_disk(*arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
    return write(*arguments)
import image_kit.exports
image_kit.exports.export = write_on_a_full_disk
"""
    done = run_code(project, full + COMMAND.format(formats=["onnx"]))
    assert done.returncode == 2, done.stderr
    why = "File too large; raise the limit on the size of a file (ulimit -f), or use another disk"
    error = f"export.py: error: runs/mine/exports/mine.onnx: cannot be written ({why}); nothing of it was left behind"
    assert done.stderr.splitlines()[-1] == error
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    ("package", "name", "install"),
    [("onnxruntime", "onnx", '".[onnx]"'), ("onnx", "onnx", '".[onnx]"'), ("tensorflow", "saved_model", "tensorflow")],
)
def test_a_missing_package_is_one_line(project, package, name, install):
    missing = f"""
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""
    done = run_code(project, missing + COMMAND.format(formats=["tflite", name]))
    assert (done.returncode, done.stdout) == (2, "")
    needs = f"needs the package {package}, which is not installed; run: pip install {install}"
    assert done.stderr.splitlines() == [f"export.py: error: --to {name}: {needs}"]
    assert not (project / "runs/mine/exports").exists()


@pytest.mark.slow
def test_a_saved_model_answers_floats_and_jpegs(project, original, run_export):
    status, out, err = run_export("runs/mine", "--to", "saved_model")
    assert status == 0, err
    assert out.startswith("runs/mine/exports/mine-saved_model: proven on 40 photos of ")
    assert "jpeg, the signature for encoded photos, decodes and resizes with TensorFlow: on 40 photos" in err
    made = project / "runs/mine/exports/mine-saved_model"
    assert json.loads((made / "assets.extra/classes.json").read_text())["signatures"].keys() == {
        "serving_default",
        "jpeg",
    }
    entry = json.loads((made.parent / "export.json").read_text())["exports"]["mine-saved_model"]
    assert entry["largest_difference"] < 1e-5
    import tensorflow  # its start, which the other tests do without

    from image_kit.exports import saved_model

    photos = sorted((original / "photos").glob("*/00*.jpg"))
    classifier = load_classifier(project / "runs/mine/best.weights.h5")
    expected = classifier.probabilities(np.stack([classifier.preprocessing.photo(photo) for photo in photos]))
    answers = saved_model.answer_files(made, photos)
    assert not tensorflow.config.experimental.tensor_float_32_execution_enabled()  # it moves answers on a GPU
    # The same decoder and the same filter: only roundings to 8 bits differ, by one grey level of 255.
    np.testing.assert_allclose(answers, expected, atol=0.02)
    assert (answers.argmax(axis=1) == expected.argmax(axis=1)).all()

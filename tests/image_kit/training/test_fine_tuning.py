"""Fine-tuning continues from the fitted head, is kept only if held-back photos say so, and repeats bit for bit."""

import csv
import json
import shutil
import sys

import h5py
import numpy as np
import pytest

from image_kit.training.fine_tuning import AVERAGED, HELD_BACK, TUNED
from image_kit.weights import read_description
from tests.conftest import ROOT, start_process
from tests.fixtures.machines import start_two

EPOCHS = 3


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, coloured_photos):
    """A folder with photos/, whose classes differ by colour, and two backbones for 32x32 pixels.

    A head on sees_all.keras tells the classes apart. A head on sees_green.keras tells cats from dogs only by chance.
    """
    import keras

    folder = tmp_path_factory.mktemp("fine_tuning")
    coloured_photos(folder / "photos", {"birds": 30, "cats": 30, "dogs": 30})
    keras.utils.set_random_seed(0)
    layers = [
        *(keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False), keras.layers.BatchNormalization()),
        *(keras.layers.ReLU(), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)),
    ]
    model = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    model.save(folder / "sees_all.keras")
    (kernel,) = layers[0].get_weights()
    layers[0].set_weights([kernel * np.array([0, 1, 0], np.float32)[:, None]])
    model.save(folder / "sees_green.keras")
    return folder


def fine_tune(run, backbone, *options):
    """The arguments of train.py."""
    return ("train.py", "photos", "--backbone", backbone, "--run", run, "--fine-tune", EPOCHS, *options)


FILES = {
    *("settings.json", "environment.json", "history.csv", "first_batch.png", "last.weights.h5", "best.weights.h5"),
    *("answers.csv", "confusion_matrix.png", "metrics.json", "model.tflite", "report.html"),
}


@pytest.fixture(scope="module")
def whole(workplace, run_command):
    """The folder of a run that nothing disturbed, and its process."""
    process = run_command(
        workplace, *fine_tune("whole", "sees_all.keras"), IMAGE_CLASSIFICATION_KIT_CACHE=str(workplace / "c")
    )
    assert process.returncode == 0, process.stderr
    return workplace / "runs/whole", process


@pytest.mark.slow
def test_what_a_run_leaves_and_says(whole):
    folder, process = whole
    assert {path.name for path in folder.iterdir()} == FILES
    metrics = json.loads((folder / "metrics.json").read_text())
    facts = metrics["fine_tuning"]
    assert facts["held_back"] == 90 // HELD_BACK
    assert (facts["kept"], facts["frozen"]) == ("frozen", 1.0)  # nothing is better than that
    assert f"fine-tuned {100 * facts['fine_tuned']:.1f} %" in process.stderr
    # A run that is killed before metrics.json knows only by this what the network was worth that the head replaced.
    assert read_description(folder / "best.weights.h5").metrics[TUNED] == pytest.approx(facts["fine_tuned"])
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + EPOCHS
    assert process.stdout.startswith("cross-validation: ")


def weights_of(path):
    """Every array of a weights file, by its path in it."""
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays


WAITS_IN_EPOCH_2 = """
import sys, time
sys.path.insert(0, "ROOT")
import train
from image_kit import terminal
from image_kit.training import RunFolder
append = RunFolder.append_history
def wait(self, row):
    if row["epoch"] == 2:
        print("waiting", file=sys.__stdout__, flush=True)  # while Keras trains, sys.stdout is stderr
        time.sleep(600)
    append(self, row)
RunFolder.append_history = wait
sys.argv = sys.argv[1:]
terminal.run(train.main)
"""


@pytest.mark.slow
def test_a_run_that_was_killed_ends_with_the_same_weights(workplace, whole, run_command):
    cache = {"IMAGE_CLASSIFICATION_KIT_CACHE": str(workplace / "c")}
    code = WAITS_IN_EPOCH_2.replace("ROOT", str(ROOT))
    process = start_process(sys.executable, "-c", code, *fine_tune("cut", "sees_all.keras"), folder=workplace, **cache)
    assert process.stdout.readline() == "waiting\n", process.communicate()
    assert len((workplace / "runs/cut/history.csv").read_text().splitlines()) == 2  # the header and epoch 1
    process.kill()
    process.communicate()
    resumed = run_command(workplace, "train.py", "--resume", "runs/cut", **cache)
    assert resumed.returncode == 0, resumed.stderr
    expected, got = (weights_of(workplace / "runs" / run / "best.weights.h5") for run in ("whole", "cut"))
    assert expected.keys() == got.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(got[name], values, err_msg=name)
    again = run_command(workplace, "train.py", "--resume", "runs/cut", **cache)
    assert (again.returncode, "is complete" in again.stderr) == (2, True)


@pytest.mark.nightly
def test_a_run_that_was_killed_at_its_very_end_decides_the_same_and_only_with_the_same_photos(
    workplace, whole, run_command
):
    cache = {"IMAGE_CLASSIFICATION_KIT_CACHE": str(workplace / "c")}
    shutil.copytree(whole[0], workplace / "runs/late")
    before = json.loads((workplace / "runs/late/metrics.json").read_text())["fine_tuning"]
    (workplace / "runs/late/metrics.json").unlink()
    photo = workplace / "photos/cats/000.jpg"
    content = photo.read_bytes()
    photo.write_bytes(content + b"\0")
    refused = run_command(workplace, "train.py", "--resume", "runs/late", **cache)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "(new or changed: photos/cats/000.jpg)" in refused.stderr
    assert "Writing to" not in refused.stderr  # before anything is computed or written
    photo.write_bytes(content)
    resumed = run_command(workplace, "train.py", "--resume", "runs/late", **cache)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads((workplace / "runs/late/metrics.json").read_text())["fine_tuning"] == before


@pytest.mark.slow
def test_the_fine_tuned_network_is_kept_where_it_is_better(workplace, run_command):
    cache = {"IMAGE_CLASSIFICATION_KIT_CACHE": str(workplace / "c")}
    options = ("--learning-rate", 0.05, "--warmup-epochs", 0, "--label-smoothing", 0)
    process = run_command(workplace, *fine_tune("better", "sees_green.keras", *options), **cache)
    assert process.returncode == 0, process.stderr
    folder = workplace / "runs/better"
    metrics = json.loads((folder / "metrics.json").read_text())
    facts = metrics["fine_tuning"]
    assert facts["kept"] == "fine-tuned"
    assert facts["fine_tuned"] > facts["frozen"]
    assert metrics["epochs"] == EPOCHS
    assert metrics["cross_validation"]["total"] == 90
    assert AVERAGED in read_description(folder / "best.weights.h5").metrics
    assert {path.name for path in folder.iterdir()} == FILES | {"curves.png"}
    answered = run_command(
        workplace, "predict.py", "photos/cats/000.jpg", "--weights", "runs/better", "--json", **cache
    )
    assert json.loads(answered.stdout)["path"] == "photos/cats/000.jpg"


def losses_of(folder):
    """The loss of each epoch."""
    with open(folder / "history.csv", encoding="utf-8", newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_machines_fine_tune_as_one(workplace, whole, start):
    script, *arguments = fine_tune("two", "sees_all.keras")
    cache = {"IMAGE_CLASSIFICATION_KIT_CACHE": str(workplace / "c")}
    chief, other = start_two(workplace, start, script, *arguments, **cache)
    out, err = chief.communicate(timeout=240)
    others_out, others_err = other.communicate(timeout=60)
    assert (chief.returncode, other.returncode, others_out) == (0, 0, ""), (err, others_err)
    assert out.endswith("weights: runs/two/best.weights.h5\n")
    assert {path.name for path in (workplace / "runs/two").iterdir()} == FILES
    # The same batches, of which each machine computes a half: the sums differ by rounding.
    assert losses_of(workplace / "runs/two") == pytest.approx(losses_of(workplace / "runs/whole"), rel=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fine-tune", "many"), "must be a number of epochs or auto"),
        (("--fine-tune", "2", "--epochs", "3"), "--epochs: decides nothing"),
        (("--fine-tune", "2", "--image-size", "64"), "--image-size: decides nothing"),
        (("--preset", "elephants_cars", "--fine-tune", "2"), "--fine-tune: is for the preset pretrained"),
        (("--learning-rate", "0.1"), "--learning-rate: decides nothing"),
    ],
)
def test_options_that_do_not_fit(workplace, run_command, options, message):
    process = run_command(workplace, "train.py", "photos", *options)
    assert process.returncode == 2
    assert message in process.stderr

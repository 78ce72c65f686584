"""Two small runs for benchmarks/prediction.py, trained in seconds on coloured drawings: one of each kind of network."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from common import ROOT
from photo_files import make_photos
from PIL import Image

# A network of random weights would answer .5 to all, and the proof of --fast would rightly fail. So only the last layer
# is fitted, to the features that random convolutions give.
ELEPHANTS_CARS = """
import json, sys
from pathlib import Path
import numpy as np
from image_kit.compute import set_up
set_up("float32", seed=0)
import models
from image_kit.answering import KerasClassifier, write_lite_model
from image_kit.photos import Preprocessing
from image_kit.training import Settings
from image_kit.weights import Description, network_of, save_weights
from presets import PRESETS
photos, run = map(Path, sys.argv[1:])
files = sorted(photos.rglob("*.jpg"))
model = models.elephants_cars((300, 300, 3))
description = Description("elephants_cars", ("a", "b"), Preprocessing((300, 300, 3)), network=network_of(model))
classifier = KerasClassifier(model, description)
images = np.stack([description.preprocessing.photo(path) for path in files])
features = classifier.outputs_and_features(images)[1]
target = np.array([4.0 if path.parent.name == "b" else -4.0 for path in files])
centre = features.mean(0)
centred = features - centre
ridge = centred @ centred.T + 1e-3 * np.trace(centred @ centred.T) * np.eye(len(files))
kernel = centred.T @ np.linalg.solve(ridge, target)
model.layers[-1].set_weights([kernel[:, None], np.array([-centre @ kernel])])
run.mkdir(parents=True)
weights = run / "best.weights.h5"
save_weights(model, weights, description, np.empty(0, np.uint64))
write_lite_model(classifier, weights, weights.with_name("model.tflite"))
settings = Settings("elephants_cars", PRESETS["elephants_cars"], folder=str(photos.resolve()))
Path(run, "settings.json").write_text(json.dumps(settings.to_dict()))
"""


def make_coloured_photos(folder: Path, count: int, seed: int = 0) -> None:
    """As `make_photos`, with class b bluish, so that a network can learn it."""
    make_photos(folder, count, seed)
    for path in (folder / "b").glob("*.jpg"):
        with Image.open(path) as photo:
            pixels = np.asarray(photo) * np.array([0.6, 0.8, 1.0])
        Image.fromarray(pixels.astype(np.uint8)).save(path, quality=85)


def make_run(network: str, photos: Path, folder: Path) -> Path:
    """Train "elephants_cars" or "pretrained" on photos; returns the weights file."""
    if network == "elephants_cars":
        run = folder / "runs" / network
        subprocess.run([sys.executable, "-c", ELEPHANTS_CARS, photos, run], check=True, cwd=ROOT)
    else:
        command = [sys.executable, str(ROOT / "train.py"), str(photos), "--run", network]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run = folder / "runs" / network
    return run / "best.weights.h5"


def compare(answers: str, others: str) -> tuple[int, int, int]:
    """Of two outputs of `predict.py --json`: how many labels differ, and how many are right in each."""
    read = [[json.loads(line) for line in output.splitlines()] for output in (answers, others)]
    changed = sum(one["label"] != other["label"] for one, other in zip(*read, strict=True))
    right = [sum(each["label"] == Path(each["path"]).parent.name for each in output) for output in read]
    return changed, right[0], right[1]

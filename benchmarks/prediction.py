"""How fast photos are answered: predict.py and Keras's own way, as whole processes, for one photo and for many.

    python benchmarks/prediction.py                          # 1,000 photos, 5 rounds: about ten minutes on 2 cores
    python benchmarks/prediction.py --photos 20 --rounds 1   # a quick look

Makes its own JPEGs of 640x427 and an elephants_cars network of random weights, 300x300, in a temporary folder. It first
checks that both give the same answers, and stops if they do not. Then every round starts each contender once, in turn,
so that whatever else the machine does meets all of them. The table gives the median and the range. For many photos, the
seconds that the process of the same round took for one photo are subtracted. Prints Markdown.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # predict.py runs on the CPU
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
from common import ROOT, cpu_name, median_and_range
from photo_files import make_photos
from processes import Took, run

from image_kit.machine import cpu_cores

# What one writes with Keras alone: load the weights, and feed `model.predict` from Keras's own loader.
KERAS_PHOTO = """
import json, sys
import keras
import models
weights, path = sys.argv[1:]
model = models.elephants_cars((300, 300, 3))
model.load_weights(weights)
image = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(300, 300), interpolation="bilinear"))
print(json.dumps(float(model.predict(image[None] / 255, verbose=0)[0, 0])))
"""
KERAS_FOLDER = """
import sys
import keras
import models
weights, folder = sys.argv[1:]
model = models.elephants_cars((300, 300, 3))
model.load_weights(weights)
loading = {"labels": None, "shuffle": False, "image_size": (300, 300), "batch_size": 32, "verbose": False}
images = keras.utils.image_dataset_from_directory(folder, **loading).map(lambda batch: batch / 255)
print(len(model.predict(images.prefetch(2), verbose=0)))
"""


def main() -> None:
    """Check, time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1000, metavar="N", help="photos in bulk (1000)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="starts of each contender (5)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_photos(folder / "photos", args.photos)
        write_network(folder)
        commands = contenders(folder)
        check_parity(commands, folder)
        took = {name: [] for name in commands}
        for _ in range(args.rounds):
            for name, command in commands.items():
                took[name].append(run(command))
    print(f"{cpu_cores()} cores, {cpu_name()}; {args.rounds} rounds, median [lowest to highest]")
    report_cold(took)
    report_bulk(took, args.photos)


def write_network(folder: Path) -> None:
    """best.weights.h5 and model.tflite of an elephants_cars network with random weights."""
    code = """
import sys
from pathlib import Path
import numpy as np
from image_kit.compute import set_up
set_up("float32", seed=0)
import models
from image_kit.answering import KerasClassifier, write_lite_model
from image_kit.photos import Preprocessing
from image_kit.weights import Description, save_weights
model = models.elephants_cars((300, 300, 3))
description = Description("elephants_cars", ("cars", "elephants"), Preprocessing((300, 300, 3)))
weights = Path(sys.argv[1], "best.weights.h5")
save_weights(model, weights, description, np.empty(0, np.uint64))
write_lite_model(KerasClassifier(model, description), weights, weights.with_name("model.tflite"))
"""
    subprocess.run([sys.executable, "-c", code, folder], check=True, cwd=ROOT)


def contenders(folder: Path) -> dict[str, list[str]]:
    """Command lines by name."""
    weights, photos = str(folder / "best.weights.h5"), str(folder / "photos")
    photo = str(min(Path(photos).rglob("*.jpg")))
    ours = [sys.executable, str(ROOT / "predict.py"), "--json", "--weights", weights]
    return {
        "Keras, one": [sys.executable, "-c", KERAS_PHOTO, weights, photo],
        "ours, one": [*ours, photo],
        "Keras, all": [sys.executable, "-c", KERAS_FOLDER, weights, photos],
        "ours, all": [*ours, photos],
    }


def check_parity(commands: dict[str, list[str]], folder: Path) -> None:
    """Raise AssertionError unless both give one photo the same answer. This also warms the disk's cache.

    `load_img` resizes as we do, so the probabilities may differ only as much as LiteRT and TensorFlow do. For many
    photos, only their number is compared.
    """
    keras_elephants = json.loads(run(commands["Keras, one"]).output)
    ours = json.loads(run(commands["ours, one"]).output)["probabilities"]
    assert abs(keras_elephants - ours["elephants"]) < 1e-3, (keras_elephants, ours)
    count = len(list((folder / "photos").rglob("*.jpg")))
    assert int(run(commands["Keras, all"]).output) == len(run(commands["ours, all"]).output.splitlines()) == count


def report_cold(took: dict[str, list[Took]]) -> None:
    """One photo, from the start of Python to its end."""
    print("\n### One photo, cold\n\n| | s | MB at most | times as fast |\n|---|---|---|---|")
    base = statistics.median(each.seconds for each in took["Keras, one"])
    for title, name in (("Keras: load, `model.predict`", "Keras, one"), ("**`predict.py`**", "ours, one")):
        seconds = [each.seconds for each in took[name]]
        memory = max(each.megabytes for each in took[name])
        print(
            f"| {title} | {median_and_range(seconds, '.2f')} | {memory:.0f} | {base / statistics.median(seconds):.1f} |"
        )


def report_bulk(took: dict[str, list[Took]], photos: int) -> None:
    """Many photos, without the start."""
    print(f"\n### {photos:,} JPEGs of 640x427, without the start\n")
    print("| | images/s | CPU ms an image | MB at most | times as fast |\n|---|---|---|---|---|")
    base = None
    named = (("`model.predict` fed by `image_dataset_from_directory`", "Keras"), ("**`predict.py`**", "ours"))
    for title, name in named:
        rounds = list(zip(took[f"{name}, one"], took[f"{name}, all"], strict=True))
        rates = [(photos - 1) / max(many.seconds - one.seconds, 1e-3) for one, many in rounds]
        cpu = [(many.cpu_seconds - one.cpu_seconds) / (photos - 1) * 1e3 for one, many in rounds]
        memory = max(each.megabytes for each in took[f"{name}, all"])
        base = base or statistics.median(rates)
        cells = [median_and_range(rates, ",.0f"), median_and_range(cpu, ".1f")]
        cells += [f"{memory:.0f}", f"{statistics.median(rates) / base:.1f}"]
        print("|", " | ".join([title, *cells]), "|")


if __name__ == "__main__":
    main()

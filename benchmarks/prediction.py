"""How fast photos are answered: predict.py beside Keras's own way, whole processes, cold and in bulk.

    python benchmarks/prediction.py                          # 1,000 photos, 5 rounds: about ten minutes on 2 cores
    python benchmarks/prediction.py --photos 20 --rounds 1   # a quick look

Makes its own JPEGs of 640x427 and an elephants_cars network of random weights, 300x300, in a temporary folder. First
checks that both answer the same, and stops if they do not. Then every round starts each contender once, one after the
other, so that what else the machine does meets all of them; the table gives the median and the range. In bulk, the
seconds in which the same round's process answered one photo are taken off those for all of them. Prints Markdown.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # predict.py runs on the CPU
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import cpu_name
from photo_files import make_photos

from image_kit.machine import cpu_cores

ROOT = Path(__file__).resolve().parents[1]
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


@dataclass(frozen=True)
class Took:
    """What one process took: seconds by the clock and of all cores, and megabytes of memory at most."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    output: str


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
from image_kit.answering import write_lite_model
from image_kit.weights import save_weights
from image_kit.weights import describe_old
from image_kit.answering import KerasClassifier
model, description = models.elephants_cars((300, 300, 3)), describe_old("elephants_cars")
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
    """Raise AssertionError unless both answer one photo alike; this warms the disk's cache too.

    `load_img` resizes as we do, so their probabilities may differ as far as LiteRT and TensorFlow do. Of the photos in
    bulk only the number is compared.
    """
    keras_elephants = json.loads(run(commands["Keras, one"]).output)
    ours = json.loads(run(commands["ours, one"]).output)["probabilities"]
    assert abs(keras_elephants - ours["elephants"]) < 1e-3, (keras_elephants, ours)
    count = len(list((folder / "photos").rglob("*.jpg")))
    assert int(run(commands["Keras, all"]).output) == len(run(commands["ours, all"]).output.splitlines()) == count


def run(command: list[str]) -> Took:
    """Start a process, wait for it, and say what it took; raises if it fails."""
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Took(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def report_cold(took: dict[str, list[Took]]) -> None:
    """One photo, from the start of Python to its end."""
    print("\n### One photo, cold\n\n| | s | MB at most | times as fast |\n|---|---|---|---|")
    base = statistics.median(each.seconds for each in took["Keras, one"])
    for title, name in (("Keras: load, `model.predict`", "Keras, one"), ("**`predict.py`**", "ours, one")):
        seconds = [each.seconds for each in took[name]]
        memory = max(each.megabytes for each in took[name])
        print(f"| {title} | {spread(seconds, '.2f')} | {memory:.0f} | {base / statistics.median(seconds):.1f} |")


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
        cells = [spread(rates, ",.0f"), spread(cpu, ".1f"), f"{memory:.0f}", f"{statistics.median(rates) / base:.1f}"]
        print("|", " | ".join([title, *cells]), "|")


def spread(values: list[float], form: str) -> str:
    """Median and range."""
    return f"{statistics.median(values):{form}} [{min(values):{form}} to {max(values):{form}}]"


if __name__ == "__main__":
    main()

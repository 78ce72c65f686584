"""How fast photos are answered: predict.py, predict.py --fast and Keras's own way, as whole processes.

    python benchmarks/prediction.py                          # 1,000 photos, 5 rounds: about half an hour on 2 cores
    python benchmarks/prediction.py --photos 20 --rounds 1   # a quick look
    python benchmarks/prediction.py --networks pretrained    # one network only

Makes its own JPEGs of 640x427 and two networks in a temporary folder: elephants_cars, 300x300, and the preset
pretrained, EfficientNet-Lite0 at 256x256. It first checks that all give the same answers, and stops if they do not.
Then every round starts each contender once, in turn, so that whatever else the machine does meets all of them. The
table gives the median and the range. For many photos, the seconds that the process of the same round took for one photo
are subtracted. The check is not timed; it also makes the network of --fast. Prints Markdown.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # predict.py runs on the CPU
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
from common import ROOT, cpu_name, median_and_range
from prediction_runs import compare, make_coloured_photos, make_run
from processes import Took, run

from image_kit.machine import cpu_cores

# What one writes with Keras alone: load the weights, and feed `model.predict` from Keras's own loader. The network of
# the preset pretrained is built from the file, as nobody writes its 80 layers.
LOAD = {
    "elephants_cars": "import models; model = models.elephants_cars((300, 300, 3)); model.load_weights(weights)",
    "pretrained": "from image_kit.answering import KerasClassifier; from pathlib import Path; "
    "model = KerasClassifier.load(Path(weights)).model",
}
SIDES = {"elephants_cars": 300, "pretrained": 256}
# Keras's crop_to_aspect_ratio would crop more than the preset does, so one photo is given as predict.py sees it.
KERAS_PHOTO = """
import json, sys
import keras
import numpy as np
from image_kit.photos import Preprocessing
weights, path = sys.argv[1:]
{load}
image = Preprocessing(({side}, {side}, 3), crop={crop}).photo(path)
print(json.dumps(float(model.predict(image[None] / np.float32(255), verbose=0)[0, -1])))
"""
KERAS_FOLDER = """
import sys
import keras
weights, folder = sys.argv[1:]
{load}
loading = {{"labels": None, "shuffle": False, "image_size": ({side}, {side}), "batch_size": 32, "verbose": False}}
images = keras.utils.image_dataset_from_directory(folder, **loading).map(lambda batch: batch / 255)
print(len(model.predict(images.prefetch(2), verbose=0)))
"""
TRAINED_ON = 60  # photos; the last layer alone is fitted
NAMES = {"Keras": "`model.predict` fed by `image_dataset_from_directory`", "ours": "**`predict.py`**"}
NAMES["fast"] = "**`predict.py --fast`**"


def main() -> None:
    """Check, time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1000, metavar="N", help="photos in bulk (1000)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="starts of each contender (5)")
    parser.add_argument("--networks", nargs="+", choices=SIDES, default=list(SIDES), help="(both)")
    args = parser.parse_args()
    print(f"{cpu_cores()} cores, {cpu_name()}; {args.rounds} rounds, median [lowest to highest]")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["IMAGE_CLASSIFICATION_KIT_CACHE"] = str(folder / "cache")
        make_coloured_photos(folder / "photos", args.photos)
        make_coloured_photos(folder / "training", min(TRAINED_ON, 10 * args.photos), seed=1)
        for network in args.networks:
            commands = contenders(network, make_run(network, folder / "training", folder), folder / "photos")
            words = check_parity(commands, args.photos)
            took = {name: [] for name in commands}
            for _ in range(args.rounds):
                for name, command in commands.items():
                    took[name].append(run(command))
            report_cold(network, took)
            report_bulk(network, took, args.photos)
            print(f"\n{words}")


def contenders(network: str, weights: Path, photos: Path) -> dict[str, list[str]]:
    """Command lines by name."""
    photo = str(min(photos.rglob("*.jpg")))
    facts = {"load": LOAD[network], "side": SIDES[network], "crop": 0.0 if network == "elephants_cars" else 0.5}
    keras = [sys.executable, "-c"]
    ours = [sys.executable, str(ROOT / "predict.py"), "--json", "--weights", str(weights)]
    return {
        "Keras, one": [*keras, KERAS_PHOTO.format(**facts), str(weights), photo],
        "ours, one": [*ours, photo],
        "fast, one": [*ours, "--fast", photo],
        "Keras, all": [*keras, KERAS_FOLDER.format(**facts), str(weights), str(photos)],
        "ours, all": [*ours, str(photos)],
        "fast, all": [*ours, "--fast", str(photos)],
    }


def check_parity(commands: dict[str, list[str]], count: int) -> str:
    """Raise AssertionError unless all give the same answers; returns what --fast changes. Warms the disk cache.

    The probabilities of one photo may differ only as much as LiteRT and TensorFlow do; predict.py's are calibrated for
    the preset pretrained, so there only the class is compared. --fast may lose half a point of accuracy, or one photo.
    """
    keras_b, ours = (json.loads(run(commands[name]).output) for name in ("Keras, one", "ours, one"))
    assert (keras_b > 0.5) == (ours["label"] == "b"), (keras_b, ours)
    if "models" in commands["Keras, one"][2]:
        assert abs(keras_b - ours["probabilities"]["b"]) < 1e-3, (keras_b, ours)
    answers, fast = run(commands["ours, all"]).output, run(commands["fast, all"]).output
    assert len(answers.splitlines()) == len(fast.splitlines()) == count
    assert answers != fast, "--fast answered as without it: its proof did not hold, or it could not be made"
    changed, right, fast_right = compare(answers, fast)
    assert right - fast_right <= max(1, count / 200), f"--fast answers {fast_right} of {count} right instead of {right}"
    return f"--fast changes {changed} of {count:,} answers; {fast_right:,} are right instead of {right:,}"


def report_cold(network: str, took: dict[str, list[Took]]) -> None:
    """One photo, from the start of Python to its end."""
    print(f"\n### {network}: one photo, cold\n\n| | s | MB at most | times as fast |\n|---|---|---|---|")
    base = statistics.median(each.seconds for each in took["Keras, one"])
    for name, title in {**NAMES, "Keras": "Keras: load, `model.predict`"}.items():
        ran = took[f"{name}, one"]
        seconds = [each.seconds for each in ran]
        memory = max(each.megabytes for each in ran)
        print(
            f"| {title} | {median_and_range(seconds, '.2f')} | {memory:.0f} | {base / statistics.median(seconds):.1f} |"
        )


def report_bulk(network: str, took: dict[str, list[Took]], photos: int) -> None:
    """Many photos, without the start. "Times as fast" is the median of what each round says, with the range."""
    print(f"\n### {network}: {photos:,} JPEGs of 640x427, without the start\n")
    print("| | images/s | CPU ms an image | MB at most | times as fast |\n|---|---|---|---|---|")
    base: list[float] = []
    for name, title in NAMES.items():
        rounds = list(zip(took[f"{name}, one"], took[f"{name}, all"], strict=True))
        rates = [(photos - 1) / max(many.seconds - one.seconds, 1e-3) for one, many in rounds]
        cpu = [(many.cpu_seconds - one.cpu_seconds) / (photos - 1) * 1e3 for one, many in rounds]
        memory = max(each.megabytes for each in took[f"{name}, all"])
        base = base or rates
        times = [ours / keras for ours, keras in zip(rates, base, strict=True)]
        cells = [median_and_range(rates, ",.0f"), median_and_range(cpu, ".1f")]
        print("|", " | ".join([title, *cells, f"{memory:.0f}", median_and_range(times, ".1f")]), "|")


if __name__ == "__main__":
    main()

"""The commands of benchmarks/pretrained.py, from outside: how long they take and how much memory.

Each function yields rows for the table of pretrained.py. This module holds little memory: see processes.run.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from common import ROOT, median_and_range
from photo_files import write_crops
from processes import Took, run

from image_kit.machine import cpu_cores

BARE_MS = 3.4  # milliseconds that bare features of an image take where the goal times hold
LARGE_CLASSES = 20
GOALS = {"photos": (10, 5), "clothing": (20, 8)}  # seconds, features not known and known
CACHE = "IMAGE_CLASSIFICATION_KIT_CACHE"
# EfficientNet-Lite0 without anything around it: one interpreter with all threads, as the goals were measured.
BARE = """
import sys, time
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from image_kit.answering import flatbuffer
from image_kit.features import load_backbone
side, threads = map(int, sys.argv[1:])
backbone = load_backbone("lite0")
content = flatbuffer(backbone.network, backbone.weights, (side, side, 3), features_of=None)
interpreter = Interpreter(model_content=bytes(content), num_threads=threads)
interpreter.allocate_tensors()
place = interpreter.get_input_details()[0]["index"]
interpreter.set_tensor(place, np.random.default_rng(0).random((1, side, side, 3), np.float32))
took = []
for _ in range(110):
    start = time.perf_counter()
    interpreter.invoke()
    took.append(time.perf_counter() - start)
print(1e3 * sorted(took[10:])[50])
"""
IMPORTS = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert not end.code
print(*sorted({"tensorflow", "keras", "torch"} & sys.modules.keys()) or ["none"])
"""
# What one writes with Keras alone; the second answers with the very network of the run.
KERAS = """
import sys
import keras
model = keras.applications.MobileNetV2(weights=None, input_shape=(224, 224, 3))
images = keras.utils.image_dataset_from_directory(
    sys.argv[1], labels=None, shuffle=False, image_size=(224, 224), batch_size=32, verbose=False
)
print(len(model.predict(images.map(lambda batch: batch / 127.5 - 1).prefetch(2), verbose=0)))
"""
KERAS_LITE = """
import sys
from pathlib import Path
import keras
from image_kit.answering import KerasClassifier
model = KerasClassifier.load(Path("runs/head/best.weights.h5")).model
images = keras.utils.image_dataset_from_directory(
    sys.argv[1], labels=None, shuffle=False, image_size=model.input_shape[1:3], batch_size=32, verbose=False
)
print(len(model.predict(images.map(lambda batch: batch / 255).prefetch(2), verbose=0)))
"""
CONTENDERS = {
    "MobileNetV2": "Keras's `model.predict` of MobileNetV2",
    "Lite0": "Keras's `model.predict` of the run's own network",
    "ours": "`predict.py --csv`",
}
Row = tuple[object, ...]


def speed(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """train.py from command to finished run; and what the features alone would take."""
    commands = {"photos": [args.data / "photos"]}
    commands["clothing"] = [args.data / "clothing", "--groups", args.data / "clothing_senders.csv"]
    took: dict[tuple[str, int], list[Took]] = {(name, known): [] for name in commands for known in (0, 1)}
    bare: dict[int, list[float]] = {224: [], 256: []}
    for number in range(args.rounds):
        for name, arguments in commands.items():
            for known in (0, 1):
                cache = folder / f"cache-{name}-{number}"
                took[name, known].append(train(arguments, folder, cache))
                check_finished(folder)
        for side, times in bare.items():
            code = [sys.executable, "-c", BARE, str(side), str(cpu_cores())]
            times.append(float(run(code).output))
    slower = statistics.median(bare[224]) / BARE_MS
    for (name, known), each in took.items():
        goal, count = GOALS[name][known], count_photos(args.data / name)
        yield (
            f"`train.py`, {name}, features {'known' if known else 'not known'}, s",
            *halves(median_and_range([one.seconds for one in each], ".1f")),
            f"{name}, all; {statistics.median(one.cpu_seconds for one in each):.1f} s of processor time, "
            f"{max(one.megabytes for one in each):.0f} MB at most",
            f"{count:,} photos",
            f"{len(each)} rounds",
            f"<= {goal} s; here {goal * slower:.0f}",
        )
    for side, times in bare.items():
        shown = halves(median_and_range(times, ".1f"))
        yield f"bare Lite0, {side}x{side}, ms an image", *shown, "noise", "100 images", f"{len(times)} rounds", "-"
    imported = run(
        [sys.executable, "-c", IMPORTS, *train_command(commands["photos"])[1:]], folder, **{CACHE: str(cache)}
    )
    yield "modules that `train.py` imports", imported.output.split("\n")[-2], "-", "photos", 1, 1, "no TensorFlow"


def train(arguments: list, folder: Path, cache: Path) -> Took:
    """Run train.py in a folder."""
    return run(train_command(arguments), folder, **{CACHE: str(cache)})


def train_command(arguments: list) -> list[str]:
    """The command line of train.py."""
    return [sys.executable, str(ROOT / "train.py"), *map(str, arguments)]


def check_finished(folder: Path) -> None:
    """Raise AssertionError unless the newest run has the files that it writes last."""
    newest = newest_run(folder)
    assert (newest / "metrics.json").exists()
    assert (newest / "model.tflite").exists()


def newest_run(folder: Path) -> Path:
    """The run that was begun last."""
    return max((folder / "runs").iterdir(), key=os.path.getmtime)


def answering(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """predict.py and Keras, many photos and one."""
    count = args.photos[0] // 5
    write_crops(sorted((args.data / "photos").glob("*/*")), folder / "photos", count)
    train([args.data / "photos", "--run", "head"], folder, Path(os.environ[CACHE]))
    one = folder / "one"
    write_crops(sorted((args.data / "photos").glob("*/*"))[:1], one, 1)
    ours = [sys.executable, str(ROOT / "predict.py"), "--csv", "--weights", "runs/head"]
    commands = {"MobileNetV2": [sys.executable, "-c", KERAS], "Lite0": [sys.executable, "-c", KERAS_LITE], "ours": ours}
    quiet = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    took: dict[tuple[str, str], list[Took]] = {(who, name): [] for who in commands for name in ("one", "all")}
    for _ in range(args.rounds):
        for (who, name), each in took.items():
            each.append(run([*commands[who], str(one if name == "one" else folder / "photos")], folder, **quiet))
    answered = [int(took[who, "all"][0].output) for who in ("MobileNetV2", "Lite0")]
    assert [*answered, len(took["ours", "all"][0].output.splitlines()) - 1] == [count] * 3
    yield from rates(took, count)
    (photo,) = one.rglob("*.jpg")
    cold = [run([*ours, str(photo)], folder) for _ in range(args.starts)]
    seconds = halves(median_and_range([each.seconds for each in cold], ".2f"))
    memory = max(each.megabytes for each in cold)
    yield (
        "one photo, cold, s",
        *seconds,
        f"one; {memory:.0f} MB at most",
        1,
        f"{args.starts} starts",
        "<= .35 s, 150 MB",
    )


def rates(took: dict[tuple[str, str], list[Took]], count: int) -> Iterator[Row]:
    """Photos a second as whole processes, and without what one photo takes; and how many times as fast we are."""
    for title, less in (("whole processes", 0), ("without their start", 1)):
        rate, processor = {}, {}
        for who, contender in CONTENDERS.items():
            pairs = list(zip(took[who, "one"], took[who, "all"], strict=True))
            rate[who] = [(count - less) / (many.seconds - less * one.seconds) for one, many in pairs]
            times = [(many.cpu_seconds - less * one.cpu_seconds) / (count - less) for one, many in pairs]
            processor[who] = 1e3 * statistics.median(times)
            most = max(each.megabytes for each in took[who, "all"])
            data = f"re-cropped elephants and cars; {processor[who]:.1f} ms of processor time, {most:.0f} MB at most"
            shown = halves(median_and_range(rate[who], ".0f"))
            yield f"{contender}, {title}, photos/s", *shown, data, f"{count:,} photos", f"{len(pairs)} rounds", "-"
        for who in ("MobileNetV2", "Lite0"):
            ratios = [ours / keras for ours, keras in zip(rate["ours"], rate[who], strict=True)]
            shown = halves(median_and_range(ratios, ".1f"))
            data = f"the same; by processor time {processor[who] / processor['ours']:.1f}"
            what = f"times as fast as {CONTENDERS[who]}, {title}"
            yield what, *shown, data, f"{count:,} photos", f"{len(ratios)} rounds", ">= 3"


def memory(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """train.py on many small photos."""
    for count in args.photos:
        photos = write_large_set(args.data, folder / f"{count}-photos", count)
        times = {}
        for known in ("not known", "known"):
            times[known] = train([photos], folder, folder / f"cache-{count}")
        metrics = json.loads((newest_run(folder) / "metrics.json").read_text())
        for known, took in times.items():
            yield (
                f"`train.py`, {count:,} photos, features {known}, s",
                f"{took.seconds:.0f}",
                f"{1e3 * took.seconds / count:.1f} ms a photo",
                f"re-cropped, 160 pixels, {LARGE_CLASSES} classes; {took.cpu_seconds:.0f} s of processor time, "
                f"{took.megabytes:.0f} MB at most; {sum(metrics['images'].values()):,} used",
                f"{count:,} photos",
                1,
                "< 2,000 MB",
            )


def write_large_set(data: Path, folder: Path, count: int) -> Path:
    """Many small photos in LARGE_CLASSES classes, cut from those that there are; returns the folder."""
    sources = [data / name for name in ("clothing", "photos", "fruit/train")]
    classes = [each for source in sources for each in sorted(source.iterdir()) if each.is_dir()][:LARGE_CLASSES]
    for number, each in enumerate(classes):
        share = count // len(classes)
        write_crops(sorted(each.iterdir()), folder / each.name, share, fractions=(0.4, 0.8), side=160, seed=number)
    return folder


def count_photos(folder: Path) -> int:
    """The photos of a folder that has a sub-folder for each class."""
    return len(list(folder.glob("*/*")))


def halves(shown: str) -> tuple[str, str]:
    """Median and range, as `median_and_range` writes them, for two cells."""
    median, _, rest = shown.partition(" [")
    return median, rest.rstrip("]")

"""Have every command read a folder of strange images, and say where two of them disagree.

    python tests/real_images.py pillow-13.0.0/Tests/images

Files whose names are those of photos, at any depth, are copied into two classes beside drawn photos that are sure to be
read. Then these read them: check.py, train.py with a backbone and with a tutorial's network, evaluate.py, predict.py,
and `image_kit.load`, which is asked about each path and each file's bytes. All must read a photo, or name it with the
same reason, and end without a traceback; and the answers to a photo must be the same.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # since it is run as a script

import image_kit  # noqa: E402
from image_kit.photos import is_photo_name  # noqa: E402

CLASSES = ("cats", "dogs")
SURE = 20  # drawn photos of each class: enough to train on, whatever the strange ones are
NETWORK = ("--preset", "elephants_cars", "--image-size", "32", "--epochs", "1", "--device", "cpu")
ROUNDING = 1e-4  # of a probability: batches of another size add in another order


def main() -> int:
    """Print what was read, what was named and what is not the same; 1 if anything is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, help="a folder of images, sound and broken")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="real-images-") as folder:
        read, errors = read_everywhere(args.images, Path(folder))
    print(f"{read} photos are read alike; {sum(errors.values())} are named alike:")
    for reason, count in errors.most_common():
        print(f"{count:4} {reason}")
    return 0


def read_everywhere(images: Path, folder: Path) -> tuple[int, Counter[str]]:
    """How many of the images are read, and why the others are not.

    Raises:
        AssertionError: commands do not read an image alike; the message names it.
    """
    photos = copy_photos(images, folder)
    draw(folder / "sure", 0)
    run(folder, "train.py", "sure", "--run", "sure")
    named = {
        "check": json.loads(run(folder, "check.py", "strange", "--json"))["unreadable"],
        "head": trained(folder, "head"),
        "network": trained(folder, "network", *NETWORK),
        "evaluate": evaluated(folder),
    }
    answers = {
        "predict": predicted(folder),
        "paths": asked(folder, photos, lambda path: path),
        "bytes": asked(folder, photos, Path.read_bytes),
    }
    for who, found in answers.items():
        named[who] = {file: answer["error"] for file, answer in found.items() if answer["error"]}
    compare(photos, named)
    for file in set(photos) - set(named["predict"]):
        probabilities = [list(found[file]["probabilities"].values()) for found in answers.values()]
        assert np.ptp(probabilities, axis=0).max() < ROUNDING, f"{file}: {probabilities}"
    return len(photos) - len(named["predict"]), Counter(named["predict"].values())


def copy_photos(images: Path, folder: Path) -> list[str]:
    """Copy the photos into strange/cats and strange/dogs, with drawn ones; returns their names below strange/."""
    draw(folder / "strange", 1)
    found = sorted(path for path in images.rglob("*") if path.is_file() and is_photo_name(path))
    names = []
    for number, path in enumerate(found):
        name = f"{CLASSES[number % 2]}/{number:04}-{path.name}"
        shutil.copyfile(path, folder / "strange" / name)
        names.append(name)
    return names


def draw(folder: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for channel, name in ((0, "cats"), (2, "dogs")):
        (folder / name).mkdir(parents=True)
        for number in range(SURE):
            pixels = rng.integers(0, 120, (48, 64, 3), np.uint8)
            pixels[..., channel] += 130
            Image.fromarray(pixels).save(folder / name / f"sure-{number}.png")


def run(folder: Path, script: str, *arguments: str) -> str:
    """The stdout of a command that ends as it should: 1 means that photos are bad."""
    done = subprocess.run(
        [sys.executable, ROOT / script, *arguments],
        cwd=folder,
        env={**os.environ, "IMAGE_CLASSIFICATION_KIT_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), f"{script}: exit status {done.returncode}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def below(names: dict[str, str], folder: Path) -> dict[str, str]:
    """The reasons by name below strange/."""
    start = folder / "strange"
    return {(folder / name).resolve().relative_to(start.resolve()).as_posix(): why for name, why in names.items()}


def trained(folder: Path, name: str, *arguments: str) -> dict[str, str]:
    run(folder, "train.py", "strange", "--run", name, *arguments)
    metrics = json.loads((folder / "runs" / name / "metrics.json").read_text(encoding="utf-8"))
    return below(metrics["unreadable"], folder)


def evaluated(folder: Path) -> dict[str, str]:
    run(folder, "evaluate.py", "strange", "--weights", "runs/sure")
    (scores,) = folder.glob("evaluations/*/scores.json")
    return below(json.loads(scores.read_text(encoding="utf-8"))["unreadable"], folder)


def predicted(folder: Path) -> dict[str, dict]:
    out = run(folder, "predict.py", "strange", "--weights", "runs/sure", "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    return {Path(each["path"]).relative_to("strange").as_posix(): each for each in answers}


def asked(folder: Path, photos: list[str], content) -> dict[str, dict]:
    """The answers of a loaded run, one by one."""
    found = {}
    with image_kit.load(folder / "runs/sure") as classifier:
        for name in photos:
            (answer,) = classifier.predict([content(folder / "strange" / name)])
            found[name] = {"error": answer.error, "probabilities": answer.probabilities}
    return found


def compare(photos: list[str], named: dict[str, dict[str, str]]) -> None:
    for file in photos:
        reasons = {who: found.get(file) for who, found in named.items()}
        assert len(set(reasons.values())) == 1, f"{file}: {reasons}"


if __name__ == "__main__":
    sys.exit(main())

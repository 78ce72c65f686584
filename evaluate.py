"""Score a trained network on labelled photos that it has never seen, or on the test set of an array preset.

Probabilities, and so the loss, are calibrated where the weights carry a calibration, as in predict.py; which class is
the most probable never depends on it.
"""

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path

from image_kit import files as atomic, terminal as command_line
from image_kit.datasets import ImageSet, load_arrays, load_unseen_photos, shift_image_set
from image_kit.errors import UserError
from image_kit.files import first_free
from image_kit.named_networks import NamedNetworks
from image_kit.photos import tune_memory
from image_kit.terminal import progress, say
from image_kit.weights import add_weights_options, fallback_from, find_weights
from presets import PRESETS

EVALUATIONS = Path("evaluations")
MISTAKES_SHOWN = 24
EXAMPLES = """examples:
  python evaluate.py data/elephants_cars/test       a folder for each class; the newest run answers
  python evaluate.py new_photos --weights runs/elephants_cars-1
  python evaluate.py mnist_dense --shift 4          the test set of a preset, every image moved by 4 pixels
  python evaluate.py new_photos --weights 50_epochs.h5 --preset elephants_cars      a tutorial's old weights
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", metavar="FOLDER|PRESET", help="class folders of photos, or an array preset")
    add_weights_options(parser, PRESETS)
    parser.add_argument("--shift", metavar="PIXELS", type=int, default=0, help="move every test image off centre")
    parser.add_argument("--output", metavar="DIR", type=Path, help="new folder for the results")
    parser.add_argument("--data-dir", metavar="DIR", help="holds NAME.npz of an array data set")
    parser.add_argument("--json", action="store_true", help="print the scores as one JSON object")
    return parser.parse_args()


def main() -> None:
    """Load weights and images, score, write the pictures and the CSV, print."""
    args = parse()
    preset = PRESETS.get(args.what)
    is_array = preset is not None and preset.dataset != "photos"
    if not is_array and not Path(args.what).is_dir():
        arrays = ", ".join(name for name, preset in PRESETS.items() if preset.dataset != "photos")
        raise UserError(f"{args.what}: no such folder, and no preset with a test set of its own ({arrays})")
    if args.output and args.output.exists():
        raise UserError(f"--output: {args.output} exists and is never overwritten; choose another name")
    weights = find_weights(args.weights, args.what if is_array else None)
    tune_memory()
    from image_kit.compute import set_up

    set_up("float32")
    from image_kit.answering import KerasClassifier
    from image_kit.weights import read_description

    says_itself = read_description(weights) is not None
    preset_name = args.preset or (args.what if is_array and not says_itself else None)
    fallback = replace(fallback_from(args, NamedNetworks("models"), PRESETS), preset=preset_name)
    classifier = KerasClassifier.load(weights, fallback)
    images, notes, unreadable = load_images(args, classifier, weights, is_array)
    for line in (f"weights: {weights}", *notes):
        say(line)
    report(args, classifier, images, {"weights": str(weights), "images": args.what, "unreadable": unreadable})


def load_images(args, classifier, weights: Path, is_array: bool) -> tuple[ImageSet, list[str], dict]:
    """The images to score, shifted if asked; notes on them for the user; and what could not be read."""
    unreadable = {}
    if is_array:
        data = load_arrays(PRESETS[args.what], args.data_dir)
        if (data.class_names, data.preprocessing) != (classifier.class_names, classifier.preprocessing):
            raise UserError(f"{weights}: was not trained on {PRESETS[args.what].dataset}; give other --weights")
        images, notes = data.parts["test"], [f"scoring the test set of {note}" for note in data.notes]
    else:
        from image_kit.weights import read_trained_on

        seen = read_trained_on(weights)
        photos = load_unseen_photos(
            Path(args.what),
            classifier.class_names,
            classifier.preprocessing,
            seen,
            lambda items: progress(items, label="reading"),
        )
        images, notes, unreadable = photos.images, photos.notes, photos.unreadable
    if args.shift:
        images = shift_image_set(images, args.shift)
        notes.append(f"every image moved by {args.shift} pixels: left, right, up, down in turn")
    return images, notes, unreadable


def report(args, classifier, images: ImageSet, facts: dict) -> None:
    """Answer every image, write the results into a new folder and print the scores."""
    from image_kit.answering import score_images

    probabilities, scores = score_images(classifier, images)
    result = {**facts, "shift": args.shift, **scores.as_dict()}
    output = args.output or first_free(EVALUATIONS / Path(args.what).resolve().name)
    with atomic.new_folder(output) as unfinished:
        write_predictions(unfinished / "predictions.csv", probabilities, images, classifier.class_names)
        write_pictures(unfinished, probabilities, images, scores)
        atomic.write_json(unfinished / "scores.json", result)
    print(json.dumps(result) if args.json else f"{scores.sentence()}\n\n{scores.table()}")
    say(f"Confusion matrix, mistakes and predictions are in {output}/")


def write_predictions(path: Path, probabilities, images: ImageSet, class_names: tuple[str, ...]) -> None:
    """One row an image: its name, label, answer, the answer's probability, and every class's."""
    # Names of files that are no text are written byte for byte.
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "predicted", "probability", *(f"p({name})" for name in class_names)])
        for name, label, row in zip(images.names, images.labels, probabilities, strict=True):
            best = row.argmax()
            values = [f"{value:.6f}" for value in (row[best], *row)]
            writer.writerow([name, class_names[label], class_names[best], *values])


def write_pictures(output: Path, probabilities, images: ImageSet, scores) -> None:
    """confusion_matrix.png, and mistakes.png with the wrong answers that the network was surest of."""
    from image_kit.answering import most_confident_mistakes
    from image_kit.pictures import plot_confusion_matrix, plot_gallery

    plot_confusion_matrix(scores.confusion, scores.class_names, output / "confusion_matrix.png", scores.sentence())
    worst = most_confident_mistakes(probabilities, images.labels, MISTAKES_SHOWN)
    captions = [
        f"is {scores.class_names[images.labels[i]]}, answered {scores.class_names[probabilities[i].argmax()]} "
        f"{probabilities[i].max():.0%}\n{Path(images.names[i]).name}"
        for i in worst
    ]
    plot_gallery(list(images.take(worst)), captions, output / "mistakes.png", "Most confident mistakes")


if __name__ == "__main__":
    command_line.run(main)

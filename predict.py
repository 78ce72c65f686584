"""Name the class of photos: every class with its probability, best first."""

import argparse
import json
import sys
from pathlib import Path

import command_line
from artifacts.run_folder import find_weights
from command_line import say
from pipeline.photos import PhotoError

EXAMPLES = """examples:
  python predict.py photo.jpg                      the newest run answers
  python predict.py *.jpg --weights runs/elephants_cars-1
  python predict.py photo.jpg --weights 50_epochs.h5 --preset elephants_cars
  python predict.py photo.jpg --json               one JSON object a line

Exit status: 0 all answered, 1 some photo could not be read, 2 wrong usage.
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="one or more image files")
    command_line.add_weights_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    return parser.parse_args()


def main() -> None:
    """Load the weights and answer each photo."""
    args = parse()
    weights = find_weights(args.weights)
    import compute

    compute.set_up("float32")
    from artifacts.inference import Classifier

    classifier = Classifier.load(weights, args.preset, args.class_names)
    say(f"weights: {weights}")
    answered = [answer(classifier, path, args.json) for path in args.photos]
    if not all(answered):
        sys.exit(1)


def answer(classifier, path: Path, as_json: bool) -> bool:
    """Print one photo's classes; returns whether it could be read."""
    try:
        image = classifier.preprocessing.photo(path)
    except PhotoError as error:
        if as_json:
            print(json.dumps({"path": str(path), "error": str(error)}), flush=True)
        say(f"{path}: cannot be read: {error}")
        return False
    probabilities = classifier.probabilities(image[None])[0].tolist()
    ranked = sorted(zip(probabilities, classifier.class_names, strict=True), reverse=True)
    if as_json:
        best, label = ranked[0]
        by_class = {name: value for value, name in ranked}
        result = {"path": str(path), "label": label, "probability": best, "probabilities": by_class}
        print(json.dumps(result), flush=True)
        return True
    width = max(map(len, classifier.class_names))
    print(f"{path}:")
    for value, name in ranked:
        print(f"  {name:{width}}  {value:6.1%}", flush=True)
    return True


if __name__ == "__main__":
    command_line.run(main)

"""Score a trained network on labelled photos that it has never seen, or on the test set of an array preset.

Probabilities, and the loss computed from them, are calibrated if the weights are, as in predict.py. Calibration never
changes which class is the most probable.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

if getattr(sys.flags, "safe_path", False):  # python -P and -I leave this folder out
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from image_kit import files as atomic, terminal as command_line
from image_kit.answering import (
    RunAnswers,
    Scores,
    compare_runs,
    refuse_other_classes,
    score,
    write_differences,
    write_predictions,
)
from image_kit.datasets import (
    ImageSet,
    UnseenPhotos,
    describe_unreadable,
    load_arrays,
    load_unseen_photos,
    shift_image_set,
)
from image_kit.errors import UserError, first_line
from image_kit.named_networks import NamedNetworks
from image_kit.notebooks import own_modules
from image_kit.photos import tune_memory
from image_kit.reports import (
    REPORT,
    ComparisonPage,
    EvaluationPage,
    ScoredImages,
    try_to_write,
    write_comparison_report,
    write_evaluation_report,
)
from image_kit.retries import is_there
from image_kit.terminal import CommandLine, print_json, progress, say, show
from image_kit.training import describe_runs
from image_kit.weights import RUNS, add_weights_options, fallback_from, find_weights, read_description, read_trained_on

# isort: split
import numpy as np  # after image_kit, which first sees to Ctrl-C and to missing packages

with own_modules():
    from presets import PRESETS

EVALUATIONS = Path("evaluations")
ARRAY_PRESETS = [name for name, preset in PRESETS.items() if preset.dataset != "photos"]
say_once = cache(say)
reading = partial(progress, label="reading")
EXAMPLES = """examples:
  python evaluate.py data/elephants_cars/test       one folder per class; uses the newest run
  python evaluate.py new_photos --weights runs/elephants_cars-1
  python evaluate.py new_photos --compare runs/elephants_cars-1 runs/elephants_cars-2     is one of them better?
  python evaluate.py --list                         all runs below runs/, the best first
  python evaluate.py mnist_dense --shift 4          a preset's test set, every image moved by 4 pixels
  python evaluate.py new_photos --weights 50_epochs.h5 --preset elephants_cars      old weights of a tutorial
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = CommandLine(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what", nargs="?", metavar="FOLDER|PRESET", help="a folder with one folder per class, or an array preset"
    )
    parser.add_argument(
        "--compare", nargs="+", metavar="RUN", type=Path, help="score the same photos with several runs, and compare"
    )
    parser.add_argument("--list", action="store_true", help=f"list the runs below {RUNS}/ with their scores and exit")
    add_weights_options(parser, PRESETS)
    parser.add_argument(
        "--shift", metavar="PIXELS", type=int, default=0, help="move every image by this many pixels (default: 0)"
    )
    parser.add_argument(
        "--output", metavar="DIR", type=Path, help=f"new folder for the results (default: a new one in {EVALUATIONS}/)"
    )
    parser.add_argument("--data-dir", metavar="DIR", help="folder with NAME.npz of an array data set")
    parser.add_argument(
        "--no-cache", action="store_true", help="neither look features up in the cache folder nor keep them there"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    args = parser.parse_args()
    if not args.list:
        check(args)
    return args


def check(args: argparse.Namespace) -> None:
    """Raise UserError on options that name nothing, or that contradict each other."""
    if args.what is None:
        order = " before --compare" if args.compare else ", or --list"
        raise UserError(f"FOLDER|PRESET: is missing; give a folder of labelled photos{order}")
    if args.what not in ARRAY_PRESETS and not is_there(args.what):
        arrays = ", ".join(ARRAY_PRESETS)
        raise UserError(f"{args.what}: no such folder, and no preset with a test set of its own ({arrays})")
    if args.output and is_there(args.output):
        raise UserError(f"--output: {args.output} exists and is never overwritten; choose another name")
    if args.compare and args.weights:
        raise UserError("--weights: names one run, and --compare several; give one of them")


@dataclass(frozen=True)
class Scored:
    """Images with a network's answers; probabilities are float32 (n, classes)."""

    images: ImageSet
    unreadable: dict[str, str]
    probabilities: np.ndarray
    scores: Scores
    seen_in_training: int  # how many photos were left out for that


def main() -> None:
    """Load the weights and the images, score them, write the results and print the scores."""
    args = parse()
    if args.list:
        return print(describe_runs(RUNS, args.json), end="")
    tune_memory()
    if args.compare:
        return compare(args)
    weights = find_weights(args.weights, args.what if args.what in ARRAY_PRESETS else None)
    scored = score_weights(args, weights)
    probabilities, images, scores = scored.probabilities, scored.images, scored.scores
    facts = {"weights": str(weights), "images": args.what, "unreadable": scored.unreadable, "shift": args.shift}
    result = {**facts, **scores.as_dict()}

    def fill(unfinished: Path) -> None:
        write_predictions(unfinished / "predictions.csv", probabilities, images, scores.class_names)
        atomic.write_json(unfinished / "scores.json", result)

    try:
        output = atomic.fill_folder(args.output, EVALUATIONS / Path(args.what).resolve().name, fill)
    finally:  # a folder that cannot be written loses no score
        print_json(result) if args.json else show(f"{scores.sentence()}\n\n{scores.table()}")
    draw_pictures(output, probabilities, images, scores)
    write_report(output, args.what, facts, scored)
    say(f"The report, confusion matrix, mistakes and predictions are in {output}/")


def compare(args: argparse.Namespace) -> None:
    """Score the same photos with several runs, write how they differ, and print whether that may be chance."""
    runs = {str(run): find_weights(run) for run in args.compare}
    if len({weights.resolve() for weights in runs.values()}) < max(2, len(args.compare)):
        raise UserError(f"--compare: needs two or more different runs, received {' '.join(map(str, args.compare))}")
    fallback = fallback_from(args, NamedNetworks("models"), PRESETS)
    refuse_other_classes({run: fallback.describe(weights).class_names for run, weights in runs.items()})
    # What one run has learned from is no fair question for another.
    seen = np.unique(np.concatenate([read_trained_on(weights) for weights in runs.values()]))
    answers, unreadable, left_out = {}, {}, 0
    for run, weights in runs.items():
        scored = score_weights(args, weights, seen)  # its pixels are forgotten before the next run needs some
        names = scored.scores.class_names
        answers[run] = RunAnswers(scored.images.names, scored.images.labels, scored.probabilities, names)
        unreadable, left_out = unreadable | scored.unreadable, max(left_out, scored.seen_in_training)
    compared = compare_runs(answers)
    facts = {"images": args.what, "unreadable": unreadable, "seen_in_training": left_out, "shift": args.shift}
    result = {**facts, **compared.as_dict()}

    def fill(unfinished: Path) -> None:
        write_differences(unfinished / "differences.csv", compared)
        atomic.write_json(unfinished / "comparison.json", result)

    try:
        output = atomic.fill_folder(args.output, EVALUATIONS / f"{Path(args.what).resolve().name}-compared", fill)
    finally:
        print_json(result) if args.json else show("\n".join([compared.table(), "", *compared.sentences()]))
    left = [(name, str(value)) for name, value in facts.items() if value and name != "unreadable"]
    summary = f"{', '.join(compared.runs)}, asked about the same {compared.scores[0].total:,} images."
    page = ComparisonPage(Path(args.what).name, summary, compared, scored.images, left, describe_unreadable(unreadable))
    try_to_write(lambda: write_comparison_report(output / REPORT, page), output / REPORT)
    say(f"Photos that got different answers: {len(compared.differing)}, listed in {output}/differences.csv")


def score_weights(args: argparse.Namespace, weights: Path, seen: np.ndarray | None = None) -> Scored:
    """Score images by features where that is possible, which is faster, and by pixels elsewhere.

    Args:
        seen: uint64 (n,) fingerprints of photos that are left out because one of several networks was trained on them;
            None: those that this one was trained on.
    """
    return score_features(args, weights, seen) or score_pixels(args, weights, seen)


def score_features(args: argparse.Namespace, weights: Path, seen: np.ndarray | None) -> Scored | None:
    """Score photos by the features of a pretrained backbone, without Keras; None if the network is not of that kind.

    What is known of a photo is looked up. The features of a moved image are not known, so those go the other way.
    """
    if args.what in ARRAY_PRESETS or args.shift:
        return None
    description = fallback_from(args, NamedNetworks("models"), PRESETS).describe(weights)
    # LiteRT takes 0.1 s, which --help and a wrong option must not wait for.
    from image_kit.features import load_unseen_features, open_head_classifier

    with open_head_classifier(weights, description) as classifier:
        if classifier is None:
            return None
        seen, by = seen_by(weights, seen)
        photos, features = load_unseen_features(Path(args.what), classifier, seen, not args.no_cache, reading, by)
        say_notes(weights, photos)
        probabilities, images = classifier.probabilities_of(features), photos.images
        scores = score(probabilities, images.labels, classifier.class_names)
        return Scored(images, photos.unreadable, probabilities, scores, photos.seen)


def score_pixels(args: argparse.Namespace, weights: Path, seen: np.ndarray | None) -> Scored:
    """Score images by running the whole network in Keras."""
    is_array = args.what in ARRAY_PRESETS
    if args.no_cache:
        raise UserError("--no-cache: is for unmoved photos and a network on pretrained features; leave it out")
    from image_kit.compute import set_up

    set_up("float32")
    # TensorFlow and keras take 3 s, which --help and a wrong option must not wait for.
    from image_kit.answering import KerasClassifier, score_images

    says_itself = read_description(weights) is not None
    preset_name = args.preset or (args.what if is_array and not says_itself else None)
    fallback = replace(fallback_from(args, NamedNetworks("models"), PRESETS), preset=preset_name)
    classifier = KerasClassifier.load(weights, fallback)
    photos = load_test_set(args, classifier, weights) if is_array else load_photos(args, classifier, weights, seen)
    say_notes(weights, photos)
    images = shift_image_set(photos.images, args.shift) if args.shift else photos.images
    if args.shift:
        say(f"every image moved by {args.shift} pixels: left, right, up, down in turn")
    return Scored(images, photos.unreadable, *score_images(classifier, images), photos.seen)


def seen_by(weights: Path, seen: np.ndarray | None) -> tuple[np.ndarray, str]:
    """Fingerprints of the photos to leave out, and who has seen them, for a note."""
    return (read_trained_on(weights), "the network") if seen is None else (seen, "one of the runs")


def say_notes(weights: Path, photos: UnseenPhotos) -> None:
    """Tell which weights and which images are scored, and what was left out; what several runs share, once."""
    for line in (f"weights: {weights}", *photos.notes):
        say_once(line)


def load_test_set(args: argparse.Namespace, classifier, weights: Path) -> UnseenPhotos:
    """The test set of an array preset; raises UserError if the network was trained on another data set."""
    data = load_arrays(PRESETS[args.what], args.data_dir)
    if (data.class_names, data.preprocessing) != (classifier.class_names, classifier.preprocessing):
        raise UserError(f"{weights}: was not trained on {PRESETS[args.what].dataset}; give other --weights")
    return UnseenPhotos(data.parts["test"], [f"scoring the test set of {note}" for note in data.notes], {})


def load_photos(args: argparse.Namespace, classifier, weights: Path, seen: np.ndarray | None) -> UnseenPhotos:
    """The photos of a folder that the network, or any of several, was not trained on."""
    names, preprocessing = classifier.class_names, classifier.preprocessing
    seen, by = seen_by(weights, seen)
    return load_unseen_photos(Path(args.what), names, preprocessing, seen, reading, by)


def draw_pictures(output: Path, probabilities: np.ndarray, images: ImageSet, scores) -> None:
    """Write confusion_matrix.png and mistakes.png; a picture that cannot be drawn costs one line, not the scores."""

    def draw_matrix(path: Path) -> None:
        from image_kit.pictures import plot_confusion_matrix

        plot_confusion_matrix(scores.confusion, scores.class_names, path, scores.sentence())

    def draw_mistakes(path: Path) -> None:
        from image_kit.pictures import plot_mistakes

        plot_mistakes(probabilities, images, scores, path)

    pictures: dict[str, Callable[[Path], None]] = {"confusion_matrix.png": draw_matrix, "mistakes.png": draw_mistakes}
    for name, draw in pictures.items():
        try:
            draw(output / name)
        except Exception as error:  # matplotlib, Pillow and fonts fail in many ways
            say(f"{output / name}: could not be drawn ({first_line(error)}); the scores are complete")


def write_report(output: Path, what: str, facts: dict[str, object], scored: Scored) -> None:
    """Write report.html; a report that cannot be written costs one line, not the scores."""
    details = ScoredImages(scored.scores, scored.probabilities, scored.images, "predictions.csv")
    rows = [(name, str(value)) for name, value in facts.items() if value and name != "unreadable"]
    summary = f"Answers of {facts['weights']} to {scored.scores.total:,} labelled images."
    page = EvaluationPage(Path(what).name, summary, details, rows, describe_unreadable(scored.unreadable))
    try_to_write(lambda: write_evaluation_report(output / REPORT, page), output / REPORT)


if __name__ == "__main__":
    command_line.run(main)

"""Name the class of photos: what each may be, and every class with its probability, best first.

Where the weights are calibrated (train.py does it on the validation images), probabilities are as sure as they are
right, and the right class is among those named for a share of --coverage of photos like the validation images. A photo
unlike those of the training is said to be none of the classes.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from image_kit import terminal as command_line
from image_kit.answering import Answer, write_answers
from image_kit.errors import UserError
from image_kit.files import first_free
from image_kit.terminal import progress, say
from image_kit.trust import COVERAGE, MAX_COVERAGE, MIN_COVERAGE
from image_kit.weights import find_weights
from presets import PRESETS

PREDICTIONS = Path("predictions")
EXAMPLES = """examples:
  python predict.py photo.jpg                      the newest run answers
  python predict.py holiday "more/**/*.jpg"        all photos of a folder, and those of a pattern
  python predict.py photo.jpg --weights runs/elephants_cars-1
  python predict.py photo.jpg --weights 50_epochs.h5 --preset elephants_cars
  python predict.py photo.jpg --json               one JSON object a line; --csv: a table for a spreadsheet
  python predict.py photo.jpg --explain            a picture of where the network looked; --show: without that
  python predict.py --test-image 12 --weights runs/fashion_mnist-1
  find . -name "*.jpg" | python predict.py -       a list of photos; or one image: curl ... | python predict.py -

Exit status: 0 all answered, 1 some photo could not be read, 2 wrong usage.
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*", metavar="PHOTO", help="files, folders, patterns, or - for standard input")
    command_line.add_weights_options(parser)
    parser.add_argument(
        "--coverage",
        metavar="SHARE",
        type=float,
        default=COVERAGE,
        help="how often the right class must be among those that an answer names (default: %(default)s)",
    )
    parser.add_argument("--top", metavar="K", type=int, help="name the K most probable classes only")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object a line")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    parser.add_argument("--show", action="store_true", help="save a picture of the photos with their answers")
    parser.add_argument("--explain", action="store_true", help="the same, with heat maps of what spoke for the answer")
    parser.add_argument("--output", metavar="PNG", type=Path, help=f"that picture's file (a new one in {PREDICTIONS}/)")
    parser.add_argument("--test-image", metavar="N", type=int, help="picture N of an array preset's test set; --show")
    parser.add_argument("--data-dir", metavar="DIR", help="holds NAME.npz of that data set")
    args = parser.parse_args()
    args.show |= args.explain or args.test_image is not None
    _check(args)
    return args


def _check(args: argparse.Namespace) -> None:
    if not args.photos and args.test_image is None:
        raise UserError("PHOTO: give one or more files, folders or patterns, - for standard input, or --test-image N")
    if args.top is not None and args.top < 1:
        raise UserError(f"--top: must be 1 or more, received {args.top}")
    if not MIN_COVERAGE <= args.coverage <= MAX_COVERAGE:
        raise UserError(f"--coverage: must be from {MIN_COVERAGE} to {MAX_COVERAGE}, received {args.coverage:g}")
    if args.output and not args.show:
        raise UserError(f"--output: {args.output} is for the picture of --show or --explain; add one of them")
    if args.output and args.output.suffix.lower() != ".png":
        raise UserError(f"--output: must end in .png, received {args.output}")
    if args.output and args.output.exists():
        raise UserError(f"--output: {args.output} exists and is never overwritten; choose another name")


def main() -> None:
    """Load the weights, answer each photo, and save the picture if one is wanted."""
    args = parse()
    weights = find_weights(args.weights)
    from image_kit.answering import answer_photos, load_classifier, load_through_tensorflow
    from image_kit.datasets import image_of_test_set
    from image_kit.photos import find_photos

    load = load_through_tensorflow if args.explain else load_classifier
    classifier = load(weights, args.preset, args.class_names)
    say(f"weights: {weights}")
    if note := coverage_note(classifier.trust, args.coverage):
        say(note)
    preset = PRESETS.get(classifier.description.preset)
    sources = find_photos(args.photos, sys.stdin.buffer if sys.stdin else None)
    if args.test_image is not None:
        shape = classifier.preprocessing.image_shape
        sources.append(image_of_test_set(preset and preset.dataset, args.test_image, args.data_dir, shape))
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    answered = answer_photos(classifier, sources, args.top, args.coverage)
    if not is_terminal:  # there the answers show how far it is
        answered = progress(answered, len(sources), "answering")
    sheet, failed = new_sheet(args, classifier), []

    def watched() -> Iterator[Answer]:
        for source, (answer, image) in zip(sources, answered, strict=True):
            report(source, answer, image, preset and preset.dataset)
            if answer.error is not None:
                failed.append(answer)
            elif sheet:
                sheet.add(source, answer, image)
            yield answer

    form = "json" if args.json else "csv" if args.csv else "table" if is_terminal and len(sources) > 1 else "listing"
    write_answers(form, watched(), sys.stdout, [source.name for source in sources])
    if sheet and sheet.shown:
        say(sheet.save(args.output or first_free(PREDICTIONS / "answers", ".png")))
    if failed:
        sys.exit(1)


def coverage_note(trust, coverage: float) -> str | None:
    """What must be said of the prediction sets before they are read; None if they are as asked for."""
    if trust is None:
        return "not calibrated: probabilities are as the network gives them, and no prediction set is known"
    if trust.calibration.can_answer(coverage):
        return None
    count = len(trust.calibration.nonconformity_scores)
    return f"--coverage {coverage:g}: {count} validation images are too few for it, so any class may be the right one"


def new_sheet(args: argparse.Namespace, classifier):
    """The picture to draw answers on; None if none is wanted."""
    if not args.show:
        return None
    from image_kit.pictures import AnswerSheet  # imports matplotlib

    if not args.explain:
        return AnswerSheet()
    from image_kit.pictures import HeatMaps  # imports TensorFlow

    heat_map = HeatMaps(classifier)
    return AnswerSheet(lambda image, label: heat_map(image, classifier.class_names.index(label)))


def report(source, answer: Answer, image, dataset: str | None) -> None:
    """Say what is wrong with a photo. `source` is its PhotoSource, `image` what the network saw, if it was read."""
    from image_kit.datasets import looks_inverted

    if answer.error is not None:
        say(f"{answer.path}: cannot be read: {answer.error}")
    elif isinstance(source.content, Path | bytes) and looks_inverted(image, dataset):
        say(f"{answer.path}: looks inverted: {dataset} has light things on black; invert it and ask again")


if __name__ == "__main__":
    command_line.run(main)

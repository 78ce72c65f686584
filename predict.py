"""Name the class of photos: what each may be, and every class with its probability, best first.

Where the weights are calibrated (train.py does it on the validation images), probabilities are as sure as they are
right, and the right class is among those named for a share of --coverage of photos like the validation images. A photo
unlike those of the training is said to be none of the classes.
"""

import argparse
import sys
from collections.abc import Iterator

import command_line
from artifacts import answers
from artifacts.answers import Answer
from artifacts.calibration import COVERAGE, MAX_COVERAGE, MIN_COVERAGE
from artifacts.run_folder import find_weights
from command_line import progress, say
from errors import UserError

EXAMPLES = """examples:
  python predict.py photo.jpg                      the newest run answers
  python predict.py holiday "more/**/*.jpg"        all photos of a folder, and those of a pattern
  python predict.py photo.jpg --weights runs/elephants_cars-1
  python predict.py photo.jpg --weights 50_epochs.h5 --preset elephants_cars
  python predict.py photo.jpg --json               one JSON object a line; --csv: a table for a spreadsheet
  find . -name "*.jpg" | python predict.py -       a list of photos; or one image: curl ... | python predict.py -

Exit status: 0 all answered, 1 some photo could not be read, 2 wrong usage.
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="files, folders, patterns, or - for standard input")
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
    args = parser.parse_args()
    if args.top is not None and args.top < 1:
        raise UserError(f"--top: must be 1 or more, received {args.top}")
    if not MIN_COVERAGE <= args.coverage <= MAX_COVERAGE:
        raise UserError(f"--coverage: must be from {MIN_COVERAGE} to {MAX_COVERAGE}, received {args.coverage:g}")
    return args


def main() -> None:
    """Load the weights and answer each photo."""
    args = parse()
    weights = find_weights(args.weights)
    from artifacts.inference import answer_photos, load_classifier
    from pipeline.photo_sources import find_photos

    classifier = load_classifier(weights, args.preset, args.class_names)
    say(f"weights: {weights}")
    if note := coverage_note(classifier.trust, args.coverage):
        say(note)
    sources = find_photos(args.photos, sys.stdin.buffer if sys.stdin else None)
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    answered = answer_photos(classifier, sources, args.top, args.coverage)
    if not is_terminal:  # there the answers show how far it is
        answered = progress(answered, len(sources), "answering")
    failed = []
    found = report_errors((each for each, _ in answered), failed)
    if args.json:
        answers.write_json(found, sys.stdout)
    elif args.csv:
        answers.write_csv(found, sys.stdout)
    elif is_terminal and len(sources) > 1:
        answers.write_table(found, sys.stdout, [source.name for source in sources])
    else:
        answers.write_listing(found, sys.stdout)
    if failed:
        sys.exit(1)


def coverage_note(trust, coverage: float) -> str | None:
    """What must be said of the prediction sets before they are read; None if they are as asked for."""
    if trust is None:
        return "not calibrated: probabilities are as the network gives them, and no prediction set is known"
    if trust.calibration.can_answer(coverage):
        return None
    count = len(trust.calibration.set_scores)
    return f"--coverage {coverage:g}: {count} validation images are too few for it, so any class may be the right one"


def report_errors(found: Iterator[Answer], failed: list[Answer]) -> Iterator[Answer]:
    """Pass answers through; those without one are said and collected."""
    for each in found:
        if each.error is not None:
            say(f"{each.path}: cannot be read: {each.error}")
            failed.append(each)
        yield each


if __name__ == "__main__":
    command_line.run(main)

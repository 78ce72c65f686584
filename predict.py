"""Name the class of photos: every class with its probability, best first."""

import argparse
import sys
from collections.abc import Iterator

import command_line
from artifacts import answers
from artifacts.answers import Answer
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
    parser.add_argument("--top", metavar="K", type=int, help="name the K most probable classes only")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object a line")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    args = parser.parse_args()
    if args.top is not None and args.top < 1:
        raise UserError(f"--top: must be 1 or more, received {args.top}")
    return args


def main() -> None:
    """Load the weights and answer each photo."""
    args = parse()
    weights = find_weights(args.weights)
    from artifacts.inference import answer_photos, load_classifier
    from pipeline.photo_sources import find_photos

    classifier = load_classifier(weights, args.preset, args.class_names)
    say(f"weights: {weights}")
    sources = find_photos(args.photos, sys.stdin.buffer if sys.stdin else None)
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    answered = answer_photos(classifier, sources, args.top)
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


def report_errors(found: Iterator[Answer], failed: list[Answer]) -> Iterator[Answer]:
    """Pass answers through; those without one are said and collected."""
    for each in found:
        if each.error is not None:
            say(f"{each.path}: cannot be read: {each.error}")
            failed.append(each)
        yield each


if __name__ == "__main__":
    command_line.run(main)

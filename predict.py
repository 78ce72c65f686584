"""Name the class of photos: which classes each may show, and the probability of every class, the highest first.

If the weights are calibrated (train.py does it with the validation images), probabilities match the rate of right
answers. For photos like the validation images, the right class is then among those named at least as often as
--coverage says. A photo unlike the training images is refused: it is none of the classes.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if getattr(sys.flags, "safe_path", False):  # python -P and -I leave this folder out
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from image_kit import terminal as command_line
from image_kit.answering import Answer, write_answers
from image_kit.errors import UserError, first_line
from image_kit.files import fill_file
from image_kit.named_networks import NamedNetworks
from image_kit.notebooks import own_modules
from image_kit.programs import add_serve_options, refuse_wrong_serve_options
from image_kit.retries import is_there
from image_kit.terminal import CommandLine, SomeMessages, is_terminal, progress, say
from image_kit.trust import COVERAGE, MAX_COVERAGE, MIN_COVERAGE
from image_kit.weights import add_weights_options, fallback_from, find_weights

with own_modules():
    from presets import PRESETS

PREDICTIONS = Path("predictions")
EXAMPLES = """examples:
  python predict.py photo.jpg                      uses the newest run
  python predict.py holiday "more/**/*.jpg"        all photos in a folder, and those that match a pattern
  python predict.py photo.jpg --weights runs/elephants_cars-1
  python predict.py photo.jpg --weights 50_epochs.h5 --preset elephants_cars
  python predict.py holiday --fast                 many photos, 1.6 to 1.8 times as fast
  python predict.py photo.jpg --json               one JSON object per line; --csv: a table for a spreadsheet
  python predict.py photo.jpg --show               saves a picture; --explain: with heat maps of where it looked
  python predict.py --test-image 12 --weights runs/fashion_mnist-1
  find . -name "*.jpg" | python predict.py -       a list of photos on standard input
  curl ... | python predict.py -                   one image on standard input
  python predict.py --serve                        a page at http://127.0.0.1:8000/ for photos

Exit status: 0 if all photos were answered, 1 if a photo could not be read, 2 for an error.
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = CommandLine(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", metavar="PHOTO", help="files, folders, patterns, or - for standard input")
    add_weights_options(parser, PRESETS)
    parser.add_argument(
        "--coverage",
        metavar="FRACTION",
        type=float,
        default=COVERAGE,
        help="how often the right class must be among those named, 0.5 to 0.999 (default: %(default)s)",
    )
    parser.add_argument("--top", metavar="K", type=int, help="print the K most probable classes only")
    parser.add_argument(
        "--fast",
        action="store_true",
        help="answer through 8-bit integers, for many photos; made at the first use from the run's photos, and used "
        "if their answers stay the same",
    )
    style = parser.add_mutually_exclusive_group()
    style.add_argument("--json", action="store_true", help="print one JSON object per line")
    style.add_argument("--csv", action="store_true", help="print comma-separated values")
    parser.add_argument("--show", action="store_true", help="save a picture of the photos with their answers")
    parser.add_argument("--explain", action="store_true", help="like --show, with heat maps of the evidence")
    parser.add_argument("--output", metavar="PNG", type=Path, help=f"the picture (default: new in {PREDICTIONS}/)")
    parser.add_argument("--test-image", metavar="N", type=int, help="image N of an array preset's test set; --show")
    parser.add_argument("--data-dir", metavar="DIR", help="folder with NAME.npz of that data set")
    add_serve_options(parser)
    args = parser.parse_args()
    args.show |= args.explain or args.test_image is not None
    refuse_wrong_options(args)
    return args


def refuse_wrong_options(args: argparse.Namespace) -> None:
    """Raise UserError if options are out of range or contradict each other."""
    refuse_wrong_serve_options(args)
    if not args.photos and args.test_image is None and not args.serve:
        raise UserError("PHOTO: give one or more files, folders or patterns, - for standard input, or --test-image N")
    if args.top is not None and args.top < 1:
        raise UserError(f"--top: must be 1 or more, received {args.top}")
    if not MIN_COVERAGE <= args.coverage <= MAX_COVERAGE:
        raise UserError(f"--coverage: must be from {MIN_COVERAGE} to {MAX_COVERAGE}, received {args.coverage:g}")
    if args.fast and args.explain:
        raise UserError("--fast: cannot be explained, since heat maps need the float32 network; leave one of them out")
    if args.output and not args.show:
        raise UserError(f"--output: {args.output} is for the picture of --show or --explain; add one of them")
    if args.output and args.output.suffix.lower() != ".png":
        raise UserError(f"--output: must end in .png, received {args.output}")
    if args.output and is_there(args.output):
        raise UserError(f"--output: {args.output} exists and is never overwritten; choose another name")


def main() -> None:
    """Load the weights, answer and print each photo, and save the picture if one is wanted."""
    args = parse()
    weights = find_weights(args.weights)
    if args.serve:
        serve_until_ended(weights, args)
        return
    # LiteRT and Pillow take 0.1 s, which --help and a wrong option must not wait for.
    from image_kit.answering import answer_photos, load_classifier, load_through_tensorflow

    load = load_through_tensorflow if args.explain else load_classifier
    if args.fast:
        from image_kit.exports import load_fast_classifier  # imports training, which answers without it do not need

        load = load_fast_classifier
    classifier = load(weights, fallback_from(args, NamedNetworks("models"), PRESETS))
    say(f"weights: {weights}")
    if note := coverage_note(classifier.trust, args.coverage):
        say(note)
    preset = PRESETS.get(classifier.description.preset)
    dataset = preset.dataset if preset else None
    sources = find_sources(args, dataset, classifier.preprocessing)
    on_terminal = is_terminal(sys.stdout)
    style = "json" if args.json else "csv" if args.csv else "table" if on_terminal and len(sources) > 1 else "listing"
    picture, failed = new_picture(args, classifier), []
    problems = SomeMessages("more photos have a problem; --csv gives a row to each that cannot be read")

    def answers() -> Iterator[Answer]:
        """Each answer as soon as it is there; on the way its problem is told and its picture kept."""
        answered = answer_photos(classifier, sources, args.top, args.coverage)
        if not on_terminal:  # on a terminal the answers themselves show the progress
            answered = progress(answered, len(sources), "answering")
        for source, (answer, image) in zip(sources, answered, strict=True):
            say_problem(source, answer, image, dataset, problems.say)
            if answer.error is not None:
                failed.append(answer)
            elif picture:
                picture.add(source, answer, image)
            yield answer

    write_answers(style, answers(), sys.stdout, [source.name for source in sources])
    problems.end()
    if picture and picture.shown:
        say(picture.sentence(save_picture(picture, args.output)))
    if failed:
        sys.exit(1)


def serve_until_ended(weights: Path, args: argparse.Namespace) -> None:
    """Answer requests until Ctrl-C."""
    # They import LiteRT, the server and Pillow, as above.
    from image_kit.photos import tune_memory
    from image_kit.programs import PhotoClassifier, serve

    tune_memory()
    with PhotoClassifier(weights, fallback_from(args, NamedNetworks("models"), PRESETS)) as classifier:
        say(f"weights: {weights}")
        if note := coverage_note(classifier.trust, args.coverage):
            say(note)
        serve(classifier, args.host, args.port, args.top, args.coverage)


def find_sources(args: argparse.Namespace, dataset: str | None, preprocessing) -> list:
    """The photos on the command line, and the image of --test-image if there is one; tells what they may mean."""
    from image_kit.photos import find_photos, note_samples, tune_memory  # imports Pillow

    tune_memory()
    sources = find_photos(args.photos, sys.stdin.buffer if sys.stdin else None)
    paths = [source.content for source in sources if isinstance(source.content, Path)]
    for note in note_samples(paths, preprocessing.sample_bits, has_option=False):
        say(note)
    if args.test_image is not None:
        from image_kit.datasets import load_test_image  # takes 3 ms, which photos do not need

        sources.append(load_test_image(dataset, args.test_image, args.data_dir, preprocessing.image_shape))
    return sources


def coverage_note(trust, coverage: float) -> str | None:
    """What the user must know about the prediction sets; None if they are as asked for."""
    if trust is None:
        return "not calibrated: probabilities are as the network gives them, and no prediction set is known"
    if trust.calibration.can_answer(coverage):
        return None
    count = len(trust.calibration.nonconformity_scores)
    return f"--coverage {coverage:g}: {count} validation images are too few, so any class may be the right one"


def new_picture(args: argparse.Namespace, classifier):
    """An `AnswerSheet` to draw the answers on; None if no picture is wanted."""
    if not args.show:
        return None
    from image_kit.pictures import AnswerSheet  # imports matplotlib

    bits = classifier.preprocessing.sample_bits
    if not args.explain:
        return AnswerSheet(sample_bits=bits)
    from image_kit.pictures import HeatMaps  # imports TensorFlow

    heat_map = HeatMaps(classifier)
    return AnswerSheet(lambda image, label: heat_map(image, classifier.class_names.index(label)), bits)


def save_picture(picture, output: Path | None) -> Path:
    """Save an `AnswerSheet`. The answers have been printed, so that a failure loses the picture only."""
    try:
        return fill_file(output, PREDICTIONS / "answers", ".png", picture.save)
    except OSError:
        raise
    except Exception as error:  # matplotlib, Pillow and fonts fail in many ways
        raise UserError(f"--show: could not be drawn ({first_line(error)}); the answers are complete") from error


def say_problem(source, answer: Answer, image, dataset: str | None, say: Callable[[str], None]) -> None:
    """Print what is wrong with a photo, if anything is.

    Args:
        source: the `PhotoSource`.
        answer: to this photo.
        image: what the network saw, uint8 (height, width, channels); None if the photo could not be read.
        dataset: what the network was trained on, if it is known.
        say: prints it.
    """
    if answer.error is not None:
        say(f"{answer.path}: cannot be read: {answer.error}")
    elif isinstance(source.content, Path | bytes) and dataset not in (None, "photos"):
        from image_kit.datasets import looks_inverted  # takes 3 ms, which networks of photos do not need

        if looks_inverted(image, dataset):
            say(f"{answer.path}: looks inverted: {dataset} has light things on black; invert it and ask again")


if __name__ == "__main__":
    command_line.run(main)

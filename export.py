"""Export a trained run for another runtime: one file for a phone, a browser, a server or a program in any language.

The export takes pixels and gives the probabilities that predict.py prints. Each is proven at once: its own runtime
answers photos of the run, and an export that answers otherwise is not written.
"""

import argparse
import sys
from pathlib import Path

if getattr(sys.flags, "safe_path", False):  # python -P and -I leave this folder out
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from image_kit import terminal as command_line
from image_kit.errors import UserError
from image_kit.exports import FORMATS, file_name
from image_kit.named_networks import NamedNetworks
from image_kit.retries import is_folder
from image_kit.terminal import CommandLine, print_json, say, show
from image_kit.weights import Fallback, find_weights

EXPORTS = "exports"
EXAMPLES = """examples:
  python export.py --to tflite                         the newest run, to RUN/exports/
  python export.py runs/my_photos-1 --to tflite onnx saved_model
  python export.py runs/my_photos-1 --to onnx --output app/flowers.onnx
  python export.py runs/my_photos-1 --to tflite --data moved/my_photos      where its photos are now
  python export.py runs/my_photos-1 --compare          size, speed and accuracy of all formats

Beside each export are classes.json, which says how to ask it, examples with their answers, a short program in Python
that reads it, and export.json, which holds the proof.
Exit status: 0 if all formats were written and proven, 2 for an error.
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = CommandLine(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", metavar="RUN", type=Path, help="run folder or weights file (default: newest)")
    parser.add_argument(
        "--to", nargs="+", metavar="FORMAT", choices=FORMATS, help=f"one or more of {', '.join(FORMATS)}"
    )
    parser.add_argument("--compare", action="store_true", help="print all formats, or those of --to, in one table")
    parser.add_argument("--output", metavar="FILE", type=Path, help=f"the export's name (default: in RUN/{EXPORTS}/)")
    parser.add_argument("--force", action="store_true", help="replace an export that exists")
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="where the run's photos, or its NAME.npz, are now")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    args = parser.parse_args()
    if not args.to and not args.compare:
        raise UserError(f"--to: is missing; give one or more of {', '.join(FORMATS)}, or --compare")
    if args.output and (args.compare or len(set(args.to)) > 1):
        raise UserError(f"--output: {args.output} names one export; give one format to --to, without --compare")
    if args.data and not is_folder(args.data):
        raise UserError(f"--data: {args.data} is not a folder; give the one that contains the run's photos")
    return args


def main() -> None:
    """Write and prove each format, or compare them."""
    args = parse()
    # These import LiteRT and Pillow, .1 s, which --help and a wrong option must not wait for.
    from image_kit.exports import Reference, find_run_photos, read_source, refuse_existing

    chosen = [FORMATS[name] for name in dict.fromkeys(args.to or FORMATS)]
    weights = find_weights(args.run)
    source = read_source(weights, Fallback(NamedNetworks("models")))
    outputs = {each: args.output or weights.parent / EXPORTS / file_name(source, each) for each in chosen}
    if not args.compare:
        for each, output in outputs.items():
            each.refuse_missing_packages()
            refuse_existing(output, each, source, args.force)
    say(f"weights: {weights}")
    description = source.description
    photos = find_run_photos(weights, description.class_names, description.preprocessing, args.data)
    reference = Reference.of(source, photos)
    if args.compare:
        return compare(chosen, source, reference, args.json)
    results = []
    for each, output in outputs.items():
        results.append(export_one(each, output, source, reference, args.json))
    if args.json:
        print_json(results)


def export_one(chosen, output: Path, source, reference, as_json: bool) -> dict:
    """Export in one format, and say where it is and what was proven."""
    from image_kit.exports import export  # as in main

    proof, notes = export(chosen, output, source, reference)
    for note in notes:
        say(note)
    if not as_json:
        show(f"{output}: {proof.sentence()}")
    return {"file": str(output), "format": chosen.name, **vars(proof), "notes": notes}


def compare(chosen, source, reference, as_json: bool) -> None:
    """Print what each format weighs, how fast it is, and how well it answers."""
    from image_kit.exports import compare_formats, describe_comparison  # as in main

    rows = compare_formats(chosen, source, reference)
    if as_json:
        print_json({"photos": reference.photos.words, "formats": rows})
    else:
        show(describe_comparison(rows))
        say(f"accuracy and difference: {reference.photos.words}")


if __name__ == "__main__":
    command_line.run(main)

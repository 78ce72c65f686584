"""Check photos before or after training: labels, copies, odd files, shortcuts, and how many more would help."""

import argparse
import sys
from functools import partial
from pathlib import Path

if getattr(sys.flags, "safe_path", False):  # python -P and -I leave this folder out
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from image_kit import options
from image_kit.errors import UserError
from image_kit.files import fill_folder
from image_kit.photos import tune_memory
from image_kit.retries import is_there
from image_kit.terminal import CommandLine, print_json, progress, run, say, show, telling_how_to_go_on

CHECKS = Path("checks")
BACKBONE = "lite0"
EXAMPLES = """examples:
  python check.py my_photos                        a folder for each class, or train/, validation/, test/ with such
  python check.py my_photos --groups shops.csv     photos of one group belong together, as in train.py
  python check.py my_photos --json                 for a program

Exit status: 0 nothing of weight was found; 1 something was; 2 the check was not possible.
Write yes into the column accept of findings.csv, and make a cleaned copy:
  python data/prepare.py apply checks/my_photos-1/findings.csv --output data/cleaned
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = CommandLine(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="photos, in a layout that train.py takes")
    parser.add_argument(
        "--output", metavar="FOLDER", type=Path, help=f"new folder for the results (default: a new one in {CHECKS}/)"
    )
    parser.add_argument(
        "--groups", metavar="CSV", type=Path, help="a file with the columns file and group, as train.py takes it"
    )
    parser.add_argument("--backbone", metavar="NAME", default=BACKBONE, help="see train.py (default: %(default)s)")
    parser.add_argument(
        "--no-cache", action="store_true", help="neither look features up in the cache folder nor keep them there"
    )
    options.add_sample_bits(parser)
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object")
    args = parser.parse_args()
    options.check_sample_bits(args)
    if args.output and is_there(args.output):
        raise UserError(f"--output: {args.output} exists and is never overwritten; choose another name")
    return args


def main() -> None:
    """Find the features, check, write the results, and say what was found."""
    args = parse()
    tune_memory()
    # scipy and LiteRT take .4 s, which --help and a wrong option need not wait for.
    from image_kit.checks import check_folder, load_checked_photos, write_report, write_tables
    from image_kit.features import load_backbone
    from image_kit.photos import note_nearly_black

    kept = "" if args.no_cache else "The features computed so far are kept. Go on with the same command."
    with telling_how_to_go_on(lambda: kept):
        reading, checking = partial(progress, label="reading"), partial(progress, label="checking")
        backbone, keeps = load_backbone(args.backbone), not args.no_cache
        photos = load_checked_photos(args.folder, backbone, keeps, reading, args.groups, args.sample_bits)
        for note in note_nearly_black(photos.paths, args.sample_bits):
            say(note)
        check = check_folder(photos, checking)
    numbered = CHECKS / args.folder.resolve().name
    try:
        output = fill_folder(args.output, numbered, lambda unfinished: write_tables(unfinished, check))
        write_report(output, check)
    finally:  # a folder that cannot be written does not lose what took so long
        print_json(check.as_dict()) if args.json else show("\n".join(check.summary()))
    say(f"All findings, and a report with the photos, are in {output}/")
    sys.exit(check.is_serious)


if __name__ == "__main__":
    run(main)

"""Prepares photo folders for training: draws a demonstration set, splits, cleans, downloads from Pixabay."""

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # since it is run as a script

from image_kit.call import call
from image_kit.checks import apply_findings, find_checked_folder, read_accepted
from image_kit.errors import UserError
from image_kit.photo_sets import (
    DEMO_COUNTS,
    FRACTIONS,
    MAX_HITS,
    PIXABAY_URL,
    SUBJECTS,
    PixabayClient,
    SplitReport,
    class_folder,
    download_photos,
    draw_demo,
    split_photos,
)
from image_kit.photos import PARTS, tune_memory
from image_kit.terminal import CommandLine, name_some, print_json, progress, run, say, show
from image_kit.text_table import table

ROUNDING = 1e-9  # fractions such as 0.7 + 0.2 + 0.1 can add up to a little more than 1

EXAMPLES = """examples:
  python data/prepare.py demo
  python data/prepare.py split my_photos --output data/my_set
  python data/prepare.py split my_photos --output data/my_set --counts 200 80 200
  python data/prepare.py apply checks/my_photos-1/findings.csv --output data/cleaned
  python data/prepare.py pixabay --key YOUR_KEY elephants cars --count 480"""
DEMO_EXAMPLES = """examples:
  python data/prepare.py demo
  python data/prepare.py demo --output data/small --per-class 40 10 20 --seed 7"""
SPLIT_EXAMPLES = """examples:
  python data/prepare.py split my_photos --output data/my_set
  python data/prepare.py split my_photos --output data/my_set --counts 200 80 200
  python data/prepare.py split my_photos --output data/my_set --fractions 0.8 0.1 0.1 --json

my_photos/CLASS/photo.jpg is copied to data/my_set/train/CLASS/photo.jpg, validation/... or test/...
No file is deleted or overwritten. The same command again continues where it stopped."""
APPLY_EXAMPLES = """examples:
  python data/prepare.py apply checks/my_photos-1/findings.csv --output data/cleaned
  python data/prepare.py apply findings.csv --photos my_photos --output data/cleaned

Write yes into the column accept of each row whose action (drop, or move CLASS) is right. The photos are copied; the
checked folder never changes."""
PIXABAY_EXAMPLES = """examples:
  python data/prepare.py pixabay --key YOUR_KEY elephants cars --count 480
  PIXABAY_KEY=YOUR_KEY python data/prepare.py pixabay "polar bear" tiger --output data/animals

A key is free: https://pixabay.com/api/docs/. The same command again continues where it stopped."""


def build_parser() -> argparse.ArgumentParser:
    """The command line: demo, split, apply and pixabay, each with its own options and examples."""
    top = _make_parser(CommandLine, description=__doc__, epilog=EXAMPLES)
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for add in (_add_demo, _add_split, _add_apply, _add_pixabay):
        add(commands)
    return top


def _add_demo(commands: argparse._SubParsersAction) -> None:
    demo = _make_parser(
        commands.add_parser, name="demo", help="draw elephants and cars to try the kit with", epilog=DEMO_EXAMPLES
    )
    demo.add_argument(
        "--output", type=Path, default=Path("data/elephants_cars_demo"), metavar="FOLDER", help="default: %(default)s"
    )
    demo.add_argument("--seed", type=int, default=0, help="another seed draws other pictures (default: %(default)s)")
    per_class = list(DEMO_COUNTS.values())
    _add_three(demo, "--per-class", int, per_class, "pictures of each class")
    demo.set_defaults(command=_demo)


def _add_split(commands: argparse._SubParsersAction) -> None:
    cut = _make_parser(
        commands.add_parser, name="split", help="split your photos into parts by content", epilog=SPLIT_EXAMPLES
    )
    cut.add_argument("source", type=Path, metavar="SOURCE_FOLDER", help="contains a folder of photos for each class")
    cut.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="the folder for the parts")
    sizes = cut.add_mutually_exclusive_group()
    _add_three(sizes, "--counts", int, None, "photos of each class")
    _add_three(sizes, "--fractions", float, list(FRACTIONS), "fractions of each class")
    cut.add_argument("--json", action="store_true", help="print the table as one JSON object")
    cut.set_defaults(command=_split)


def _add_apply(commands: argparse._SubParsersAction) -> None:
    clean = _make_parser(
        commands.add_parser, name="apply", help="copy photos as a check's findings say", epilog=APPLY_EXAMPLES
    )
    clean.add_argument("findings", type=Path, metavar="FINDINGS_CSV", help="check.py's, with your yes in accept")
    clean.add_argument(
        "--output", "--out", type=Path, required=True, metavar="FOLDER", help="new folder for the copies"
    )
    clean.add_argument("--photos", type=Path, metavar="FOLDER", help="default: the folder that was checked")
    clean.set_defaults(command=_apply)


def _add_pixabay(commands: argparse._SubParsersAction) -> None:
    web = _make_parser(
        commands.add_parser, name="pixabay", help="download photos from Pixabay", epilog=PIXABAY_EXAMPLES
    )
    web.add_argument("queries", nargs="+", metavar="QUERY", help="what to search for; each query is a class")
    web.add_argument("--key", help="your Pixabay API key (default: the environment variable PIXABAY_KEY)")
    web.add_argument("--count", type=int, default=MAX_HITS, help="photos of each class (default: %(default)s)")
    web.add_argument("--output", type=Path, default=Path("data/pixabay"), metavar="FOLDER", help="default: %(default)s")
    web.add_argument("--base-url", default=PIXABAY_URL, metavar="URL", help="default: %(default)s")
    web.set_defaults(command=_pixabay)


def _make_parser(constructor: Callable[..., argparse.ArgumentParser], **options) -> argparse.ArgumentParser:
    """A parser whose examples are printed with their own line breaks."""
    return constructor(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)


def _add_three(group: argparse._ActionsContainer, name: str, kind: type, default: list | None, what: str) -> None:
    """Add an option with one number for each part."""
    shown = f" (default: {' '.join(str(number) for number in default)})" if default else ""
    group.add_argument(
        name, nargs=3, type=kind, default=default, metavar=("TRAIN", "VALIDATION", "TEST"), help=what + shown
    )


def _demo(arguments: argparse.Namespace) -> None:
    _check_counts("--per-class", arguments.per_class)
    if arguments.seed < 0:
        raise UserError(f"--seed {arguments.seed}: must not be negative; give 0, 1, 2, ...")
    counts = dict(zip(PARTS, arguments.per_class, strict=True))
    folder = draw_demo(arguments.output, arguments.seed, counts)
    show(f"{folder}: {sum(counts.values()) * len(SUBJECTS)} pictures")


def _check_counts(option: str, counts: Sequence[int]) -> None:
    if counts[0] < 1 or min(counts) < 0:
        given = " ".join(str(count) for count in counts)
        raise UserError(f"{option} {given}: TRAIN must be at least 1, VALIDATION and TEST at least 0")


def _check_fractions(fractions: Sequence[float]) -> None:
    total = sum(fractions)
    if not (math.isfinite(total) and fractions[0] > 0 and min(fractions) >= 0 and total <= 1 + ROUNDING):
        given = " ".join(str(fraction) for fraction in fractions)
        rule = "TRAIN must be above 0, none may be negative, and their sum must be at most 1"
        raise UserError(f"--fractions {given}: {rule}; the sum is {total:g}; give fractions such as 0.7 0.15 0.15")


def _split(arguments: argparse.Namespace) -> None:
    if arguments.counts:
        _check_counts("--counts", arguments.counts)
    _check_fractions(arguments.fractions)
    report = split_photos(arguments.source, arguments.output, arguments.counts, arguments.fractions)
    if arguments.json:
        print_json(vars(report))
    else:
        _print_report(report)


def _print_report(report: SplitReport) -> None:
    total = {part: sum(counts[part] for counts in report.counts.values()) for part in PARTS}
    rows = [*report.counts.items(), ("total", total)]
    show(table([("class", *PARTS), *((name, *(str(counts[part]) for part in PARTS)) for name, counts in rows)]))
    left_out = f"left out: {report.duplicates} duplicates, {report.unreadable} unreadable"
    show(f"{report.copied} copied, {report.present} there already; {left_out}")


def _apply(arguments: argparse.Namespace) -> None:
    accepted = read_accepted(arguments.findings)
    folder = arguments.photos or find_checked_folder(arguments.findings)
    done = apply_findings(accepted, folder, arguments.output, partial(progress, label="copying"))
    if accepted.without_action:
        say(f"accepted rows that ask for nothing to be done to a photo, passed over: {accepted.without_action}")
    if done.left_out:
        why = "no files, or links out of the folder to what is no image"
        say(f"left out, since they are {why}: {name_some(done.left_out)}")
    show(f"{arguments.output}: {done.copied} photos, {done.moved} of them in another class; {done.dropped} dropped")


def _pixabay(arguments: argparse.Namespace) -> None:
    key = arguments.key or os.environ.get("PIXABAY_KEY")
    if not key:
        raise UserError("no Pixabay key; give --key KEY or set PIXABAY_KEY (free: https://pixabay.com/api/docs/)")
    if not 1 <= arguments.count <= MAX_HITS:
        rule = f"must be 1 to {MAX_HITS}, the photos that Pixabay gives for one query"
        raise UserError(f"--count {arguments.count}: {rule}; for more photos, give more queries")
    query_by_class: dict[str, str] = {}
    for query in arguments.queries:
        other = query_by_class.setdefault(class_folder(query).lower(), query)
        if other != query:
            raise UserError(f"queries {other!r} and {query!r}: both would have one class folder; give one of them")
    client = PixabayClient(key, arguments.output / ".cache", arguments.base_url)
    for query in query_by_class.values():
        result = download_photos(client, query, arguments.count, arguments.output)
        line = f"{result.class_name}: {result.photos} photos, {result.new} new, {result.left_out} left out"
        show(line)
    say(f"next: {call('data/prepare.py', 'split', arguments.output, '--output', 'FOLDER')}")


def main() -> None:
    arguments = build_parser().parse_args()
    tune_memory()
    arguments.command(arguments)


if __name__ == "__main__":
    run(main)

"""Prepares photo folders for training: draws a demonstration set, splits your own photos, downloads from Pixabay."""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script: python data/prepare.py

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
from image_kit.photos import PARTS
from image_kit.terminal import run, say

ROUNDING = 1e-9  # fractions such as 0.7 + 0.2 + 0.1 can add up to a little more than 1

EXAMPLES = """examples:
  python data/prepare.py demo
  python data/prepare.py split my_photos --output data/my_set
  python data/prepare.py split my_photos --output data/my_set --counts 200 80 200
  python data/prepare.py pixabay --key YOUR_KEY elephants cars --count 480"""
DEMO_EXAMPLES = """examples:
  python data/prepare.py demo
  python data/prepare.py demo --output data/small --per-class 40 10 20 --seed 7"""
SPLIT_EXAMPLES = """examples:
  python data/prepare.py split my_photos --output data/my_set
  python data/prepare.py split my_photos --output data/my_set --counts 200 80 200
  python data/prepare.py split my_photos --output data/my_set --fractions 0.8 0.1 0.1 --json

my_photos/CLASS/photo.jpg is copied to data/my_set/train/CLASS/photo.jpg, validation/... or test/...
Nothing in either folder is deleted or overwritten; the same command again goes on where it stopped."""
PIXABAY_EXAMPLES = """examples:
  python data/prepare.py pixabay --key YOUR_KEY elephants cars --count 480
  PIXABAY_KEY=YOUR_KEY python data/prepare.py pixabay "polar bear" tiger --output data/animals

A key is free: https://pixabay.com/api/docs/. The same command again goes on where it stopped."""


def parser() -> argparse.ArgumentParser:
    """The command line: demo, split and pixabay, each with its own options and examples."""
    top = _styled(argparse.ArgumentParser, description=__doc__, epilog=EXAMPLES)
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    demo = _styled(
        commands.add_parser, name="demo", help="draw elephants and cars to try the kit with", epilog=DEMO_EXAMPLES
    )
    demo.add_argument("--output", type=Path, default=Path("data/elephants_cars_demo"), metavar="FOLDER")
    demo.add_argument("--seed", type=int, default=0, help="another seed, other pictures")
    per_class = list(DEMO_COUNTS.values())
    _add_three(demo, "--per-class", int, per_class, "pictures of each class")
    demo.set_defaults(command=_demo)

    cut = _styled(
        commands.add_parser, name="split", help="split your photos into parts by content", epilog=SPLIT_EXAMPLES
    )
    cut.add_argument("source", type=Path, metavar="SOURCE_FOLDER", help="holds a folder of photos for each class")
    cut.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the parts shall be")
    sizes = cut.add_mutually_exclusive_group()
    _add_three(sizes, "--counts", int, None, "photos of each class")
    _add_three(sizes, "--fractions", float, list(FRACTIONS), "shares of each class")
    cut.add_argument("--json", action="store_true", help="print the table as one JSON object")
    cut.set_defaults(command=_split)

    web = _styled(commands.add_parser, name="pixabay", help="download photos from Pixabay", epilog=PIXABAY_EXAMPLES)
    web.add_argument("queries", nargs="+", metavar="QUERY", help="what to search for; each is a class")
    web.add_argument("--key", help="your Pixabay API key; default: the environment variable PIXABAY_KEY")
    web.add_argument("--count", type=int, default=MAX_HITS, help="photos of each class (default: %(default)s)")
    web.add_argument("--output", type=Path, default=Path("data/pixabay"), metavar="FOLDER", help="default: %(default)s")
    web.add_argument("--base-url", default=PIXABAY_URL, metavar="URL", help="default: %(default)s")
    web.set_defaults(command=_pixabay)
    return top


def _styled(make, **options) -> argparse.ArgumentParser:
    """`make` is a parser's constructor; the examples in its epilog keep their lines."""
    return make(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)


def _add_three(group, name: str, kind: type, default: list | None, what: str) -> None:
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
    print(f"{folder}: {sum(counts.values()) * len(SUBJECTS)} pictures")


def _check_counts(option: str, counts: Sequence[int]) -> None:
    if counts[0] < 1 or min(counts) < 0:
        given = " ".join(str(count) for count in counts)
        raise UserError(
            f"{option} {given}: TRAIN must be at least 1, VALIDATION and TEST at least 0; give such numbers"
        )


def _check_fractions(fractions: Sequence[float]) -> None:
    total = sum(fractions)
    if not (math.isfinite(total) and fractions[0] > 0 and min(fractions) >= 0 and total <= 1 + ROUNDING):
        given = " ".join(str(fraction) for fraction in fractions)
        rule = "TRAIN must be above 0, none negative, and their sum at most 1"
        raise UserError(f"--fractions {given}: {rule}, but it is {total:g}; give such shares, as 0.7 0.15 0.15")


def _split(arguments: argparse.Namespace) -> None:
    if arguments.counts:
        _check_counts("--counts", arguments.counts)
    _check_fractions(arguments.fractions)
    report = split_photos(arguments.source, arguments.output, arguments.counts, arguments.fractions)
    if arguments.json:
        print(json.dumps(vars(report), ensure_ascii=False))
    else:
        _print_table(report)


def _print_table(report: SplitReport) -> None:
    total = {part: sum(counts[part] for counts in report.counts.values()) for part in PARTS}
    width = max(len(name) for name in [*report.counts, "total"])
    print(f"{'class':<{width}}" + "".join(f"{part:>12}" for part in PARTS))
    for name, counts in [*report.counts.items(), ("total", total)]:
        print(f"{name:<{width}}" + "".join(f"{counts[part]:>12}" for part in PARTS))
    left_out = f"left out: {report.duplicates} duplicates, {report.unreadable} unreadable"
    print(f"{report.copied} copied, {report.present} there already; {left_out}")


def _pixabay(arguments: argparse.Namespace) -> None:
    key = arguments.key or os.environ.get("PIXABAY_KEY")
    if not key:
        raise UserError("no Pixabay key; give --key KEY or set PIXABAY_KEY (free: https://pixabay.com/api/docs/)")
    if not 1 <= arguments.count <= MAX_HITS:
        rule = f"Pixabay gives 1 to {MAX_HITS} photos a query"
        raise UserError(f"--count {arguments.count}: {rule}; give such a number, and more queries for more photos")
    query_by_class = {}
    for query in arguments.queries:
        other = query_by_class.setdefault(class_folder(query).lower(), query)
        if other != query:
            raise UserError(f"queries {other!r} and {query!r}: would share one class folder; give one of them")
    client = PixabayClient(key, arguments.output / ".cache", arguments.base_url)
    for query in query_by_class.values():
        brought = download_photos(client, query, arguments.count, arguments.output)
        print(
            f"{brought.class_name}: {brought.photos} photos, {brought.new} new, {brought.left_out} left out", flush=True
        )
    say(f"next: python data/prepare.py split {arguments.output} --output FOLDER")


def main() -> None:
    arguments = parser().parse_args()
    arguments.command(arguments)


if __name__ == "__main__":
    run(main)

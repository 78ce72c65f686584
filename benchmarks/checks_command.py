"""check.py from outside, for benchmarks/checks.py: how long a whole check takes, and how much memory."""

import argparse
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from common import ROOT, median_and_range
from pretrained_commands import CACHE, Row, count_photos, halves, write_large_set
from processes import Took, run

# Exit status 1 says that something was found.
CHECK = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    sys.exit((end.code or 0) > 1)
"""
GOALS = {False: 25, True: 10}  # seconds for 1,198 photos, features not known and known


def command(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """check.py on clothing, features not known and known; and on many photos."""
    took: dict[bool, list[Took]] = {known: [] for known in GOALS}
    for number in range(args.rounds):
        for each in took.values():  # the first of a round starts with an empty cache
            each.append(check(args.data / "clothing", folder, f"clothing-{number}"))
    for known, each in took.items():
        what = f"`check.py`, clothing, features {'known' if known else 'not known'}, s"
        yield measured(what, each, count_photos(args.data / "clothing"), f"<= {GOALS[known]} s, < 1,000 MB")


def large(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """check.py on many small photos, features known."""
    photos = write_large_set(args.data, folder / "photos", args.photos)
    check(photos, folder, "many")
    took = [check(photos, folder, "many")]
    yield measured(f"`check.py`, {args.photos:,} photos, features known, s", took, args.photos, "< 600 s")


def check(photos: Path, folder: Path, cache: str) -> Took:
    """Run check.py in a process of its own."""
    arguments = [sys.executable, "-c", CHECK, str(ROOT / "check.py"), str(photos)]
    return run(arguments, folder, **{CACHE: str(folder / cache)})


def measured(what: str, took: list[Took], count: int, goal: str) -> Row:
    """A row of seconds and megabytes."""
    processor = statistics.median(each.cpu_seconds for each in took)
    megabytes = max(each.megabytes for each in took)
    return (
        what,
        *halves(median_and_range([each.seconds for each in took], ".1f")),
        f"{processor:.1f} s of processor time, {megabytes:.0f} MB at most",
        f"{count:,} photos",
        f"{len(took)} rounds",
        goal,
    )

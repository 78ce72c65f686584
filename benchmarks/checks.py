"""What check.py finds of planted truth in real photos, what it finds without any, and how long it takes.

    python benchmarks/checks.py wrong-labels strangers curve copies shortcuts command large --data DIR    # half an hour
    python benchmarks/checks.py wrong-labels --data DIR --cleanlab PYTHON      # PYTHON: one that has cleanlab
    python benchmarks/checks.py command                                        # one part alone

DIR, or the environment variable DATASETS_DIR, has what benchmarks/pretrained.py needs. Each part runs in a process of
its own. Prints Markdown. Choices were made on clothing and photos (elephants and cars); what fruit (train and
validation) had a say in, the parts' modules tell. Parts:

- wrong-labels: labels made wrong, at random and between look-alikes; ours beside cleanlab's.
- strangers: photos of another set.
- curve: accuracy at twice the photos, inside the interval that the learning curve gives or not.
- label-speed: seconds of these three.
- copies: copies of photos, changed in several ways.
- shortcuts: planted cues, and folders without any.
- times: seconds of the checks of files.
- command: check.py on clothing, from command to report.
- large: check.py on 20,000 photos.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from pretrained import run_part

# Part -> its module, which is imported in its process only: the parts that report memory must hold little.
PARTS = {
    "wrong-labels": "checks_labels",
    "strangers": "checks_labels",
    "curve": "checks_curve",
    "label-speed": "checks_curve",
    "copies": "checks_files",
    "shortcuts": "checks_files",
    "times": "checks_files",
    "command": "checks_command",
    "large": "checks_command",
}


def main() -> None:
    """Run the parts, each in a process of its own."""
    args = parse()
    if len(args.parts) == 1:
        return run_part(args.parts[0], args, PARTS)
    given = [word for word in sys.argv[1:] if word not in args.parts]
    for part in args.parts:
        subprocess.run([sys.executable, __file__, part, *given], check=True)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--data", type=Path, default=os.environ.get("DATASETS_DIR"), metavar="DIR")
    parser.add_argument("--cleanlab", metavar="PYTHON", help="a Python that has cleanlab, in any environment")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="draws of what is planted (3)")
    parser.add_argument("--trials", type=int, default=40, metavar="N", help="learning curves of each set (40)")
    parser.add_argument("--folders", type=int, default=10, metavar="N", help="folders with each shortcut (10)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="starts of the command (3)")
    parser.add_argument("--photos", type=int, default=20_000, metavar="N", help="photos of the part large (20000)")
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data: give the folder of the data, or set DATASETS_DIR")
    args.data = Path(args.data).resolve()
    return args


if __name__ == "__main__":
    main()

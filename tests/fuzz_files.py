"""Read thousands of damaged files: each must be read, or raise a UserError of one line.

    python tests/fuzz_files.py my.weights.h5 --cases 5000
    python tests/fuzz_files.py model.tflite --cases 5000 --keep failed/
    python tests/fuzz_files.py model.tflite --network     damage the network only, and correct its hash
    python tests/fuzz_files.py all --cases 1000           small files of every kind; or name kinds: photos groups

The checksum is removed from weights files first, since it would detect nearly all damage before anything is read. A
worker process reads the damaged files, so that a crash of native code is counted and does not end the fuzzing. Case N
of a file is the same on every machine. The tests run a few hundred cases of each kind.
"""

import argparse
import contextlib
import faulthandler
import io
import resource
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # since it is run as a script

from image_kit.errors import UserError  # noqa: E402
from tests.fuzz_kinds import KINDS, MEGABYTE, Kind  # noqa: E402
from tests.fuzz_mutations import forged, mutated  # noqa: E402

GOOD = {"loads", "UserError"}
HANG_SECONDS = 60  # for one case on a busy machine; reading takes well under 1 s
# A file of kilobytes must not make the program take gigabytes; TensorFlow itself reserves 10 GB of address space.
ADDRESS_SPACE, WITH_TENSORFLOW = 12 * 2**30, 24 * 2**30


def kind_of(name: str, is_network: bool) -> Kind:
    """The kind of this name, or that of a weights file or model.tflite which the user gives."""
    if name in KINDS:
        return KINDS[name]
    original = Path(name)
    load = load_lite if original.suffix == ".tflite" else load_keras()
    return Kind(
        lambda folder: _copy(original, folder), load, forged if is_network else mutated, most_bytes=8_000 * MEGABYTE
    )


def _copy(original: Path, folder: Path) -> Path:
    """The file to damage, without its checksum."""
    data = original.read_bytes()
    if original.suffix != ".tflite":
        import h5py

        from image_kit.weights import checksum

        memory = io.BytesIO(data)
        with h5py.File(memory, "r+") as file:
            file.attrs.pop(checksum.ATTRIBUTE, None)
        data = memory.getvalue()
    (folder / original.name).write_bytes(data)
    return folder / original.name


def load_lite(path: Path) -> None:
    """Load a model.tflite; this process is the trial of its network."""
    KINDS["lite"].load(path)


def load_keras():
    """The function that loads a weights file through Keras."""
    from image_kit.compute import device

    device.set_up("float32")
    from image_kit.answering.keras_classifier import KerasClassifier

    return KerasClassifier.load


def fuzz(args: argparse.Namespace, name: str) -> Counter:
    """Read all cases of one kind in workers and count the outcomes. All outcomes but GOOD ones are bugs."""
    outcomes, case = Counter(), args.first
    options = ["--cases", str(args.cases), *(["--network"] if args.network else []), "--worker"]
    while case < args.cases:
        command = [sys.executable, __file__, name, *options, "--first", str(case)]
        worker = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        lines = [line.split(" ", 2)[1:] for line in worker.stdout.splitlines() if line.startswith("case ")]
        if not lines and case == args.first:
            raise SystemExit(f"the worker does not start:\n{worker.stderr}")
        if len(lines) < args.cases - case:  # the worker crashed, which is the outcome of its last case
            last_words = "".join(worker.stderr.strip().splitlines()[-1:])[:200]
            outcome = f"crash (exit status {worker.returncode}) {last_words}"
            lines.append([str(case + len(lines)), tried_apart(args, name, case + len(lines)) or outcome])
        case += len(lines)
        for number, outcome in lines:
            outcomes[outcome] += 1
            if args.keep and outcome not in GOOD:
                keep(args, name, int(number))
    return outcomes


def tried_apart(args: argparse.Namespace, name: str, number: int) -> str | None:
    """What comes of a network that crashes LiteRT where a command loads it: in a separate process first."""
    from image_kit.answering.lite_classifier import LiteClassifier

    if not (name.startswith("lite") or name.endswith(".tflite")):
        return None
    kind = kind_of(name, args.network)
    with tempfile.TemporaryDirectory() as folder:
        path = kind.make(Path(folder))
        path.write_bytes(kind.damage(path.read_bytes(), number))
        return outcome_of(Kind(kind.make, LiteClassifier.load), path)


def keep(args: argparse.Namespace, name: str, number: int) -> None:
    """Write a case that shows a bug."""
    kind = kind_of(name, args.network)
    args.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = kind.make(Path(folder))
        (args.keep / f"{number}-{Path(name).name}-{path.name}").write_bytes(kind.damage(path.read_bytes(), number))


def work(args: argparse.Namespace) -> None:
    """Read each case as a command does, and print its number and outcome."""
    (name,) = args.what
    kind = kind_of(name, args.network)
    limit = WITH_TENSORFLOW if kind.needs_keras or name not in KINDS else ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory() as made:
        path = kind.make(Path(made))
        data = path.read_bytes()
        beside = {each: each.read_bytes() for each in Path(made).rglob("*") if each.is_file()}
        kind_is_warm = False
        for case in range(args.first, args.cases):
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
            for each, content in beside.items():
                if each != path and not (each.exists() and each.stat().st_size == len(content)):
                    each.write_bytes(content)
            path.write_bytes(kind.damage(data, case))
            before = reset_peak()
            outcome = outcome_of(kind, path)
            taken = peak() - before
            if kind_is_warm and taken > kind.most_bytes and outcome in GOOD:
                outcome = f"takes more than {kind.most_bytes // MEGABYTE} MB: {taken // MEGABYTE} MB"
            kind_is_warm = True  # the first case imports what it needs
            print("case", case, outcome, flush=True)


def outcome_of(kind: Kind, path: Path) -> str:
    """What came of reading a file."""
    try:
        kind.load(path)
        return "loads"
    except UserError as error:
        return "UserError" if len(str(error).splitlines()) == 1 else f"UserError of many lines: {error!r}"[:300]
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")[:300]


def reset_peak() -> int:
    """Bytes that this process has in memory; its peak begins anew where the system allows that."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return peak()


def peak() -> int:
    """The most bytes that this process has had in memory."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    """Fuzz each kind and print the outcomes; exit with status 1 if any is a bug."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", help=f"a weights file or model.tflite; all; or of {', '.join(KINDS)}")
    parser.add_argument("--cases", type=int, default=2_000, help="of each, default: %(default)s")
    parser.add_argument("--first", type=int, default=0, help="the first case (default: 0)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for the files that show a bug")
    parser.add_argument(
        "--network", action="store_true", help="damage a model.tflite's network only, and correct its hash"
    )
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args)
        return
    found: dict[str, Counter] = defaultdict(Counter)
    for what in KINDS if args.what == ["all"] else args.what:
        name = what if what in KINDS else str(Path(what).resolve())
        outcomes = found[name] = fuzz(args, name)
        for outcome, count in outcomes.most_common():
            print(
                f"{count:6}  {outcome}"
                if len(args.what) == 1 and what != "all" and args.what != ["all"]
                else f"{count:6}  {what}: {outcome}",
                flush=True,
            )
    sys.exit(any(outcomes.keys() - GOOD for outcomes in found.values()))


if __name__ == "__main__":
    main()

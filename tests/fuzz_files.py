"""Load thousands of damaged weights files or model.tflite: each must load or raise a UserError of one line.

    python tests/fuzz_files.py my.weights.h5 --cases 5000
    python tests/fuzz_files.py model.tflite --cases 5000 --keep failed/
    python tests/fuzz_files.py model.tflite --network     damage the network only, and correct its hash

The checksum is removed from weights files first, since it would detect nearly all damage before anything is read. A
worker process loads the damaged files, so that a crash of native code is counted and does not end the fuzzing. Case N
of a file is the same on every machine. The tests run a few hundred cases of each kind.
"""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
HEADER = 4096  # bytes
MAX_MUTATIONS = 4  # at most, in one case
GOOD = {"loads", "UserError"}
HANG_SECONDS = 60  # for one case on a busy machine; loading takes well under 1 s


def mutated(data: bytes, case: int) -> bytes:
    """Damage bytes: flip bits, cut, move or repeat a block, make a number extreme; case 0 stays undamaged."""
    rng, damaged = np.random.default_rng([case, len(data)]), bytearray(data)
    # Headers decide what is allocated and read: two thirds of all damage are in the first or last 4 KB.
    for _ in range(int(rng.integers(1, MAX_MUTATIONS + 1)) if case else 0):
        end = len(damaged)
        place = int(
            rng.choice(
                [rng.integers(0, end), rng.integers(0, min(end, 4096)), end - rng.integers(1, max(2, min(end, 4096)))]
            )
        )
        kind, length = rng.integers(0, 6), int(rng.integers(1, 200))
        if kind == 0:
            damaged[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            damaged[place : place + length] = rng.bytes(len(damaged[place : place + length]))
        elif kind == 2:  # a length, an offset or a count
            width = int(rng.choice([1, 2, 4, 8]))
            value = int(rng.choice([0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, end]))
            damaged[place : place + width] = value.to_bytes(8, "little")[:width]
        elif kind == 3:
            source = int(rng.integers(0, end))
            damaged[place : place + length] = damaged[source : source + length]
        elif kind == 4:
            damaged[place:place] = damaged[place : place + length]
        elif rng.random() < 0.3:
            del damaged[max(1, place) :]
        else:
            del damaged[place : place + length]
        damaged = damaged or bytearray(b"\0")
    return bytes(damaged)


def forged(data: bytes, case: int) -> bytes:
    """A model.tflite with a damaged network and the correct hash of it, as a forger would write it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    origin = json.loads(members["origin.json"])
    network = mutated(data[: origin["flatbuffer_bytes"]], case)
    origin |= {"flatbuffer_bytes": len(network), "flatbuffer_sha256": hashlib.sha256(network).hexdigest()}
    members["origin.json"] = json.dumps(origin).encode()
    out = io.BytesIO(network)
    with zipfile.ZipFile(out, "a") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def undamaged(path: Path) -> bytes:
    """The bytes to damage: the file, without its checksum."""
    data = path.read_bytes()
    if path.suffix == ".tflite":
        return data
    import h5py

    from image_kit.weights import checksum

    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        file.attrs.pop(checksum.ATTRIBUTE, None)
    return memory.getvalue()


def fuzz(args: argparse.Namespace) -> Counter:
    """Load all cases in workers and count the outcomes. All outcomes but GOOD ones are bugs."""
    outcomes, case = Counter(), args.first
    options = [str(args.file), "--cases", str(args.cases), *(["--network"] if args.network else []), "--worker"]
    while case < args.cases:
        command = [sys.executable, __file__, *options, "--first", str(case)]
        worker = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        lines = [line.split(" ", 2)[1:] for line in worker.stdout.splitlines() if line.startswith("case ")]
        if not lines and case == args.first:
            raise SystemExit(f"the worker does not start:\n{worker.stderr}")
        if len(lines) < args.cases - case:  # the worker crashed, which is the outcome of its last case
            last_words = "".join(worker.stderr.strip().splitlines()[-1:])[:200]
            lines.append([str(case + len(lines)), f"crash (exit status {worker.returncode}) {last_words}"])
        case += len(lines)
        for number, outcome in lines:
            outcomes[outcome] += 1
            if args.keep and outcome not in GOOD:
                args.keep.mkdir(parents=True, exist_ok=True)
                content = damage(args)(undamaged(args.file), int(number))
                (args.keep / f"{number}-{args.file.name}").write_bytes(content)
    return outcomes


def damage(args: argparse.Namespace):
    """The function that makes a case from undamaged bytes."""
    return forged if args.network else mutated


def work(args: argparse.Namespace) -> None:
    """Load each case as a prediction does, and print its number and outcome."""
    import faulthandler
    import resource

    from image_kit.errors import UserError

    load, data = loader(args.file), undamaged(args.file)
    # A file of kilobytes must not make the program take gigabytes; TensorFlow itself reserves 10 GB of address space.
    resource.setrlimit(resource.RLIMIT_AS, (24 * 2**30, 24 * 2**30))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, args.file.name)
        for case in range(args.first, args.cases):
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
            path.write_bytes(damage(args)(data, case))
            try:
                load(path)
                outcome = "loads"
            except UserError as error:
                outcome = "UserError" if len(str(error).splitlines()) == 1 else f"UserError of many lines: {error!r}"
            except Exception as error:
                outcome = f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
            print("case", case, outcome, flush=True)


def loader(original: Path):
    """The function that loads a file of this kind."""
    if original.suffix == ".tflite":
        from image_kit.answering import lite_model
        from image_kit.answering.lite_classifier import LiteClassifier

        # This process is the trial; a separate one for each case would take a quarter of a second.
        return lambda path: LiteClassifier(lite_model.read(path), is_trial=True)
    from image_kit.compute import device as compute

    compute.set_up("float32")
    from image_kit.answering.keras_classifier import KerasClassifier

    return KerasClassifier.load


def main() -> None:
    """Fuzz one file and print the outcomes; exit with status 1 if any is a bug."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="an undamaged weights file or model.tflite")
    parser.add_argument("--cases", type=int, default=2_000, help="default: %(default)s")
    parser.add_argument("--first", type=int, default=0, help="the first case (default: 0)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for the files that show a bug")
    parser.add_argument(
        "--network", action="store_true", help="damage a model.tflite's network only, and correct its hash"
    )
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if args.worker:
        work(args)
        return
    args.file = args.file.resolve()
    outcomes = fuzz(args)
    for outcome, count in outcomes.most_common():
        print(f"{count:6}  {outcome}")
    sys.exit(bool(outcomes.keys() - GOOD))


if __name__ == "__main__":
    main()

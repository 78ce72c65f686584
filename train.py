"""Train a network: a tutorial's, or one on your own folder of photos."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from image_kit import options, terminal as command_line
from image_kit.compute import DEVICES, Cluster, batch_shares, cluster_from_environment, distribute, set_up, unused_gpu
from image_kit.datasets import Data, load_arrays, load_photos
from image_kit.errors import MachineLost, UserError
from image_kit.machine import cpu_cores
from image_kit.photos import list_photos, scan_folder, tune_memory
from image_kit.recipe import Recipe
from image_kit.terminal import progress, say
from image_kit.training import RunFolder, UnwrittenRun, check_new_name
from image_kit.weights import BEST, LAST, read_description
from presets import DEMO_EPOCHS, MODELS, PRESETS

if TYPE_CHECKING:  # which imports TensorFlow
    from image_kit.compute import Distribution

PHOTOS = Path("data/elephants_cars")
DEMO = Path("data/elephants_cars_demo")
EXAMPLES = """examples:
  python train.py                          elephants and cars (draws a demo set if there are no photos)
  python train.py fashion_mnist            any preset of --list
  python train.py path/to/photos           your own photos, a folder for each class (./NAME if a preset has its name)
  python train.py cifar10 --epochs 20 --seed 1 --run quick
  python train.py --resume runs/quick      go on after Ctrl-C
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", metavar="NAME|FOLDER", help="a preset, or a folder of photos")
    parser.add_argument("--list", action="store_true", help="list the presets and exit")
    parser.add_argument("--run", metavar="NAME", help="name of the folder below runs/")
    parser.add_argument("--resume", metavar="RUN", type=Path, help="go on with the run in this folder")
    parser.add_argument("--data-dir", metavar="DIR", help="holds NAME.npz of an array data set")
    parser.add_argument("--tensorboard", action="store_true", help="write logs for TensorBoard into the run folder")
    parser.add_argument(
        "--profile", action="store_true", help="say where each epoch's time went; trace some steps for TensorBoard"
    )
    parser.add_argument(
        "--score-each-epoch", action="store_true", help="plot test accuracy against epochs (never used for choosing)"
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="auto: all GPUs, else the CPU; gpu: the first GPU alone",
    )
    options.add_recipe_options(parser, MODELS)
    return parser


def main() -> None:
    """List, resume or train."""
    parser = build_parser()
    args = parser.parse_args()
    if args.list:
        return print_presets()
    tune_memory()
    machines = cluster_from_environment()
    follows = machines is not None and not machines.is_chief
    if follows:
        say(machines.sentence())
        command_line.hush()
    if args.resume:
        return resume(args, parser, machines, follows)
    begin(args, machines, follows)


def begin(args: argparse.Namespace, machines: Cluster | None, follows: bool) -> None:
    """Train a preset's network, or one on a folder of photos, as a new run."""
    name = args.name or "elephants_cars"
    is_preset = name in PRESETS
    if not is_preset and not Path(name).is_dir():
        raise UserError(f"{name}: no such preset and no such folder; presets: {', '.join(PRESETS)}")
    preset = options.resolve(args, PRESETS[name if is_preset else "elephants_cars"])
    check(args, follows)
    folder, is_demo = None, False
    if preset.dataset == "photos":
        folder, is_demo = choose_photos() if is_preset else (Path(name), False)
        scan_folder(folder)  # its errors before TensorFlow's three seconds, and before a run folder exists
    if is_demo and args.epochs is None:
        preset = replace(preset, epochs=DEMO_EPOCHS)
    settings = {
        "folder": str(folder.resolve()) if folder else None,
        "is_demo": is_demo,
        "data_dir": args.data_dir,
        "tensorboard": args.tensorboard,
        "score_each_epoch": args.score_each_epoch,
        "profile": args.profile,
    }
    default = (f"{name}_demo" if is_demo else name) if is_preset else folder.resolve().name

    def open_run() -> RunFolder:
        if follows:
            return UnwrittenRun(Path(default))
        run = RunFolder.create(args.run, default)
        run.write_settings(name, preset, **settings)
        return run

    train(preset, name if is_preset else None, settings, open_run, start(args.device, machines))


def check(args: argparse.Namespace, follows: bool) -> None:
    """Find errors in options before any work is done; where another machine writes, it checks the run's name."""
    if args.run and not follows:
        check_new_name(args.run)
    if args.data_dir and not Path(args.data_dir).is_dir():
        raise UserError(f"--data-dir: {args.data_dir} is no folder; give the one that holds NAME.npz")
    if args.tensorboard and not find_spec("tensorboard"):
        raise UserError("--tensorboard: needs the package tensorboard; run: pip install tensorboard")


def choose_photos() -> tuple[Path, bool]:
    """The folder that the photo presets train on, and whether it holds drawings, drawn now if need be."""
    if PHOTOS.is_dir() and list_photos(PHOTOS):
        return PHOTOS, False
    say(
        f"No photos in {PHOTOS}/, so this trains on DRAWINGS of elephants and cars in {DEMO}/.\n"
        "For a real classifier put photos into data/elephants_cars/{train,validation,test}/{elephants,cars}/, "
        "or see: python data/prepare.py --help"
    )
    if not DEMO.is_dir():
        from image_kit.photo_sets import draw_demo

        draw_demo(DEMO)
    return DEMO, True


def resume(args: argparse.Namespace, parser: argparse.ArgumentParser, machines: Cluster | None, follows: bool) -> None:
    """Go on with a run as its settings say; only --epochs may change. Of several machines the chief alone needs it."""
    others = [name for name, value in vars(args).items() if value != parser.get_default(name)]
    if set(others) - {"resume", "epochs", "device"}:
        raise UserError("--resume: goes on as the run began; of the other options only --epochs may be given with it")
    run = UnwrittenRun(args.resume) if follows else reopen(args)
    distribution = start(args.device, machines)
    preset, settings = run.read_settings(distribution.from_chief(run.settings_text()))
    name = settings.pop("name")
    train(preset, name if name in PRESETS else None, settings, lambda: run, distribution)


def reopen(args: argparse.Namespace) -> RunFolder:
    """The run to go on with, its settings brought up to date."""
    run = RunFolder.open(args.resume)
    preset, settings = run.read_settings()
    preset = options.resolve(args, preset)
    epochs = run.scored_epochs()
    if epochs:
        if epochs == len(run.history) >= preset.epochs:
            raise UserError(f"--resume: {run.path} is complete with {epochs} epochs; add --epochs with a larger number")
        say("This run was complete and scored; its test images will be scored a second time.")
    run.write_settings(settings.pop("name"), preset, **settings)
    return run


def start(device: str, machines: Cluster | None) -> "Distribution":
    """Who computes; and a word on a GPU that cannot."""
    distribution = distribute(device, machines)
    unused = unused_gpu(device)
    if unused:
        say(unused)
    return distribution


def train(
    preset: Recipe,
    preset_name: str | None,
    settings: dict,
    open_run: Callable[[], RunFolder],
    distribution: "Distribution",
) -> None:
    """Load the images, then train in the run folder that `open_run()` gives."""
    cores = 1 if distribution.is_shared else cpu_cores()
    shares = batch_shares(preset.model, preset.image_shape, preset.batch_size, cores)
    computing = set_up(preset.precision, preset.seed, shares)
    if settings.get("profile") and distribution.machines > 1:
        raise UserError("--profile: measures one machine; unset TF_CONFIG, or leave the option out")
    data = load(preset, settings)
    for line in data.describe():
        say(line)
    from image_kit.training import build_model, check_same, run_training

    model = build_model(preset, data, distribution)  # its errors before a run folder exists
    check_same(distribution, preset, data)
    sentence = computing.sentence() + distribution.sentence(
        preset.batch_size, float(model.optimizer.learning_rate.numpy())
    )
    say(sentence)
    run = open_run()
    run.write_environment(computing=sentence, device=computing.device, cores=computing.cores)
    say(f"Writing to {run.path}/")
    extras = {name: settings.get(name, False) for name in ("tensorboard", "score_each_epoch", "profile")}
    try:
        scores = run_training(run, model, preset, preset_name, data, distribution=distribution, **extras)
    except (KeyboardInterrupt, MachineLost):
        # The weights are written after the row of the history, and it is they that a resume goes by.
        done = read_description(run.file(LAST)).epoch if run.file(LAST).is_file() else 0
        everywhere = " on every machine" if distribution.machines > 1 else ""
        say(f"\nEpochs complete and saved: {done}. Go on with: python train.py --resume {run.path}{everywhere}")
        raise
    if distribution.is_chief:
        for name, each in scores.items():
            images = name.replace("look_alikes", "look-alikes").replace("_", " ")
            print(f"{images}{' (drawings)' if settings['is_demo'] else ''}: {each.sentence()}")
        if not scores:
            print("no test images: no test score")
        print(f"weights: {run.file(BEST)}")


def load(preset: Recipe, settings: dict) -> Data:
    """The images that the settings name. Raises UserError if they are not there, or too few."""
    if settings["folder"]:
        folder = Path(settings["folder"])
        if folder.is_relative_to(Path.cwd()):  # the settings hold it whole; the messages are easier to read without
            folder = folder.relative_to(Path.cwd())
        data = load_photos(folder, preset, lambda items: progress(items, label="reading"))
    else:
        data = load_arrays(preset, settings["data_dir"])
    if settings["score_each_epoch"] and "test" not in data.parts:
        raise UserError(f"--score-each-epoch: {settings['folder']} has no test photos; leave the option out")
    return data


def print_presets() -> None:
    """A table of the presets on stdout."""
    rows = [("preset", "source", "network", "parameters", "augmented", "epochs", "test accuracy", "minutes")]
    for name, preset in PRESETS.items():
        network = (preset.model, f"{preset.parameters:,}", "yes" if preset.augment else "no")
        rows.append((name, preset.source, *network, str(preset.epochs), preset.measured, preset.minutes))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    command_line.run(main)

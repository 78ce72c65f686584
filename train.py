"""Train a network: a tutorial's, or one on your own folder of photos."""

import argparse
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import command_line
import options
from artifacts.run_folder import BEST, RunFolder, check_new_name
from command_line import progress, say
from errors import UserError
from pipeline import datasets, photo_folders
from presets import DEMO_EPOCHS, PRESETS, Augmentation, Preset

PHOTOS = Path("data/elephants_cars")
DEMO = Path("data/elephants_cars_demo")
EXAMPLES = """examples:
  python train.py                          elephants and cars (draws a demo set if there are no photos)
  python train.py fashion_mnist            any preset of --list
  python train.py path/to/photos           your own photos, a folder for each class
  python train.py cifar10 --epochs 20 --seed 1 --run quick
  python train.py --resume runs/quick      go on after Ctrl-C
"""


def parse() -> argparse.Namespace:
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
        "--score-each-epoch", action="store_true", help="plot test accuracy against epochs (never used for choosing)"
    )
    options.add_preset_options(parser)
    return parser.parse_args()


def main() -> None:
    """List, resume or train."""
    args = parse()
    if args.list:
        return print_presets()
    if args.resume:
        return resume(args)
    name = args.name or "elephants_cars"
    is_preset = name in PRESETS
    if not is_preset and not Path(name).is_dir():
        raise UserError(f"{name}: no such preset and no such folder; presets: {', '.join(PRESETS)}")
    preset = PRESETS[name if is_preset else "elephants_cars"]
    folder = None
    if preset.dataset == "photos":
        folder = choose_photos() if is_preset else Path(name)
    if folder == DEMO:
        preset = replace(preset, epochs=DEMO_EPOCHS)
    preset = options.resolve(args, preset)
    if args.run:
        check_new_name(args.run)
    if args.tensorboard and not find_spec("tensorboard"):
        raise UserError("--tensorboard: needs the package tensorboard; run: pip install tensorboard")
    if folder:
        photo_folders.scan(folder)  # its errors before TensorFlow's three seconds, and before a run folder exists
    default = name if is_preset and folder != DEMO else Path(folder).resolve().name
    settings = {
        "folder": str(folder) if folder else None,
        "data_dir": args.data_dir,
        "tensorboard": args.tensorboard,
        "score_each_epoch": args.score_each_epoch,
    }
    train(preset, name if is_preset else None, settings, lambda: create_run(args.run, default, name, preset, settings))


def choose_photos() -> Path:
    """The photos of the elephants_cars presets, or the demo drawings, drawn now if need be."""
    if photo_folders.list_photos(PHOTOS):
        return PHOTOS
    say(
        f"No photos in {PHOTOS}/, so this trains on DRAWINGS of elephants and cars in {DEMO}/.\n"
        "For a real classifier put photos into data/elephants_cars/{train,validation,test}/{elephants,cars}/, "
        "or see: python data/prepare.py --help"
    )
    if not DEMO.is_dir():
        from data.drawings import draw_demo

        draw_demo(DEMO)
    return DEMO


def create_run(run_name: str | None, default: str, name: str, preset: Preset, settings: dict) -> RunFolder:
    """A new run folder with its settings."""
    run = RunFolder.create(run_name, default)
    run.write_settings(name, preset, **settings)
    return run


def resume(args: argparse.Namespace) -> None:
    """Go on with a run as its settings say; only --epochs may change."""
    run = RunFolder.open(args.resume)
    preset, settings = run.read_settings()
    if {*options.given(args, Preset), *options.given(args, Augmentation)} - {"epochs"} or args.name or args.run:
        raise UserError("--resume: goes on as the run began; of the other options only --epochs may be given with it")
    preset = replace(preset, epochs=args.epochs or preset.epochs)
    name = settings.pop("name")
    train(preset, name if name in PRESETS else None, settings, lambda: run)


def train(preset: Preset, preset_name: str | None, settings: dict, open_run) -> None:
    """Load the images, then train in the run folder that `open_run()` gives."""
    import compute

    computing = compute.set_up(preset.precision, preset.seed)
    if settings["folder"]:
        data = datasets.load_photos(Path(settings["folder"]), preset, lambda items: progress(items, label="reading"))
    else:
        data = datasets.load_arrays(preset, settings["data_dir"])
    for line in (*datasets.describe(data), computing.sentence()):
        say(line)
    import training

    model = training.build(preset, data)  # its errors before a run folder exists
    run = open_run()
    run.write_environment(computing=computing.sentence(), device=computing.device, cores=computing.cores)
    say(f"Writing to {run.path}/")
    try:
        extras = settings["tensorboard"], settings["score_each_epoch"]
        scores = training.train(run, model, preset, preset_name, data, *extras)
    except KeyboardInterrupt:
        say(f"\n{len(run.history)} complete epochs are saved. Go on with: python train.py --resume {run.path}")
        raise
    print(f"test: {scores.sentence()}" if scores else "no test images: no test score")
    print(f"weights: {run.file(BEST)}")


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

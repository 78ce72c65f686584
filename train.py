"""Train a network: a tutorial's, or one on your own folder of photos."""

import argparse
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from image_kit import options, terminal
from image_kit.compute import DEVICES, Cluster, cluster_from_environment, distribute, unused_gpu
from image_kit.datasets import Data, load_arrays, load_photos
from image_kit.errors import UserError
from image_kit.named_networks import NamedNetworks
from image_kit.photo_sets import photos_or_drawings
from image_kit.photos import scan_folder, tune_memory
from image_kit.recipe import Recipe
from image_kit.terminal import progress, say, telling_how_to_go_on
from image_kit.training import RunFolder, Settings, WorkerRunFolder, check_new_name, set_up_training
from image_kit.weights import BEST, LAST, read_description
from presets import DEMO_EPOCHS, PRESETS

if TYPE_CHECKING:  # imports TensorFlow
    from image_kit.answering import Scores
    from image_kit.compute import Distribution

NETWORKS = NamedNetworks("models")  # the functions of models.py
FOLDER_PRESET = "pretrained"  # its recipe trains a user's own folder
PHOTOS = Path("data/elephants_cars")
DEMO = Path("data/elephants_cars_demo")
reading = partial(progress, label="reading")  # a bar for photos that are read
EXAMPLES = """examples:
  python train.py                          elephants and cars (draws a demo set if there are no photos)
  python train.py fashion_mnist            any preset of --list
  python train.py path/to/photos           your own photos, a sub-folder for each class (./NAME if also a preset)
  python train.py path/to/photos --preset elephants_cars     a tutorial's network for the same folder
  python train.py cifar10 --epochs 20 --seed 1 --run quick
  python train.py --resume runs/quick      continue after Ctrl-C
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME|FOLDER", help=f"a preset, or a folder of photos (preset: {FOLDER_PRESET})"
    )
    parser.add_argument(
        "--preset",
        choices=[name for name in PRESETS if PRESETS[name].dataset == "photos"],
        help=f"the preset for a folder of photos (default: {FOLDER_PRESET})",
    )
    parser.add_argument("--list", action="store_true", help="list the presets and exit")
    parser.add_argument("--run", metavar="NAME", help="name of the new folder in runs/ (default: NAME-1, NAME-2, ...)")
    parser.add_argument(
        "--resume", metavar="RUN", type=Path, help="continue the run in this folder, such as runs/quick"
    )
    parser.add_argument("--data-dir", metavar="DIR", help="folder with NAME.npz of an array data set")
    parser.add_argument("--tensorboard", action="store_true", help="write logs for TensorBoard into the run folder")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="report where the time of each epoch went, and trace a few steps for TensorBoard",
    )
    parser.add_argument(
        "--score-each-epoch",
        action="store_true",
        help="plot test accuracy after each epoch (it never decides anything)",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="auto: all GPUs, or the CPU if there are none; gpu: only the first GPU",
    )
    options.add_head_options(parser)
    options.add_recipe_options(parser, NETWORKS.names())
    return parser


def main() -> None:
    """List the presets, or train: settings -> images -> build -> fit -> finish."""
    parser = build_parser()
    args = parser.parse_args()
    if args.list:
        return print_presets()
    tune_memory()
    cluster = cluster_from_environment()  # several machines (TF_CONFIG); None: this machine trains alone
    is_worker = join(cluster)

    if args.resume:
        check_resume_options(args, parser)
        folder = WorkerRunFolder(args.resume) if is_worker else reopen(args)
        settings = None if is_worker else folder.read_settings()
    else:
        folder, settings = None, new_settings(args, is_worker)
    if settings and settings.recipe.backbone and not cluster:
        return fit_head(args, settings, folder)
    if settings and settings.recipe.backbone and not settings.recipe.fine_tune:
        raise UserError(
            "TF_CONFIG: one machine fits a head; unset it. Several machines can compute the features beforehand: see "
            "--features-only"
        )
    distribution = distribute(args.device, cluster)
    if unused := unused_gpu(args.device):
        say(unused)
    if args.resume:
        # Of several machines only the chief has the folder, and sends its settings.
        settings = folder.read_settings(distribution.from_chief(folder.settings_text()))
    if settings.recipe.backbone:
        return fit_head(args, settings, folder, distribution)

    # Before TensorFlow's first operation: its threads cannot be changed later.
    hardware = set_up_training(settings.recipe, NETWORKS, distribution)
    data = load(settings)
    for line in data.describe():
        say(line)

    from image_kit.training import Run  # imports TensorFlow, which --help and --list need not wait for

    preset = settings.name if settings.name in PRESETS else None
    run = Run(settings, data, NETWORKS, hardware, distribution, preset)
    # The folder is made after the model is built, so that an error before leaves no empty one.
    run.build(lambda: folder or new_folder(args, settings, is_worker))
    with telling_how_to_go_on(lambda: how_to_go_on(run.folder, distribution)):
        run.fit()
        scores = run.finish()
    if distribution.is_chief:
        print_scores(scores, settings, run.folder)


def join(cluster: Cluster | None) -> bool:
    """Whether this machine is a worker. Of several machines the first, the chief, writes and prints everything."""
    if cluster is None or cluster.is_chief:
        return False
    say(cluster.sentence())
    terminal.hush()
    return True


def new_settings(args: argparse.Namespace, is_worker: bool) -> Settings:
    """The settings of a new run. Options and folders are checked here, before TensorFlow's import takes 3 seconds."""
    name = args.name or "elephants_cars"
    is_preset = name in PRESETS
    if not is_preset and not Path(name).is_dir():
        raise UserError(f"{name}: no such preset and no such folder; presets: {', '.join(PRESETS)}")
    if is_preset and args.preset:
        raise UserError(f"--preset: is for a folder of photos, and {name} is a preset; give one of them")
    preset = PRESETS[name if is_preset else args.preset or FOLDER_PRESET]
    options.check_head_options(args, fits_head=bool(preset.backbone))
    recipe = options.resolve(args, preset)
    check_options(args, recipe, is_worker)
    photos, is_demo = None, False
    if recipe.dataset == "photos":
        photos, is_demo = photos_or_drawings(PHOTOS, DEMO) if is_preset else (Path(name), False)
        scan_folder(photos)
    if is_demo and args.epochs is None:
        recipe = replace(recipe, epochs=DEMO_EPOCHS)
    return Settings(
        name,
        recipe,
        folder=str(photos.resolve()) if photos else None,
        is_demo=is_demo,
        data_dir=args.data_dir,
        tensorboard=args.tensorboard,
        score_each_epoch=args.score_each_epoch,
        profile=args.profile,
        groups=str(args.groups.resolve()) if args.groups else None,
        keep_features=not args.no_cache,
    )


def check_options(args: argparse.Namespace, recipe: Recipe, is_worker: bool) -> None:
    """Raise UserError on options that cannot be honoured. Only the chief checks the run's name: only it writes."""
    if args.run and not is_worker:
        check_new_name(args.run)
    if args.data_dir and not Path(args.data_dir).is_dir():
        raise UserError(f"--data-dir: {args.data_dir} is not a folder; give the one that contains NAME.npz")
    if args.tensorboard and not find_spec("tensorboard"):
        raise UserError("--tensorboard: needs the package tensorboard; run: pip install tensorboard")


def new_folder(args: argparse.Namespace, settings: Settings, is_worker: bool) -> RunFolder:
    """The folder of a new run: --run's, or the first free one of NAME-1, NAME-2, ..."""
    default = settings.name if settings.name in PRESETS else Path(settings.folder or "").name
    default += "_demo" if settings.is_demo else ""
    if is_worker:
        return WorkerRunFolder(Path(default))
    folder = RunFolder.create(args.run, default)
    folder.write_settings(settings)
    return folder


def check_resume_options(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raise UserError on options that cannot change when a run is resumed."""
    others = {name for name, value in vars(args).items() if value != parser.get_default(name)}
    if others - {"resume", "epochs", "device"}:
        raise UserError(
            "--resume: continues with the run's own settings; only --epochs and --device may be given with it"
        )


def reopen(args: argparse.Namespace) -> RunFolder:
    """The folder of the run to resume. Its settings.json gets the --epochs that were given."""
    folder = RunFolder.open(args.resume)
    settings = folder.read_settings()
    if settings.recipe.backbone and not settings.recipe.fine_tune:
        options.check_head_options(args, fits_head=True)
    before, settings = settings.recipe, replace(settings, recipe=options.resolve(args, settings.recipe))
    folder.refuse_to_resume(before, settings.recipe)
    folder.write_settings(settings)
    return folder


def fit_head(
    args: argparse.Namespace, settings: Settings, folder: RunFolder | None, distribution: "Distribution | None" = None
) -> None:
    """Fit a head to features of photos: features -> build -> fit -> finish. Only fine-tuning needs TensorFlow.

    Args:
        folder: of the run to resume; None for a new run.
        distribution: of several machines, which each fit the same head and fine-tune together; None on one.
    """
    # scipy takes .3 s, which --help and --list need not wait for.
    from image_kit.features import load_backbone
    from image_kit.training import HeadRun, keep_features, load_head_data

    photos, backbone = shortened(settings.folder), load_backbone(settings.recipe.backbone)
    kept = "The features computed so far are kept. Go on with the same command." if settings.keep_features else ""
    with telling_how_to_go_on(lambda: kept):
        if args.features_only:
            return print(keep_features(photos, backbone, args.part, reading))
        groups = shortened(settings.groups) if settings.groups else None
        data = load_head_data(photos, backbone, groups, settings.keep_features, reading)
    for line in data.describe():
        say(line)
    run = HeadRun(settings, data, backbone, settings.name if settings.name in PRESETS else None)
    run.build(lambda: folder or new_folder(args, settings, is_worker=bool(distribution and not distribution.is_chief)))
    with telling_how_to_go_on(lambda: f"Go on with: python train.py --resume {run.folder.path}"):
        run.fit()
        scores = run.fine_tune(distribution or distribute(args.device)) if settings.recipe.fine_tune else run.finish()
    if not distribution or distribution.is_chief:
        print_scores(scores, settings, run.folder)


def shortened(absolute: str) -> Path:
    """A path that is easier to read in messages, if it lies below the current folder."""
    path = Path(absolute)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def load(settings: Settings) -> Data:
    """Load the images that the settings name. Raises UserError if there are none, or too few."""
    if settings.folder:
        data = load_photos(shortened(settings.folder), settings.recipe, reading)
    else:
        data = load_arrays(settings.recipe, settings.data_dir)
    if settings.score_each_epoch and "test" not in data.parts:
        raise UserError(f"--score-each-epoch: {settings.folder} has no test photos; leave the option out")
    return data


def how_to_go_on(folder: RunFolder, distribution: "Distribution") -> str:
    """The message after Ctrl-C, or after another machine was lost."""
    last = folder.file(LAST)  # written after the epoch's row in history.csv; a resume starts from it
    description = read_description(last) if last.is_file() else None
    done = description.epoch if description else 0
    everywhere = " on every machine" if distribution.machines > 1 else ""
    return f"Epochs complete and saved: {done}. Go on with: python train.py --resume {folder.path}{everywhere}"


def print_scores(scores: dict[str, "Scores"], settings: Settings, folder: RunFolder) -> None:
    """The test scores and the weights file, on stdout."""
    for name, each in scores.items():
        images = name.replace("look_alikes", "look-alikes").replace("_", " ")
        print(f"{images}{' (drawings)' if settings.is_demo else ''}: {each.sentence()}")
    if not scores:
        print("no test images: no test score")
    print(f"weights: {folder.file(BEST)}")


def print_presets() -> None:
    """A table of the presets on stdout."""
    rows = [("preset", "source", "network", "parameters", "augmented", "epochs", "test accuracy", "minutes")]
    for name, preset in PRESETS.items():
        described = (preset.source, preset.model, f"{preset.parameters:,}", "yes" if preset.augment else "no")
        epochs = "" if preset.backbone else str(preset.epochs)
        rows.append((name, *described, epochs, preset.measured, preset.minutes))
    print(terminal.table(rows, numbers=False))


if __name__ == "__main__":
    terminal.run(main)

"""Train a network: a tutorial's, or one on your own folder of photos."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if getattr(sys.flags, "safe_path", False):  # python -P and -I leave this folder out
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from image_kit import options, terminal
from image_kit.compute import DEVICES, Cluster, cluster_from_environment, distribute, unused_gpu
from image_kit.errors import UserError
from image_kit.named_networks import NamedNetworks
from image_kit.notebooks import own_modules
from image_kit.photo_sets import photos_or_drawings
from image_kit.photos import scan_folder, tune_memory
from image_kit.recipe import Recipe
from image_kit.retries import is_folder, is_there
from image_kit.terminal import CommandLine, say, show, telling_how_to_go_on
from image_kit.training import (
    RunFolder,
    SeedRuns,
    Settings,
    WorkerRunFolder,
    absolute_backbone,
    check_new_name,
    complete,
    find_data,
    find_inputs,
    how_to_go_on,
    keep_all_features,
    prepare_runs,
    start_afresh,
)
from image_kit.weights import BEST

with own_modules():
    from presets import DEMO_EPOCHS, PRESETS, print_presets

if TYPE_CHECKING:  # imports TensorFlow
    from image_kit.answering import Scores
    from image_kit.compute import Distribution

NETWORKS = NamedNetworks("models")  # the functions of models.py
FOLDER_PRESET = "pretrained"  # its recipe trains a user's own folder
PHOTOS = Path("data/elephants_cars")
DEMO = Path("data/elephants_cars_demo")
EXAMPLES = """examples:
  python train.py                          elephants and cars (draws a demo set if there are no photos)
  python train.py fashion_mnist            any preset of --list
  python train.py path/to/photos           your own photos, a sub-folder for each class (./NAME if also a preset)
  python train.py path/to/photos --preset elephants_cars     a tutorial's network for the same folder
  python train.py cifar10 --epochs 20 --seed 1 --run quick
  python train.py cifar10 --seeds 5        five runs in one folder, and how much they differ
  python train.py --resume runs/quick      continue after Ctrl-C; of several seeds those that are not complete
  python train.py new/place --resume runs/quick      the same, if the photos have moved
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = CommandLine(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", metavar="NAME|FOLDER", help="a preset, or a folder of photos, see --preset")
    parser.add_argument(
        "--preset",
        choices=[name for name in PRESETS if PRESETS[name].dataset == "photos"],
        help=f"the preset for a folder of photos (default: {FOLDER_PRESET})",
    )
    parser.add_argument("--list", action="store_true", help="list the presets and exit")
    parser.add_argument("--run", metavar="NAME", help="name of the new folder in runs/ (default: NAME-1, NAME-2, ...)")
    parser.add_argument("--resume", metavar="RUN", type=Path, help="continue the run in this folder (runs/quick)")
    parser.add_argument(
        "--seeds", metavar="N", type=int, help="train N runs that differ in their seed: --seed and those that follow it"
    )
    parser.add_argument("--data-dir", metavar="DIR", help="folder with NAME.npz; with --resume, also of photos")
    parser.add_argument("--tensorboard", action="store_true", help="write logs for TensorBoard into the run folder")
    parser.add_argument(
        "--profile", action="store_true", help="report where each epoch's time went, and trace steps for TensorBoard"
    )
    parser.add_argument(
        "--score-each-epoch", action="store_true", help="plot test accuracy after each epoch (it decides nothing)"
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
    if args.seeds is not None or (args.resume and SeedRuns.is_at(args.resume)):
        return train_seeds(args, cluster)
    if args.resume:
        folder, settings = (WorkerRunFolder(args.resume), None) if is_worker else reopen(args)
    else:
        folder, settings = None, new_settings(args, is_worker)
    if settings and settings.recipe.backbone and not cluster:
        return train_one(args, settings, folder)
    if settings and settings.recipe.backbone and not settings.recipe.fine_tune:
        raise UserError(
            "TF_CONFIG: one machine fits a head; unset it. Several machines can compute the features beforehand: see "
            "--features-only"
        )
    distribution = start_tensorflow(args, cluster)
    if args.resume:
        # Of several machines only the chief has the folder, and sends its settings.
        settings = folder.read_settings(distribution.from_chief(settings.to_text() if settings else ""))
    train_one(args, settings, folder, distribution)


def train_one(
    args: argparse.Namespace, settings: Settings, folder: RunFolder | None, distribution: "Distribution | None" = None
) -> None:
    """Train one run, and print its scores.

    Args:
        folder: of the run to resume; None for a new run.
        distribution: from `start_tensorflow`; None for a head, of which only fine-tuning needs TensorFlow.
    """
    if args.features_only:
        return show(keep_all_features(settings, args.part))
    is_worker = bool(distribution and not distribution.is_chief)
    run = prepare_runs(settings, NETWORKS, preset_of(settings), distribution, folder)(settings)
    # The folder is made after the model is built, so that an error before leaves no empty one.
    run.build(lambda: folder or new_folder(args, settings, is_worker))
    if folder:
        folder.write_settings(settings)  # not before: a place with other photos would be kept
    with telling_how_to_go_on(lambda: how_to_go_on(run, distribution)):
        scores = complete(run, args.device, distribution)
    if not is_worker:
        print_scores(scores, settings, run.folder)


def train_seeds(args: argparse.Namespace, cluster: Cluster | None) -> None:
    """Train a run for each seed, or those that are not complete yet, and print what they say together."""
    if cluster:
        raise UserError("TF_CONFIG: several machines train one run together, not runs of several seeds; unset it")
    if args.features_only:
        raise UserError("--features-only: fits no head, so there are no --seeds; leave one of them out")
    if args.resume and args.epochs is not None:
        raise UserError(f"--epochs: the seeds of {args.resume} are to train alike; leave it out, or start a new run")
    seeds = SeedRuns.open(args.resume) if args.resume else SeedRuns.plan(new_settings(args, False), args.seeds)
    if args.resume:
        seeds.settings = [find_again(args, each) for each in seeds.settings]
    first = seeds.settings[0]
    with telling_how_to_go_on(seeds.how_to_go_on):
        if unfinished := seeds.unfinished():
            distribution = None if first.recipe.backbone else start_tensorflow(args)
            start = prepare_runs(first, NETWORKS, preset_of(first), distribution)
        for settings in unfinished:
            say(f"Seed {settings.recipe.seed}, one of {len(seeds.settings)}:")
            start_afresh()
            run = start(settings)
            seeds.refuse_changes(run)
            run.build(lambda each=settings: seeds.open_run(each, lambda fill: new_folder(args, first, False, fill)))
            run.folder.write_settings(settings)  # which may name another place than before
            for name, scores in complete(run, args.device, distribution).items():
                say(f"Seed {settings.recipe.seed}: {name}: {scores.sentence()}")
        summary = seeds.summarize()
    for name, scores in summary.scores.items():
        show(f"{name}{' (drawings)' if first.is_demo else ''}: {scores.sentence()}")
    show(f"weights: {seeds.path / BEST} (those of seed {summary.chosen})")


def preset_of(settings: Settings) -> str | None:
    """The preset's name; None for a user's own folder."""
    return settings.name if settings.name in PRESETS else None


def start_tensorflow(args: argparse.Namespace, cluster: Cluster | None = None) -> "Distribution":
    """Import TensorFlow and decide who trains; a GPU that it cannot use is told."""
    distribution = distribute(args.device, cluster)
    if unused := unused_gpu(args.device):
        say(unused)
    return distribution


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
    if not is_preset and not is_there(name):
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
        replace(recipe, backbone=absolute_backbone(recipe.backbone)),
        folder=str(photos.resolve()) if photos else None,
        is_demo=is_demo,
        data_dir=str(Path(args.data_dir).resolve()) if args.data_dir else None,
        tensorboard=args.tensorboard,
        score_each_epoch=args.score_each_epoch,
        profile=args.profile,
        groups=str(args.groups.absolute()) if args.groups else None,
        keep_features=not args.no_cache,
    )


def check_options(args: argparse.Namespace, recipe: Recipe, is_worker: bool) -> None:
    """Raise UserError on options that cannot be honoured. Only the chief checks the run's name: only it writes."""
    if args.run and not is_worker:
        check_new_name(args.run)
    if args.data_dir and not is_folder(args.data_dir):
        raise UserError(f"--data-dir: {args.data_dir} is not a folder; give the one that contains NAME.npz")
    if args.tensorboard and not find_spec("tensorboard"):
        raise UserError("--tensorboard: needs the package tensorboard; run: pip install tensorboard")


def new_folder(
    args: argparse.Namespace, settings: Settings, is_worker: bool, fill: Callable[[RunFolder], None] | None = None
) -> RunFolder:
    """The folder of a new run: --run's, or the first free one of NAME-1, NAME-2, ...; filled with its settings."""
    default = settings.name if settings.name in PRESETS else Path(settings.folder or "").name
    default += "_demo" if settings.is_demo else ""
    if is_worker:
        return WorkerRunFolder(Path(default))
    return RunFolder.create(args.run, default, fill or (lambda folder: folder.write_settings(settings)))


def check_resume_options(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raise UserError on options that cannot change when a run is resumed."""
    others = {name for name, value in vars(args).items() if value != parser.get_default(name)}
    if others - {"resume", "epochs", "device", "name", "data_dir", "groups", "backbone"}:
        raise UserError(
            "--resume: continues with the run's own settings; only --epochs and --device may be given with it, and "
            "where its data are now: FOLDER or --data-dir, --groups, --backbone"
        )


def reopen(args: argparse.Namespace) -> tuple[RunFolder, Settings]:
    """The folder of the run to resume, and its settings with what is given anew. Nothing is written yet."""
    folder = RunFolder.open(args.resume)
    settings = find_again(args, folder.read_settings())
    before = settings.recipe
    settings = replace(settings, recipe=replace(options.resolve(args, before), backbone=before.backbone))
    folder.refuse_to_resume(before, settings.recipe)
    return folder, settings


def find_again(args: argparse.Namespace, settings: Settings) -> Settings:
    """The settings of a run to resume, with the places where its data, groups and backbone are now."""
    if not settings.recipe.fine_tune:
        options.check_head_options(args, fits_head=bool(settings.recipe.backbone))
    settings = find_data(settings, args.resume, args.name, args.data_dir)
    return find_inputs(settings, args.resume, args.groups, args.backbone)


def print_scores(scores: dict[str, "Scores"], settings: Settings, folder: RunFolder) -> None:
    """The test scores and the weights file, on stdout."""
    for name, each in scores.items():
        images = name.replace("look_alikes", "look-alikes").replace("_", " ")
        show(f"{images}{' (drawings)' if settings.is_demo else ''}: {each.sentence()}")
    if not scores:
        show("no test images: no test score")
    show(f"weights: {folder.file(BEST)}")


if __name__ == "__main__":
    terminal.run(main)

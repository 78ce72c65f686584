"""Train a network: a tutorial's, or one on your own folder of photos."""

import argparse
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from image_kit import options, terminal
from image_kit.compute import DEVICES, Cluster, cluster_from_environment, distribute, unused_gpu
from image_kit.datasets import Data, load_arrays, load_photos
from image_kit.errors import MachineLost, UserError
from image_kit.named_networks import NamedNetworks
from image_kit.photo_sets import draw_demo
from image_kit.photos import list_photos, scan_folder, tune_memory
from image_kit.recipe import Augmentation, Recipe
from image_kit.terminal import progress, say
from image_kit.threads import one_thread_for_algebra
from image_kit.training import RunFolder, Settings, WorkerRunFolder, check_new_name, set_up_training
from image_kit.weights import BEST, LAST, read_description
from presets import DEMO_EPOCHS, PRESETS

if TYPE_CHECKING:  # imports TensorFlow
    from image_kit.answering import Scores
    from image_kit.compute import Distribution
    from image_kit.features import Backbone

NETWORKS = NamedNetworks("models")  # the functions of models.py
FOLDER_PRESET = "pretrained"  # its recipe trains a user's own folder
# Options of the recipe that decide something about a head on pretrained features.
HEAD_OPTIONS = ("backbone", "class_weights", "seed")
PHOTOS = Path("data/elephants_cars")
DEMO = Path("data/elephants_cars_demo")
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
    head = parser.add_argument_group("pretrained features")
    head.add_argument(
        "--groups",
        metavar="CSV",
        type=Path,
        help="file,group: photos of a group stay together in split and folds, "
        "such as those of one film, person or shop",
    )
    head.add_argument(
        "--no-cache", action="store_true", help="neither look features up in the cache folder nor keep them there"
    )
    head.add_argument(
        "--features-only", action="store_true", help="compute and keep the features of the photos, and stop"
    )
    head.add_argument(
        "--part", metavar="K/N", help="with --features-only: the K-th of N parts, one for each machine or process"
    )
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

    settings, folder = (None, None) if args.resume else (new_settings(args, is_worker), None)
    if args.resume:
        check_resume_options(args, parser)
        folder = WorkerRunFolder(args.resume) if is_worker else reopen(args)
        settings = None if is_worker else folder.read_settings()
    if settings and settings.recipe.backbone:
        return fit_head_on_features(args, settings, folder)
    distribution = choose_devices(args.device, cluster)
    if args.resume:
        settings = read_chiefs_settings(folder, distribution)

    # Before TensorFlow's first operation: its threads cannot be changed later.
    hardware = set_up_training(settings.recipe, NETWORKS, distribution)
    data = load(settings)
    for line in data.describe():
        say(line)

    from image_kit.training import Run  # imports TensorFlow, which --help and --list need not wait for

    preset = settings.name if settings.name in PRESETS else None
    run = Run(settings, data, NETWORKS, hardware, distribution, preset)

    def open_folder() -> RunFolder:
        """Called after the model is built, so that an error before leaves no empty folder."""
        return folder or new_folder(args, settings, is_worker)

    run.build(open_folder)
    try:
        run.fit()
        scores = run.finish()
    except (KeyboardInterrupt, MachineLost):
        say(how_to_go_on(run.folder, distribution))
        raise
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
    recipe = options.resolve(args, PRESETS[name if is_preset else args.preset or FOLDER_PRESET])
    check_options(args, recipe, is_worker)
    check_head_options(args, recipe)
    photos, is_demo = None, False
    if recipe.dataset == "photos":
        photos, is_demo = choose_photos() if is_preset else (Path(name), False)
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
    if recipe.plain_keras and recipe.precision not in ("auto", "float32"):
        raise UserError(
            f"--plain-keras: always trains in float32, received --precision {recipe.precision}; give one of them"
        )


def check_head_options(args: argparse.Namespace, recipe: Recipe) -> None:
    """Raise UserError on options that decide nothing about a head on features, or about anything else."""
    given = {**options.given(args, Recipe), **options.given(args, Augmentation)}
    idle = [options.flag(name) for name in given if name not in HEAD_OPTIONS]
    idle += [f"--{name}" for name in ("tensorboard", "profile") if getattr(args, name)]
    idle += ["--score-each-epoch"] if args.score_each_epoch else []
    of_features = {"--groups": args.groups, "--no-cache": args.no_cache, "--features-only": args.features_only}
    if recipe.backbone and idle:
        raise UserError(
            f"{idle[0]}: decides nothing about a head on pretrained features; leave it out, or train a tutorial's "
            "network instead: add --preset elephants_cars"
        )
    if not recipe.backbone:
        for flag, value in of_features.items():
            if value:
                raise UserError(f"{flag}: is for the preset {FOLDER_PRESET}; leave it out, or change the preset")
    if args.part and not args.features_only:
        raise UserError("--part: needs --features-only, which computes features and fits no head; add it")


def choose_photos() -> tuple[Path, bool]:
    """The folder that the photo presets train on, and whether it contains drawings: made if there are no photos."""
    if PHOTOS.is_dir() and list_photos(PHOTOS):
        return PHOTOS, False
    say(
        f"No photos in {PHOTOS}/, so this trains on DRAWINGS of elephants and cars in {DEMO}/.\n"
        "For a real classifier put photos into data/elephants_cars/{train,validation,test}/{elephants,cars}/, "
        "or see: python data/prepare.py --help"
    )
    if not DEMO.is_dir():
        draw_demo(DEMO)
    return DEMO, True


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
    settings = replace(settings, recipe=options.resolve(args, settings.recipe))
    scored = folder.scored_epochs()
    if scored:
        if scored == len(folder.history) and scored >= settings.recipe.epochs:
            raise UserError(
                f"--resume: {folder.path} is complete with {scored} epochs; add --epochs with a larger number"
            )
        say("This run was complete and scored; its test images will be scored a second time.")
    folder.write_settings(settings)
    return folder


def read_chiefs_settings(folder: RunFolder, distribution: "Distribution") -> Settings:
    """The settings of the run to resume. Of several machines only the chief has the folder, and sends its settings."""
    return folder.read_settings(distribution.from_chief(folder.settings_text()))


def fit_head_on_features(args: argparse.Namespace, settings: Settings, folder: RunFolder | None) -> None:
    """Fit a head to the features of photos: features -> build -> fit -> finish. TensorFlow is not needed."""
    # scipy takes .3 s, which --help and --list need not wait for.
    from image_kit.features import load_backbone
    from image_kit.training import HeadRun, load_head_data

    photos, backbone = shortened(settings.folder), load_backbone(settings.recipe.backbone)
    if args.features_only:
        return keep_features(photos, backbone, args.part)
    groups = Path(settings.groups) if settings.groups else None
    try:
        data = load_head_data(photos, backbone, groups, settings.keep_features, reading)
        for line in data.describe():
            say(line)
        run = HeadRun(settings, data, backbone, settings.name if settings.name in PRESETS else None)
        run.build(lambda: folder or new_folder(args, settings, is_worker=False))
        with one_thread_for_algebra():
            run.fit()
            scores = run.finish()
    except KeyboardInterrupt:
        say("\nThe features computed so far are kept. Go on with the same command.")
        raise
    print(run.sentence())
    print_scores({name: each for name, each in scores.items() if name != "cross-validation"}, settings, run.folder)


def keep_features(folder: Path, backbone: "Backbone", part: str | None) -> None:
    """Compute the features of a folder's photos, or of a part of them, and keep them in the cache folder."""
    from image_kit.features import kept_features_folder, select_part  # as above
    from image_kit.training import find_features

    paths = list(scan_folder(folder).paths)
    _, found = find_features(select_part(paths, part) if part else paths, backbone, True, reading)
    for path, reason in found.errors.items():
        say(f"left out, cannot be read: {path} ({reason})")
    print(f"features: {found.computed:,} photos computed, {found.known:,} known, in {kept_features_folder()}")


def reading(photos: Iterable) -> Iterable:
    """A progress bar for photos that are read."""
    return progress(photos, label="reading")


def shortened(folder: str) -> Path:
    """The folder as a path that is easier to read in messages, if it lies below the current one."""
    path = Path(folder)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def choose_devices(device: str, cluster: Cluster | None) -> "Distribution":
    """Choose what computes: the CPU, GPUs or several machines. Tells the user about a GPU that stays unused."""
    distribution = distribute(device, cluster)
    unused = unused_gpu(device)
    if unused:
        say(unused)
    return distribution


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
    return f"\nEpochs complete and saved: {done}. Go on with: python train.py --resume {folder.path}{everywhere}"


def print_scores(scores: dict[str, "Scores"], settings: Settings, folder: RunFolder) -> None:
    """The test scores and the weights file, on stdout."""
    for name, each in scores.items():
        images = name.replace("look_alikes", "look-alikes").replace("_", " ")
        print(f"{images}{' (drawings)' if settings.is_demo else ''}: {each.sentence()}")
    if not scores and not settings.recipe.backbone:
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

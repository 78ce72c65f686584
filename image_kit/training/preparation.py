"""What a command does around a run: load its images, make the run on them, complete it, and say how it goes on."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from image_kit.call import call
from image_kit.compute import distribute
from image_kit.datasets import Data, load_arrays, load_photos
from image_kit.errors import UserError
from image_kit.files import shortened
from image_kit.named_networks import NamedNetworks
from image_kit.recipe import BACKBONE_FILES
from image_kit.retries import is_file, is_folder
from image_kit.terminal import progress, say, telling_how_to_go_on
from image_kit.training.run_folder import RunFolder
from image_kit.training.settings import Settings
from image_kit.training.start import set_up_training
from image_kit.weights import LAST, Description, read_description

if TYPE_CHECKING:  # imports TensorFlow, or scipy, which takes .3 s; --help need not wait for them
    from image_kit.answering import Scores
    from image_kit.compute import Distribution
    from image_kit.features import Backbone
    from image_kit.training.head_data import HeadData
    from image_kit.training.head_run import HeadRun
    from image_kit.training.run import Run

KEPT = "The features computed so far are kept. Go on with the same command."
reading = partial(progress, label="reading")  # a bar for photos that are read


def prepare_runs(
    settings: Settings,
    networks: NamedNetworks,
    preset: str | None,
    distribution: "Distribution | None",
    folder: RunFolder | None = None,
) -> "Callable[[Settings], Run | HeadRun]":
    """Load the images, and return what makes a run on them from settings that differ in the seed at most.

    Args:
        networks, preset, distribution: of `Run`; a head needs no distribution.
        folder: of a run to resume, whose classes keep their spelling and order.

    Raises:
        UserError: there are no images, or too few.
    """
    if settings.recipe.backbone:
        from image_kit.training.head_run import HeadRun  # imports scipy

        head_data, backbone = _load_features(settings)
        _describe(head_data)
        return lambda settings: HeadRun(settings, head_data, backbone, preset)
    data = _load_images(settings)
    if folder and (before := _description_of_last(folder)):
        data = data.with_class_names(before.class_names)
    _describe(data)

    def make_run(settings: Settings) -> "Run":
        assert distribution is not None, "a network needs one"
        hardware = set_up_training(settings.recipe, networks, distribution)
        from image_kit.training.run import Run  # imports TensorFlow, which a head need not wait for

        return Run(settings, data, networks, hardware, distribution, preset)

    return make_run


def find_data(settings: Settings, run: Path, folder: str | None, data_dir: str | None) -> Settings:
    """The settings of a run to resume, with the place where its images are now, if that was given.

    Whether they are the same images is checked when the run is built.

    Raises:
        UserError: they are not where they were, or the place that was given is none.
    """
    if folder and not settings.folder:
        raise UserError(f"{folder}: {run} was trained on {settings.recipe.dataset}, not on a folder; leave it out")
    if data_dir and settings.folder:  # a folder of photos may be given in either way
        folder = folder or data_dir
    if folder or settings.folder:
        path = Path(folder or settings.folder or "")
        if not is_folder(path):
            raise UserError(
                f"{path}: no such folder; give the one where the photos of {run} are now: "
                f"{call('train.py', 'FOLDER', '--resume', run)}"
            )
        return replace(settings, folder=str(path.resolve()))
    if data_dir and not is_folder(data_dir):
        raise UserError(f"--data-dir: {data_dir} is not a folder; give the one that contains NAME.npz")
    return replace(settings, data_dir=str(Path(data_dir).resolve())) if data_dir else settings


def find_inputs(settings: Settings, run: Path, groups: Path | None, backbone: str | None) -> Settings:
    """The settings of a run to resume, with the places where its groups and its backbone are now, if those were given.

    Whether they are the same is checked when the run is built.

    Raises:
        UserError: there is no such file, or the run has no groups.
    """
    if groups and not settings.groups:
        raise UserError(f"--groups: {run} began without groups; leave it out, or start a new run")
    groups = groups or (Path(settings.groups) if settings.groups else None)
    chosen = absolute_backbone(backbone or settings.recipe.backbone)
    for option, path in (("--groups", groups), ("--backbone", Path(chosen) if is_backbone_file(chosen) else None)):
        if path and not is_file(path):
            raise UserError(
                f"{option} {path}: no such file; give the place where that of {run} is now: "
                f"{call('train.py', '--resume', run, option, 'FILE')}"
            )
    recipe = replace(settings.recipe, backbone=chosen)
    return replace(settings, recipe=recipe, groups=str(groups.absolute()) if groups else None)


def is_backbone_file(backbone: str) -> bool:
    """Whether --backbone names a file, not one of the known networks."""
    return Path(backbone).suffix in BACKBONE_FILES


def absolute_backbone(backbone: str) -> str:
    """What --backbone names, such that it is found from another working folder too."""
    return str(Path(backbone).resolve()) if is_backbone_file(backbone) else backbone


def _describe(data: "Data | HeadData") -> None:
    for line in data.describe():
        say(line)


def complete(run: "Run | HeadRun", device: str, distribution: "Distribution | None") -> "dict[str, Scores]":
    """Train a run that is built; returns its scores.

    Args:
        device: of `distribute`, for fine-tuning where there is no distribution yet.
    """
    run.fit()
    if run.recipe.fine_tune:  # only a head can be asked for it
        return cast("HeadRun", run).fine_tune(distribution or distribute(device))
    return run.finish()


def _load_features(settings: Settings) -> "tuple[HeadData, Backbone]":
    """The features of the photos that the settings name, and the backbone that computed them."""
    from image_kit.features import load_backbone  # imports scipy
    from image_kit.training.head_data import load_head_data  # imports scipy

    photos, backbone = shortened(settings.folder or ""), load_backbone(str(shortened(settings.recipe.backbone)))
    groups, bits = shortened(settings.groups) if settings.groups else None, settings.recipe.sample_bits
    with telling_how_to_go_on(lambda: KEPT if settings.keep_features else ""):
        return load_head_data(photos, backbone, groups, settings.keep_features, reading, bits), backbone


def keep_all_features(settings: Settings, part: str | None) -> str:
    """Compute and keep features of the photos that the settings name, see `keep_features`."""
    from image_kit.features import load_backbone  # imports scipy
    from image_kit.training.head_data import keep_features  # imports scipy

    backbone = load_backbone(str(shortened(settings.recipe.backbone)))
    with telling_how_to_go_on(lambda: KEPT):
        return keep_features(shortened(settings.folder or ""), backbone, part, reading, settings.recipe.sample_bits)


def _load_images(settings: Settings) -> Data:
    """Load the images that the settings name. Raises UserError if there are none, or too few."""
    if settings.folder:
        data = load_photos(shortened(settings.folder), settings.recipe, reading)
    else:
        data = load_arrays(settings.recipe, settings.data_dir)
    if settings.score_each_epoch and "test" not in data.parts:
        raise UserError(f"--score-each-epoch: {settings.folder} has no test photos; leave the option out")
    return data


def _description_of_last(folder: RunFolder) -> Description | None:
    """What is known of the last complete epoch, from which a resume goes on; None before its end."""
    last = folder.file(LAST)  # written after the epoch's row in history.csv
    return read_description(last) if is_file(last) else None


def how_to_go_on(run: "Run | HeadRun", distribution: "Distribution | None") -> str:
    """The message after Ctrl-C, or after another machine was lost."""
    folder = run.folder
    go_on = f"Go on with: {call('train.py', '--resume', folder.path)}"
    if run.recipe.backbone:
        return go_on
    description = _description_of_last(folder)
    done = description.epoch if description else 0
    everywhere = " on every machine" if distribution and distribution.machines > 1 else ""
    return f"Epochs complete and saved: {done}. {go_on}{everywhere}"

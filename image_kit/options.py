"""Command-line options, generated from the fields of a recipe: an option exists in one place."""

import argparse
import math
import types
import typing
from collections.abc import Sequence
from dataclasses import fields, replace

from image_kit.errors import UserError
from image_kit.recipe import Augmentation, Recipe

# Fields whose values must be at least this; of the others Keras or the data know the rule.
AT_LEAST = {"batch_size": 1, "epochs": 1, "early_stopping": 1, "seed": 0, "image_size": 8}
LARGEST_SEED = 2**32 - 1  # NumPy's and Keras's limit


def add_recipe_options(parser: argparse.ArgumentParser, networks: Sequence[str]) -> None:
    """One option for every field of `Recipe` that has a help text, and the augmentation's.

    Args:
        networks: names that --model takes.
    """
    _add_options(parser.add_argument_group("recipe (defaults: the preset's)"), Recipe, model=networks)
    add_augmentation_options(parser)


def add_augmentation_options(parser: argparse.ArgumentParser) -> None:
    """One option for every argument of the augmentation, under its Keras name, with hyphens or underscores."""
    _add_options(parser.add_argument_group("augmentation (Keras's ImageDataGenerator arguments)"), Augmentation)


def _add_options(group: argparse._ArgumentGroup, recipe: type, **choices: Sequence[str]) -> None:
    types_by_name = typing.get_type_hints(recipe)
    for field in fields(recipe):
        if "help" not in field.metadata:
            continue
        settings = {"dest": field.name, "default": None, **field.metadata}
        if field.name in choices:
            settings["choices"] = choices[field.name]
        settings["help"] = settings["help"].replace("%", "%%")
        value_type = _value_type(types_by_name[field.name])
        if value_type is bool:
            settings["action"] = argparse.BooleanOptionalAction
        else:
            settings.setdefault("type", value_type)
            if "choices" not in settings:
                settings.setdefault("metavar", {int: "N", float: "X"}[value_type])
        flag = f"--{field.name.replace('_', '-')}"
        # The Keras spelling with underscores works too, without a second line in --help.
        group.add_argument(flag, **settings)
        if "_" in field.name:
            group.add_argument(f"--{field.name}", **{**settings, "help": argparse.SUPPRESS})


def _value_type(annotation) -> type:
    """The type of one value: `int` of `int | None` and of `tuple[int, int]`."""
    if isinstance(annotation, types.UnionType):
        annotation = next(choice for choice in typing.get_args(annotation) if choice is not type(None))
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is tuple else annotation


def given(args: argparse.Namespace, recipe: type) -> dict:
    """The fields of `recipe` (`Recipe` or `Augmentation`) that the command line set, with their values."""
    return {f.name: getattr(args, f.name) for f in fields(recipe) if getattr(args, f.name, None) is not None}


def resolve(args: argparse.Namespace, preset: Recipe) -> Recipe:
    """The preset with what the command line changed.

    Single augmentation arguments are laid over the preset's augmentation where it is on (or --augment
    switches it on), else over none; they switch it on.

    Raises:
        UserError: a value out of range, or --no-augment beside an augmentation argument.
    """
    changes = given(args, Recipe)
    _check_finite(changes)
    for name, smallest in AT_LEAST.items():
        value = changes.get(name)
        if value is not None and min(value if isinstance(value, tuple) else (value,)) < smallest:
            raise UserError(f"--{name.replace('_', '-')}: must be at least {smallest}, received {value}")
    if changes.get("seed", 0) > LARGEST_SEED:
        raise UserError(f"--seed: must be at most {LARGEST_SEED}, received {changes['seed']}")
    if changes.get("learning_rate", 1) <= 0:
        raise UserError(f"--learning-rate: must be above 0, received {changes['learning_rate']}")
    if not 0 <= changes.get("ema_momentum", 0) < 1:
        raise UserError(f"--ema-momentum: must be at least 0 and below 1, received {changes['ema_momentum']}")
    transforms = given(args, Augmentation)
    if transforms and changes.get("augment") is False:
        raise UserError(f"--no-augment: contradicts --{next(iter(transforms)).replace('_', '-')}; give one of them")
    resolved = replace(preset, **changes)
    if transforms:
        base = resolved.augmentation if resolved.augment else Augmentation()
        resolved = replace(resolved, augment=True, augmentation=resolve_augmentation(args, base))
    return resolved


def resolve_augmentation(args: argparse.Namespace, base: Augmentation) -> Augmentation:
    """The augmentation with what the command line changed; raises UserError on a value out of range."""
    changes = given(args, Augmentation)
    _check_finite(changes)
    if "brightness_range" in changes:
        changes["brightness_range"] = tuple(changes["brightness_range"])
        if min(changes["brightness_range"]) < 0:
            raise UserError(f"--brightness-range: factors must be at least 0, received {changes['brightness_range']}")
    for name, value in changes.items():
        if name.endswith("_range") and name != "brightness_range" and value < 0:
            raise UserError(f"--{name.replace('_', '-')}: must be at least 0, received {value}")
    if changes.get("zoom_range", 0) >= 1:
        raise UserError(f"--zoom-range: must be below 1, received {changes['zoom_range']}")
    return replace(base, **changes)


def _check_finite(changes: dict) -> None:
    """Raise UserError on nan and inf, which argparse takes for numbers and no comparison catches."""
    for name, value in changes.items():
        values = value if isinstance(value, list) else [value]
        if any(isinstance(number, float) and not math.isfinite(number) for number in values):
            raise UserError(f"--{name.replace('_', '-')}: must be a finite number, received {value}")

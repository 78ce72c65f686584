"""Command-line options made from the fields of a recipe, so that each option exists in one place."""

import argparse
import math
import operator
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any

from image_kit.errors import UserError
from image_kit.recipe import Augmentation, Recipe

# Bound in a field's metadata -> the comparison that a value must pass, and the words for it in an error.
BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "at_least": (operator.ge, "at least"),
    "at_most": (operator.le, "at most"),
    "above": (operator.gt, "above"),
    "below": (operator.lt, "below"),
}
METAVARS = {int: "N", float: "X"}  # text has its own in the field
# Options that decide something about a head on pretrained features: of the recipe, and of `add_head_options`.
HEAD_RECIPE = ("backbone", "sample_bits", "class_weights", "seed", "fine_tune")
# Options that decide nothing about fine-tuning either: the backbone, and --fine-tune itself, decide these.
NOT_FINE_TUNED = ("model", "grayscale", "image_size", "epochs", "ema_momentum")
HEAD_ONLY = ("groups", "no_cache", "features_only", "part")
# Options of a training through TensorFlow only.
TENSORFLOW_ONLY = ("tensorboard", "profile", "score_each_epoch", "device")


def add_recipe_options(parser: argparse.ArgumentParser, networks: Sequence[str]) -> None:
    """Add an option for each field of `Recipe` that has a help text, and for each transform of `Augmentation`.

    Args:
        networks: the names that --model accepts.
    """
    _add_options(parser.add_argument_group("recipe (defaults: the preset's)"), Recipe, model=networks)
    add_augmentation_options(parser)


def add_augmentation_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each argument of the augmentation, under its Keras name, with hyphens or underscores."""
    _add_options(parser.add_argument_group("augmentation (Keras's ImageDataGenerator arguments)"), Augmentation)


def _add_options(group: argparse._ArgumentGroup, recipe: type, **choices: Sequence[str]) -> None:
    annotations = typing.get_type_hints(recipe)
    for field in fields(recipe):
        if "help" not in field.metadata:
            continue
        settings = {name: value for name, value in field.metadata.items() if name not in BOUNDS}
        settings |= {"dest": field.name, "default": None, "help": settings["help"].replace("%", "%%")}
        if field.name in choices:
            settings["choices"] = choices[field.name]
        value_type = _value_type(annotations[field.name])
        if value_type is bool:
            settings["action"] = argparse.BooleanOptionalAction
        else:
            settings.setdefault("type", value_type)
            if "choices" not in settings and value_type in METAVARS:
                settings.setdefault("metavar", METAVARS[value_type])
        group.add_argument(flag(field.name), **settings)
        if "_" in field.name:  # Keras's spelling works too, without a second line in --help
            group.add_argument(f"--{field.name}", **{**settings, "help": argparse.SUPPRESS})


def add_sample_bits(parser: argparse.ArgumentParser) -> None:
    """Add --sample-bits to a command that takes no recipe. `check_sample_bits` checks its value."""
    parser.add_argument(
        "--sample-bits", metavar="N", type=int, default=Recipe.sample_bits, help="see train.py (default: %(default)s)"
    )


def check_sample_bits(args: argparse.Namespace) -> None:
    """Raise UserError if the value of `add_sample_bits` is out of its bounds."""
    _checked({"sample_bits": args.sample_bits}, Recipe)


def add_head_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of features and of the head on them that are no fields of a recipe."""
    group = parser.add_argument_group("pretrained features")
    group.add_argument(
        "--groups",
        metavar="CSV",
        type=Path,
        help="file,group: photos of a group stay together in split and folds, "
        "such as those of one film, person or shop",
    )
    group.add_argument(
        "--no-cache", action="store_true", help="neither look features up in the cache folder nor keep them there"
    )
    group.add_argument(
        "--features-only", action="store_true", help="compute and keep the features of the photos, and stop"
    )
    group.add_argument(
        "--part", metavar="K/N", help="with --features-only: the K-th of N parts, one for each machine or process"
    )


def check_head_options(args: argparse.Namespace, fits_head: bool) -> None:
    """Raise UserError on options that decide nothing about what is to be trained, or that contradict each other.

    Args:
        fits_head: whether a head on pretrained features is fitted; otherwise a network is trained.
    """
    changed = {name for name, value in vars(args).items() if value not in (None, False, "auto")}
    if args.backbone == "":
        raise UserError("--backbone: must not be empty; leave it out, or name one")
    if fits_head:
        idle = {*given(args, Recipe), *given(args, Augmentation)} - set(HEAD_RECIPE)
        idle = idle & set(NOT_FINE_TUNED) if args.fine_tune else idle | (changed & set(TENSORFLOW_ONLY))
        for name in sorted(idle):
            raise UserError(
                f"{flag(name)}: decides nothing about a head on pretrained features; leave it out, or train a "
                "tutorial's network instead: add --preset elephants_cars"
            )
    else:
        for name in (*HEAD_ONLY, "backbone", "fine_tune"):
            if name in changed:
                raise UserError(f"{flag(name)}: is for the preset pretrained; leave it out, or change the preset")
    if args.part and not args.features_only:
        raise UserError("--part: needs --features-only, which computes features and fits no head; add it")
    if args.no_cache and args.features_only:
        raise UserError("--no-cache: contradicts --features-only, which keeps features; give one of them")


def flag(name: str) -> str:
    """The option of a field: "batch_size" -> "--batch-size"."""
    return f"--{name.replace('_', '-')}"


def _value_type(annotation: Any) -> type:
    """The type of one value: `int` of `int | None` and of `tuple[int, int]`."""
    if isinstance(annotation, types.UnionType):
        annotation = next(choice for choice in typing.get_args(annotation) if choice is not type(None))
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is tuple else annotation


def given(args: argparse.Namespace, recipe: type) -> dict[str, Any]:
    """The fields of `recipe` (`Recipe` or `Augmentation`) that the command line set, with their values."""
    return {f.name: getattr(args, f.name) for f in fields(recipe) if getattr(args, f.name, None) is not None}


def resolve(args: argparse.Namespace, recipe: Recipe) -> Recipe:
    """The recipe with the changes from the command line.

    A transform is added to the recipe's augmentation if that is on (or switched on by --augment). Otherwise only the
    given transforms are applied. Any transform switches augmentation on.

    Raises:
        UserError: a value out of range, --no-augment together with a transform, or --plain-keras with a precision.
    """
    changes = _checked(given(args, Recipe), Recipe)
    transforms = given(args, Augmentation)
    if transforms and changes.get("augment") is False:
        raise UserError(f"--no-augment: contradicts {flag(next(iter(transforms)))}; give one of them")
    resolved = replace(recipe, **changes)
    if resolved.plain_keras and resolved.precision not in ("auto", "float32"):
        raise UserError(
            f"--plain-keras: always trains in float32, received --precision {resolved.precision}; give one of them"
        )
    if transforms:
        base = resolved.augmentation if resolved.augment else Augmentation()
        resolved = replace(resolved, augment=True, augmentation=resolve_augmentation(args, base))
    return resolved


def resolve_augmentation(args: argparse.Namespace, base: Augmentation) -> Augmentation:
    """The augmentation with the changes from the command line. Raises UserError on a value out of range."""
    return replace(base, **_checked(given(args, Augmentation), Augmentation))


def _checked(changes: dict[str, Any], recipe: type) -> dict[str, Any]:
    """The changes, with lists as tuples. Raises UserError on a value that is not finite or out of its bounds."""
    by_name = {field.name: field for field in fields(recipe)}
    changes = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
    for name, value in changes.items():
        _check_number(by_name[name], value)
    return changes


def check_recipe(recipe: Recipe) -> None:
    """Raise ValueError on a value of another type than its option takes, or out of its bounds.

    Only settings.json, which anybody may have written, can bring such a value.
    """
    for part in (recipe, recipe.augmentation):
        annotations = typing.get_type_hints(type(part))
        for field in fields(part):
            value = getattr(part, field.name)
            if "help" not in field.metadata or (value is None and field.default is None):
                continue
            kind = _value_type(annotations[field.name])
            is_pair = typing.get_origin(annotations[field.name]) is tuple or field.metadata.get("nargs") == 2
            values = value if is_pair and isinstance(value, tuple) and len(value) == 2 else (value,)
            allowed = (int, float) if kind is float else (kind,)
            if is_pair != isinstance(value, tuple) or not all(type(each) in allowed for each in values):
                raise ValueError(f"{field.name} is {str(value)[:40]!r}")
            if "choices" in field.metadata and value not in field.metadata["choices"]:
                raise ValueError(f"{field.name} is {str(value)[:40]!r}")
            try:
                _check_number(field, value)
            except UserError as error:
                raise ValueError(str(error)[:200]) from None


def _check_number(field: Field, value: Any) -> None:
    numbers = value if isinstance(value, tuple) else (value,)
    # argparse accepts nan and inf as numbers, and no comparison catches nan.
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        raise UserError(f"{flag(field.name)}: must be a finite number, received {value}")
    for name, (meets, words) in BOUNDS.items():
        bound = field.metadata.get(name)
        if bound is not None and not all(meets(number, bound) for number in numbers):
            raise UserError(f"{flag(field.name)}: must be {words} {bound}, received {value}")

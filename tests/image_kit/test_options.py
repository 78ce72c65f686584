"""Options are the fields of a recipe, and their values override the preset's."""

import argparse
import re
from dataclasses import fields, replace

import pytest

from image_kit import options, recipe
from image_kit.errors import UserError
from image_kit.recipe import Augmentation, Recipe
from presets import PRESETS
from tests.fixtures.networks import NETWORKS

AUGMENTED, PLAIN = PRESETS["cifar10"], PRESETS["cifar10_plain"]
OPTIONS = [(kind, field) for kind in (Recipe, Augmentation) for field in fields(kind) if "help" in field.metadata]
# An argument for each option, and what it sets.
GIVEN = {
    "model": ("one_conv", "one_conv"),
    "backbone": ("lite1", "lite1"),
    "image_size": ("64x96", (64, 96)),
    "sample_bits": ("12", 12),
    "grayscale": ("", True),
    "optimizer": ("sgd", "sgd"),
    "learning_rate": ("1e-4", 1e-4),
    "learning_rate_schedule": ("cosine", "cosine"),
    "warmup_epochs": ("0.5", 0.5),
    "weight_decay": ("0.05", 0.05),
    "label_smoothing": ("0.1", 0.1),
    "frozen_layers": ("43", 43),
    "frozen_statistics": ("", True),
    "ema_momentum": ("0.9", 0.9),
    "batch_size": ("7", 7),
    "epochs": ("3", 3),
    "augment": ("", True),
    "early_stopping": ("9", 9),
    "max_minutes": ("1.5", 1.5),
    "fine_tune": ("auto", recipe.AUTO),
    "class_weights": ("balanced", "balanced"),
    "seed": ("12", 12),
    "precision": ("float32", "float32"),
    "plain_keras": ("", True),
    "rotation_range": ("40", 40.0),
    "width_shift_range": ("0.25", 0.25),
    "height_shift_range": ("3", 3.0),
    "shear_range": ("15", 15.0),
    "zoom_range": (".5", 0.5),
    "channel_shift_range": ("30", 30.0),
    "brightness_range": ("0.5 1.5", (0.5, 1.5)),
    "fill_mode": ("reflect", "reflect"),
    "cval": ("128", 128.0),
    "horizontal_flip": ("", True),
    "vertical_flip": ("", True),
    "random_resized_crop": ("0.35 1", (0.35, 1.0)),
}


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    options.add_recipe_options(parser, NETWORKS.names())
    return parser


@pytest.fixture
def resolved(parser):
    """`resolved("--epochs 3", preset)`: what a command line makes of a preset."""

    def resolve(line: str, preset: Recipe = AUGMENTED) -> Recipe:
        return options.resolve(parser.parse_args(line.split()), preset)

    return resolve


def test_only_what_describes_a_preset_has_no_option():
    without = {field.name for field in fields(Recipe) if "help" not in field.metadata}
    assert without == {*recipe.DESCRIPTIVE, "dataset", "augmentation"}
    assert all("help" in field.metadata for field in fields(Augmentation))
    assert {field.name for _, field in OPTIONS} == set(GIVEN)


@pytest.mark.parametrize(("kind", "field"), OPTIONS, ids=lambda item: getattr(item, "name", ""))
def test_every_field_has_one_visible_option_and_keras_spelling(parser, resolved, kind, field):
    visible = [a for a in parser._actions if a.dest == field.name and a.help is not argparse.SUPPRESS]
    assert len(visible) == 1
    assert f"--{field.name.replace('_', '-')}" in visible[0].option_strings
    assert field.metadata["help"].replace("%", "%%") in visible[0].help
    text, value = GIVEN[field.name]
    for spelling in (field.name, field.name.replace("_", "-")):
        preset = resolved(f"--{spelling} {text}", PLAIN)
        assert getattr(preset if kind is Recipe else preset.augmentation, field.name) == value


def test_help_can_be_printed_and_names_each_option_once(parser):
    text = parser.format_help()
    for _, field in OPTIONS:
        assert len(re.findall(rf"\n  --{field.name.replace('_', '-')}(?![\w-])", text)) == 1
        assert f"--{field.name} " not in text or "_" not in field.name


@pytest.mark.parametrize("name", PRESETS)
def test_no_option_changes_nothing(resolved, name):
    assert resolved("", PRESETS[name]) == PRESETS[name]


def test_only_what_is_given_is_changed(resolved):
    assert resolved("--epochs 3 --seed 0") == replace(AUGMENTED, epochs=3, seed=0)


def test_values_equal_to_false_count_as_given(resolved, parser):
    seeded = replace(AUGMENTED, seed=5, grayscale=True)
    assert resolved("--seed 0 --no-grayscale", seeded) == replace(seeded, seed=0, grayscale=False)
    assert options.given(parser.parse_args(["--seed", "0", "--no-augment"]), Recipe) == {"seed": 0, "augment": False}


def test_one_number_makes_a_square(resolved):
    assert resolved("--image-size 64").image_size == (64, 64)
    assert resolved("--image-size 64x32").image_size == (64, 32)


@pytest.mark.parametrize("text", ["64x64x3", "x64", "a", "64x", "1.5"])
def test_other_sizes_are_refused(parser, capsys, text):
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--image-size", text])
    assert caught.value.code == 2
    message = f"argument --image-size: must be a whole number of pixels or HEIGHTxWIDTH, received {text!r}"
    assert message in capsys.readouterr().err


def test_early_stopping(resolved):
    assert resolved("--early-stopping 2").early_stopping == 2
    assert resolved("").early_stopping is None


def test_augment_switches_the_presets_transforms(resolved):
    assert resolved("--augment", PLAIN) == replace(PLAIN, augment=True)
    assert resolved("--no-augment", AUGMENTED) == replace(AUGMENTED, augment=False)
    assert resolved("--no-augment", PLAIN) == PLAIN


def test_transforms_are_added_to_those_that_are_on(resolved):
    laid_over = replace(AUGMENTED.augmentation, zoom_range=0.3)
    for line, preset in (("", AUGMENTED), ("--augment ", AUGMENTED), ("--augment ", PLAIN)):
        found = resolved(line + "--zoom-range 0.3", preset)
        assert (found.augment, found.augmentation) == (True, laid_over)


def test_transforms_alone_where_none_are_on(resolved):
    found = resolved("--zoom-range 0.3 --vertical-flip", PLAIN)
    assert (found.augment, found.augmentation) == (True, Augmentation(zoom_range=0.3, vertical_flip=True))


def test_a_transform_can_be_switched_off(resolved):
    found = resolved("--no-horizontal-flip --width-shift-range 0")
    assert found.augmentation == replace(AUGMENTED.augmentation, horizontal_flip=False, width_shift_range=0)


def test_an_augmentation_alone(parser):
    base = Augmentation(shear_range=3)
    args = parser.parse_args(["--brightness_range", "0", "2"])
    assert options.resolve_augmentation(args, base) == Augmentation(shear_range=3, brightness_range=(0, 2))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--batch-size 0", ("--batch-size", "at least 1", "received 0")),
        ("--epochs -1", ("--epochs", "at least 1", "received -1")),
        ("--early-stopping 0", ("--early-stopping", "at least 1")),
        ("--seed -1", ("--seed", "at least 0")),
        ("--seed 4294967296", ("--seed", "at most 4294967295")),
        ("--image-size 7", ("--image-size", "at least 8", "7")),
        ("--image-size 3000000", ("--image-size", "at most 2048", "3000000")),
        ("--rotation-range 1e308", ("--rotation-range", "at most 1000000.0")),
        ("--image-size 64x7", ("--image-size", "at least 8", "(64, 7)")),
        ("--learning-rate 0", ("--learning-rate", "above 0", "received 0")),
        ("--ema-momentum 1", ("--ema-momentum", "below 1", "received 1.0")),
        ("--ema-momentum -0.1", ("--ema-momentum", "at least 0", "received -0.1")),
        ("--learning-rate -0.1", ("--learning-rate", "above 0")),
        ("--learning-rate nan", ("--learning-rate", "received nan")),
        ("--learning-rate inf", ("--learning-rate", "received inf")),
        ("--no-augment --zoom-range 0.1", ("--no-augment", "--zoom-range", "one of them")),
        ("--no-augment --no-horizontal-flip", ("--no-augment", "--horizontal-flip")),
        ("--rotation-range -1", ("--rotation-range", "at least 0", "-1")),
        ("--shear-range=-.1", ("--shear-range", "at least 0")),
        ("--rotation-range nan", ("--rotation-range", "received nan")),
        ("--width-shift-range inf", ("--width-shift-range", "received inf")),
        ("--cval nan", ("--cval", "received nan")),
        ("--zoom-range 1", ("--zoom-range", "below 1", "1.0")),
        ("--brightness-range -1 1", ("--brightness-range", "at least 0", "(-1.0, 1.0)")),
        ("--brightness-range 1 nan", ("--brightness-range", "nan")),
    ],
)
def test_values_out_of_range(resolved, line, words):
    with pytest.raises(UserError) as caught:
        resolved(line)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "line",
    ["--optimizer adagrad", "--epochs 1.5", "--model vgg", "--brightness-range 1", "--fill-mode black", "--epochs"],
)
def test_values_that_argparse_refuses(parser, line, capsys):
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(line.split())
    assert caught.value.code == 2
    assert line.split()[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["--rotation-range 0", "--brightness-range 0 0", "--seed 0", "--seed 4294967295", "--image-size 8"]
)
def test_the_outermost_values_are_allowed(resolved, line):
    resolved(line)

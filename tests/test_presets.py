"""The recipes are the tutorials', value for value, and reading them costs nothing."""

from dataclasses import FrozenInstanceError, fields

import pytest

import presets
from image_kit import recipe
from image_kit.features import load_backbone
from image_kit.recipe import Augmentation, Recipe
from presets import PRESETS
from tests.fixtures.networks import NETWORKS

SHEAR_ZOOM_FLIP = {"shear_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True}
SHIFTS = {"width_shift_range": 0.1, "height_shift_range": 0.1}
# name: data, network, (height, width, channels), optimizer, batch, epochs, augmented, random transforms
RECIPES = {
    "elephants_cars": ("photos", "elephants_cars", (300, 300, 3), "rmsprop", 16, 50, True, SHEAR_ZOOM_FLIP),
    "one_conv": ("photos", "one_conv", (256, 256, 3), "adam", 32, 25, True, SHEAR_ZOOM_FLIP),
    "fashion_mnist": (
        *("fashion_mnist", "fashion_mnist", (28, 28, 1), "adam", 64, 10, False),
        SHIFTS | {"horizontal_flip": True},
    ),
    "cifar10": ("cifar10", "cifar10", (32, 32, 3), "rmsprop", 256, 100, True, SHIFTS | {"horizontal_flip": True}),
    "cifar10_plain": (
        *("cifar10", "cifar10", (32, 32, 3), "rmsprop", 256, 100, False),
        SHIFTS | {"horizontal_flip": True},
    ),
    "cifar10_small": (
        *("cifar10", "cifar10_small", (32, 32, 3), "adam", 32, 10, False),
        SHIFTS | {"horizontal_flip": True},
    ),
    "mnist_dense": ("mnist", "mnist_dense", (28, 28, 1), "adam", 128, 10, False, SHIFTS),
    "mnist_cnn": ("mnist", "mnist_cnn", (28, 28, 1), "adam", 128, 10, False, SHIFTS),
}


def test_every_preset_is_in_the_table():
    assert [name for name in PRESETS if not PRESETS[name].backbone] == list(RECIPES)


def test_a_head_on_features_says_what_it_is_made_of():
    preset = PRESETS["pretrained"]
    backbone = load_backbone(preset.backbone)
    assert (preset.dataset, preset.image_shape) == ("photos", (*backbone.image_size, 3))
    head = 2 * (1_280 + 1)  # of two classes, as for the tutorials' photos
    assert preset.parameters == sum(array.size for arrays in backbone.weights for array in arrays) + head
    assert [name for name in PRESETS if PRESETS[name].backbone] == ["pretrained"]
    assert preset.source.startswith("EfficientNet-Lite")
    assert preset.frozen_layers == backbone.stages[3] + 1  # of the stem and seven stages
    assert preset.augmentation == Augmentation(random_resized_crop=(0.35, 1.0), horizontal_flip=True)


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe(name):
    preset = PRESETS[name]
    dataset, model, (*size, channels), optimizer, batch_size, epochs, augment, transforms = RECIPES[name]
    assert (preset.dataset, preset.model) == (dataset, model)
    assert (preset.image_size, preset.grayscale) == (tuple(size), channels == 1)
    assert (preset.optimizer, preset.batch_size, preset.epochs) == (optimizer, batch_size, epochs)
    assert preset.augment is augment
    assert preset.augmentation == Augmentation(**transforms)
    assert preset.learning_rate is None  # the optimizer's own
    assert (preset.early_stopping, preset.class_weights) == (None, "none")
    assert (preset.seed, preset.precision) == (0, "auto")
    assert preset.source.startswith("tutorial ")


def test_the_preview_is_tutorial_1s():
    shown = SHEAR_ZOOM_FLIP | {"rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2}
    assert Augmentation(**shown) == presets.PREVIEW_AUGMENTATION


def test_an_augmentation_of_nothing_is_the_default_of_keras():
    from image_kit.datasets import build_image_generator

    assert not build_image_generator(Augmentation()).is_random


def test_choices_contain_every_preset():
    for preset in PRESETS.values():
        assert (preset.model in NETWORKS.names()) == (not preset.backbone)
        assert preset.optimizer in recipe.OPTIMIZERS
        assert preset.precision in recipe.PRECISIONS
        assert preset.augmentation.fill_mode in recipe.FILL_MODES


@pytest.mark.parametrize(("recipe", "name"), [(PRESETS["mnist_cnn"], "epochs"), (Augmentation(), "zoom_range")])
def test_recipes_cannot_be_changed(recipe, name):
    with pytest.raises(FrozenInstanceError):
        setattr(recipe, name, 1)


def test_recipes_share_nothing_that_can_be_changed():
    for preset in PRESETS.values():
        hash(preset)  # a list or a dict in a field would fail
    assert all(field.default_factory is not list for kind in (Recipe, Augmentation) for field in fields(kind))


def test_neither_tensorflow_nor_keras_is_imported(run_python):
    code = (
        "import presets, sys; from image_kit import options, terminal; "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert not {"tensorflow", "keras", "numpy", "matplotlib", "PIL"} & set(done.stdout.split())

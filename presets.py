"""The experiments: every preset is one literal entry; every option of train.py is one field.

This file imports neither TensorFlow nor Keras, so that `train.py --list` and `--help` answer at once.
"""

from dataclasses import replace

from image_kit.recipe import Augmentation, Recipe

# The functions of models.py.
MODELS = ("elephants_cars", "one_conv", "fashion_mnist", "cifar10", "cifar10_small", "mnist_dense", "mnist_cnn")

PHOTO_AUGMENTATION = Augmentation(shear_range=0.2, zoom_range=0.2, horizontal_flip=True)
SHIFTS = Augmentation(width_shift_range=0.1, height_shift_range=0.1)

_cifar10 = Recipe(
    source="tutorial 4",
    dataset="cifar10",
    parameters=276_138,
    model="cifar10",
    image_size=(32, 32),
    optimizer="rmsprop",
    batch_size=256,
    epochs=100,
    augment=True,
    augmentation=replace(SHIFTS, horizontal_flip=True),
)
_mnist = Recipe(
    source="tutorial 4",
    dataset="mnist",
    parameters=34_826,
    model="mnist_cnn",
    image_size=(28, 28),
    grayscale=True,
    batch_size=128,
    augmentation=SHIFTS,
)

PRESETS = {
    "elephants_cars": Recipe(
        measured=".976 ± .010 (3 seeds)",
        minutes="2.2",
        source="tutorial 1",
        dataset="photos",
        parameters=5_046_369,
        model="elephants_cars",
        optimizer="rmsprop",
        batch_size=16,
        epochs=50,
        augment=True,
        augmentation=PHOTO_AUGMENTATION,
    ),
    "one_conv": Recipe(
        measured=".946 ± .031 (3 seeds)",
        minutes="1.0",
        source="tutorial 2",
        dataset="photos",
        parameters=66_065_537,
        model="one_conv",
        image_size=(256, 256),
        epochs=25,
        augment=True,
        augmentation=PHOTO_AUGMENTATION,
    ),
    "fashion_mnist": Recipe(
        measured=".9125 ± .0014 (3 seeds)",
        minutes="1.4",
        source="tutorial 3",
        dataset="fashion_mnist",
        parameters=140_682,
        model="fashion_mnist",
        image_size=(28, 28),
        grayscale=True,
        ema_momentum=0.995,  # of .99 to .9995 the best on the validation images; they gain .008 (3 seeds)
        batch_size=64,
        augmentation=replace(SHIFTS, horizontal_flip=True),
    ),
    "cifar10": replace(_cifar10, measured=".8356 (1 seed)", minutes="34"),
    "cifar10_plain": replace(_cifar10, augment=False, measured=".8269 (1 seed)", minutes="36"),
    "cifar10_small": replace(
        _cifar10,
        measured=".699 ± .010 (3 seeds)",
        minutes="1.6",
        source="tutorial 5",
        parameters=122_570,
        model="cifar10_small",
        optimizer="adam",
        batch_size=32,
        epochs=10,
        augment=False,
    ),
    "mnist_dense": replace(
        _mnist, model="mnist_dense", parameters=669_706, measured=".982 ± .002 (3 seeds)", minutes="0.4"
    ),
    "mnist_cnn": replace(_mnist, measured=".990 ± .001 (3 seeds)", minutes="0.9"),
}
# What tutorial 1 shows its random transforms with.
PREVIEW_AUGMENTATION = Augmentation(
    rotation_range=40,
    width_shift_range=0.2,
    height_shift_range=0.2,
    shear_range=0.2,
    zoom_range=0.2,
    horizontal_flip=True,
)
# Tutorial 1 found that 10 epochs suffice; enough for drawings, and about two minutes in all.
DEMO_EPOCHS = 10

"""The presets: a named recipe for each tutorial, and one for your own photos.

`python train.py --list` prints them, and `python train.py NAME` trains one. The recipe options of train.py override
these values; image_kit/recipe.py says what each means, with its unit and default. `measured` is the test accuracy, mean
± standard deviation of several seeds; `minutes` is for a whole run on 2 cores. This file imports neither TensorFlow nor
Keras, so that --list and --help respond immediately.
"""

from image_kit.recipe import Augmentation, Recipe
from image_kit.text_table import table

PRESETS = {
    "pretrained": Recipe(
        source="EfficientNet-Lite, 2020",
        dataset="photos",
        model="pretrained",  # not in models.py: a backbone, and a head that is fitted to its features
        backbone="lite0",
        image_size=(256, 256),  # pixels, those of lite0; another backbone has its own
        # --fine-tune trains so; the head itself needs none of it.
        batch_size=32,
        optimizer="adamw",
        learning_rate=0.0005,
        weight_decay=0.05,
        learning_rate_schedule="cosine",
        warmup_epochs=1,
        label_smoothing=0.1,
        frozen_layers=43,  # the first 3 of 7 stages
        frozen_statistics=True,
        augment=True,
        augmentation=Augmentation(random_resized_crop=(0.35, 1.0), horizontal_flip=True),
        parameters=3_415_586,  # 2,562 of them in the head, the only ones that are fitted
        measured="1.00 (56 photos)",
        minutes="0.1",
    ),
    "elephants_cars": Recipe(
        source="tutorial 1",
        dataset="photos",  # your own, a folder for each class
        model="elephants_cars",
        image_size=(300, 300),  # pixels, as in the tutorial
        optimizer="rmsprop",
        batch_size=16,
        epochs=50,  # as in the tutorial, which keeps the weights of the last; here the best ones are kept
        augment=True,
        augmentation=Augmentation(
            shear_range=0.2, zoom_range=0.2, horizontal_flip=True
        ),  # shear in degrees, zoom by .8 to 1.2
        class_names_of_old_weights=("cars", "elephants"),  # only for the tutorial's own file, which stores no names
        parameters=5_046_369,
        measured=".976 ± .010 (3 seeds)",
        minutes="2.2",
    ),
    "one_conv": Recipe(
        source="tutorial 2",
        dataset="photos",
        model="one_conv",
        image_size=(256, 256),  # pixels, as in the tutorial
        optimizer="adam",
        batch_size=32,
        epochs=25,
        augment=True,
        augmentation=Augmentation(shear_range=0.2, zoom_range=0.2, horizontal_flip=True),
        class_names_of_old_weights=("class 0", "class 1"),  # the tutorial does not say what its photos show
        parameters=66_065_537,
        measured=".946 ± .031 (3 seeds)",
        minutes="1.0",
    ),
    "fashion_mnist": Recipe(
        source="tutorial 3",
        dataset="fashion_mnist",
        model="fashion_mnist",
        image_size=(28, 28),
        grayscale=True,
        optimizer="adam",
        ema_momentum=0.995,  # best of those tried from .99 to .9995; adds .008 validation accuracy (3 seeds)
        batch_size=64,
        epochs=10,
        augment=False,  # --augment turns on the transforms below
        augmentation=Augmentation(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True),
        parameters=140_682,
        measured=".9125 ± .0014 (3 seeds)",
        minutes="1.4",
    ),
    "cifar10": Recipe(
        source="tutorial 4",
        dataset="cifar10",
        model="cifar10",
        image_size=(32, 32),
        optimizer="rmsprop",
        batch_size=256,
        epochs=100,
        augment=True,
        augmentation=Augmentation(
            width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True
        ),  # shifts by up to 10 % of 32 pixels
        parameters=276_138,
        measured=".8356 (1 seed)",
        minutes="34",
    ),
    "cifar10_plain": Recipe(
        source="tutorial 4",
        dataset="cifar10",
        model="cifar10",
        image_size=(32, 32),
        optimizer="rmsprop",
        batch_size=256,
        epochs=100,
        augment=False,  # the only difference from cifar10; this one overfits
        augmentation=Augmentation(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True),
        parameters=276_138,
        measured=".8269 (1 seed)",
        minutes="36",
    ),
    "cifar10_small": Recipe(
        source="tutorial 5",
        dataset="cifar10",
        model="cifar10_small",
        image_size=(32, 32),
        optimizer="adam",
        batch_size=32,
        epochs=10,
        augment=False,
        augmentation=Augmentation(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True),
        parameters=122_570,
        measured=".699 ± .010 (3 seeds)",
        minutes="1.6",
    ),
    "mnist_dense": Recipe(
        source="tutorial 4",
        dataset="mnist",
        model="mnist_dense",
        image_size=(28, 28),
        grayscale=True,
        optimizer="adam",
        batch_size=128,
        epochs=10,
        augment=False,  # digits are centred, and this network learns only where they are
        augmentation=Augmentation(
            width_shift_range=0.1, height_shift_range=0.1
        ),  # no flip: a mirrored digit is another sign
        parameters=669_706,
        measured=".982 ± .002 (3 seeds)",
        minutes="0.4",
    ),
    "mnist_cnn": Recipe(
        source="tutorial 4",
        dataset="mnist",
        model="mnist_cnn",
        image_size=(28, 28),
        grayscale=True,
        optimizer="adam",
        batch_size=128,
        epochs=10,
        augment=False,
        augmentation=Augmentation(width_shift_range=0.1, height_shift_range=0.1),
        parameters=34_826,
        measured=".990 ± .001 (3 seeds)",
        minutes="0.9",
    ),
}
# The transforms that augment_preview.py shows, which are those of tutorial 1's own preview.
PREVIEW_AUGMENTATION = Augmentation(
    rotation_range=40,  # degrees
    width_shift_range=0.2,  # fraction of the width
    height_shift_range=0.2,
    shear_range=0.2,  # degrees
    zoom_range=0.2,
    horizontal_flip=True,
)
# Tutorial 1 says that 10 epochs suffice. For drawings that is true, and takes about a minute.
DEMO_EPOCHS = 10


def print_presets() -> None:
    """A table of the presets on stdout."""
    rows = [("preset", "source", "network", "parameters", "augmented", "epochs", "test accuracy", "minutes")]
    for name, preset in PRESETS.items():
        described = (preset.source, preset.model, f"{preset.parameters:,}", "yes" if preset.augment else "no")
        epochs = "" if preset.backbone else str(preset.epochs)
        rows.append((name, *described, epochs, preset.measured, preset.minutes))
    print(table(rows, numbers=False))

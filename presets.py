"""The recipes: one entry for each, every value with its unit or reason.

`python train.py --list` prints them, and `python train.py NAME` trains one. Each option of train.py changes one value;
image_kit/recipe.py says what each means and sets the defaults. This file imports neither TensorFlow nor Keras, so
that --list and --help answer at once.
"""

from image_kit.recipe import Augmentation, Recipe

PRESETS = {
    "elephants_cars": Recipe(
        source="tutorial 1",
        dataset="photos",  # your own, a folder for each class
        model="elephants_cars",
        image_size=(300, 300),  # pixels; the tutorial's
        optimizer="rmsprop",
        batch_size=16,
        epochs=50,  # the tutorial found that 10 suffice
        augment=True,
        augmentation=Augmentation(shear_range=0.2, zoom_range=0.2, horizontal_flip=True),  # .2 degrees; zoom .8 to 1.2
        class_names=("cars", "elephants"),  # of the tutorial's own weights, which do not name them
        parameters=5_046_369,
        measured=".976 ± .010 (3 seeds)",
        minutes="2.2",
    ),
    "one_conv": Recipe(
        source="tutorial 2",
        dataset="photos",
        model="one_conv",
        image_size=(256, 256),  # pixels; the tutorial's
        optimizer="adam",
        batch_size=32,
        epochs=25,
        augment=True,
        augmentation=Augmentation(shear_range=0.2, zoom_range=0.2, horizontal_flip=True),
        class_names=("class 0", "class 1"),  # the tutorial does not say what its photos show
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
        ema_momentum=0.995,  # the best on the validation images of .99 to .9995; gains .008 there (3 seeds)
        batch_size=64,
        epochs=10,
        augment=False,  # --augment switches the next line on
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
        augmentation=Augmentation(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True),  # 3.2 pixels
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
        augment=False,  # the only difference from cifar10: it overfits
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
        augmentation=Augmentation(width_shift_range=0.1, height_shift_range=0.1),  # no flip: mirrored digits are wrong
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
# The transforms that augment_preview.py shows: those of tutorial 1's own preview.
PREVIEW_AUGMENTATION = Augmentation(
    rotation_range=40,  # degrees
    width_shift_range=0.2,  # fraction of the width
    height_shift_range=0.2,
    shear_range=0.2,  # degrees
    zoom_range=0.2,
    horizontal_flip=True,
)
# Tutorial 1 found that 10 epochs suffice. They do for drawings, and take about two minutes.
DEMO_EPOCHS = 10

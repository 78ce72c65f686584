"""The tutorials' own training code in Keras 3's spelling, as `benchmarks/training.py` times it.

As the tutorials wrote it: networks, losses, one-hot labels, optimizers, batches, generators, validation data, float32,
Keras's defaults in fit. Different: file names, the number of epochs and, where Keras 3 demands it, the spelling (Input
instead of input_shape, fit instead of fit_generator, no workers=).
Every function takes its data, epochs and callbacks. This file imports nothing from the project.
"""

from pathlib import Path

import numpy as np
from keras import Sequential
from keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from keras.losses import SparseCategoricalCrossentropy
from keras.optimizers import Adam
from keras.utils import to_categorical
from tensorflow.keras.preprocessing.image import ImageDataGenerator

Arrays = dict[str, np.ndarray]  # x_train, y_train, x_test, y_test


def elephants_cars(folder: Path, epochs: int, callbacks: list) -> None:
    """Tutorial 1, on folder/train and folder/validation."""
    model = Sequential([Input((300, 300, 3))])
    for filters in (32, 32, 64):
        model.add(Conv2D(filters, (3, 3)))
        model.add(Activation("relu"))
        model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dense(64))
    model.add(Activation("relu"))
    model.add(Dropout(0.5))
    model.add(Dense(1))
    model.add(Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    train = ImageDataGenerator(rescale=1.0 / 255, shear_range=0.2, zoom_range=0.2, horizontal_flip=True)
    options = {"target_size": (300, 300), "batch_size": 16, "class_mode": "binary"}
    train_flow = train.flow_from_directory(folder / "train", **options)
    validation_flow = ImageDataGenerator(rescale=1.0 / 255).flow_from_directory(folder / "validation", **options)
    model.fit(train_flow, epochs=epochs, validation_data=validation_flow, callbacks=callbacks)


def fashion_mnist(arrays: Arrays, epochs: int, callbacks: list) -> None:
    """Tutorial 3, which validates on nothing."""
    images = arrays["x_train"].reshape(-1, 28, 28, 1).astype("float32") / 255
    model = Sequential([Input((28, 28, 1))])
    for _ in range(2):
        model.add(Conv2D(64, (3, 3)))
        model.add(Activation("relu"))
        model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dense(64))
    model.add(Dense(10))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=Adam(), metrics=["accuracy"])
    model.fit(images, to_categorical(arrays["y_train"], 10), batch_size=64, epochs=epochs, callbacks=callbacks)


def cifar10(arrays: Arrays, epochs: int, callbacks: list) -> None:
    """Tutorial 4, with its augmentation; it validates on the test images."""
    train, test = (arrays[name].astype("float32") / 255 for name in ("x_train", "x_test"))
    train_labels, test_labels = (to_categorical(arrays[name], 10) for name in ("y_train", "y_test"))
    model = Sequential([Input((32, 32, 3))])
    for filters in (32, 64, 64):
        model.add(Conv2D(filters, (3, 3), padding="same", activation="relu"))
        model.add(Conv2D(filters, (3, 3), activation="relu"))
        model.add(MaxPooling2D(pool_size=(2, 2)))
        model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(512, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    generator = ImageDataGenerator(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)
    flow = generator.flow(train, train_labels, batch_size=256)
    model.fit(flow, epochs=epochs, validation_data=(test, test_labels), callbacks=callbacks)


def cifar10_small(arrays: Arrays, epochs: int, callbacks: list) -> None:
    """Tutorial 5; it validates on the test images."""
    train, test = arrays["x_train"] / 255.0, arrays["x_test"] / 255.0
    model = Sequential([Input((32, 32, 3))])
    model.add(Conv2D(32, (3, 3), activation="relu"))
    model.add(MaxPooling2D((2, 2)))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(MaxPooling2D((2, 2)))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(Flatten())
    model.add(Dense(64, activation="relu"))
    model.add(Dense(10))
    model.compile(optimizer="adam", loss=SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    validation = (test, arrays["y_test"])
    model.fit(train, arrays["y_train"], epochs=epochs, validation_data=validation, callbacks=callbacks)


TUTORIALS = {function.__name__: function for function in (elephants_cars, fashion_mnist, cifar10, cifar10_small)}

"""The networks of the tutorials: one plain function each, from an image shape to an uncompiled keras.Sequential.

`image_shape` is (height, width, channels); inputs are float32 batches (n, height, width, channels) in 0..1.
`n_classes` decides the head: 1 sigmoid unit for two classes, else one softmax unit a class.

Where the tutorials have relu before a max-pooling it stands behind it here: the relu of the maximum is the maximum of
the relus, values and gradients alike, for a quarter of the numbers to read and write (5 % of a step).
"""

import keras
from keras import layers

from image_kit.fast_keras import Dropout

ImageShape = tuple[int, int, int]


def elephants_cars(image_shape: ImageShape, n_classes: int = 2) -> keras.Sequential:
    """Tutorial 1: three convolutions and a small dense layer; 5,046,369 parameters at 300x300x3 with two classes."""
    return keras.Sequential(
        [
            layers.Input(image_shape),
            layers.Conv2D(32, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Conv2D(32, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Conv2D(64, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            Dropout(0.5),
            _head(n_classes),
        ]
    )


def one_conv(image_shape: ImageShape, n_classes: int = 2) -> keras.Sequential:
    """Tutorial 2: one convolution, nearly all weights in one dense layer; 66,065,537 parameters at 256x256x3."""
    return keras.Sequential(
        [
            layers.Input(image_shape),
            layers.Conv2D(32, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            _head(n_classes),
        ]
    )


def fashion_mnist(image_shape: ImageShape, n_classes: int = 10) -> keras.Sequential:
    """Tutorial 3: two convolutions, then a dense layer that is linear there too; 140,682 parameters at 28x28x1."""
    return keras.Sequential(
        [
            layers.Input(image_shape),
            layers.Conv2D(64, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Conv2D(64, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(64),
            _head(n_classes),
        ]
    )


def cifar10(image_shape: ImageShape, n_classes: int = 10) -> keras.Sequential:
    """Tutorial 4: six convolutions in three blocks with dropout; 276,138 parameters at 32x32x3."""
    model = keras.Sequential([layers.Input(image_shape)])
    for filters in (32, 64, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.Conv2D(filters, 3))
        model.add(layers.MaxPooling2D(2))
        model.add(layers.ReLU())
        model.add(Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(512, activation="relu"))
    model.add(Dropout(0.5))
    model.add(_head(n_classes))
    return model


def cifar10_small(image_shape: ImageShape, n_classes: int = 10) -> keras.Sequential:
    """Tutorial 5: three convolutions and a head of logits, no softmax; 122,570 parameters at 32x32x3."""
    return keras.Sequential(
        [
            layers.Input(image_shape),
            layers.Conv2D(32, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Conv2D(64, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(n_classes, dtype="float32"),
        ]
    )


def mnist_dense(image_shape: ImageShape, n_classes: int = 10) -> keras.Sequential:
    """Tutorial 4's multi-layer perceptron, which learns where each pixel is; 669,706 parameters at 28x28x1."""
    return keras.Sequential(
        [
            layers.Input(image_shape),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            Dropout(0.2),
            layers.Dense(512, activation="relu"),
            Dropout(0.2),
            _head(n_classes),
        ]
    )


def mnist_cnn(image_shape: ImageShape, n_classes: int = 10) -> keras.Sequential:
    """The small CNN beside it, which learns shapes wherever they are; 34,826 parameters at 28x28x1."""
    return keras.Sequential(
        [
            layers.Input(image_shape),
            layers.Conv2D(32, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Conv2D(64, 3),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Flatten(),
            Dropout(0.5),
            _head(n_classes),
        ]
    )


def _head(n_classes: int) -> layers.Dense:
    """The last layer computes in float32 whatever the precision of the rest: probabilities near 1 need it."""
    if n_classes == 2:
        return layers.Dense(1, activation="sigmoid", dtype="float32")
    return layers.Dense(n_classes, activation="softmax", dtype="float32")


def build(name: str, image_shape: ImageShape, n_classes: int) -> keras.Sequential:
    """The network that presets and weights files call `name`.

    Raises:
        ValueError: the images are too small for the network's convolutions and poolings.
    """
    functions = (elephants_cars, one_conv, fashion_mnist, cifar10, cifar10_small, mnist_dense, mnist_cnn)
    return {function.__name__: function for function in functions}[name](image_shape, n_classes)


def is_binary(model: keras.Model) -> bool:
    """Whether the head is one sigmoid unit: labels 0 and 1 as float32 (n, 1), class_mode "binary"."""
    return model.output_shape[-1] == 1


def head(model: keras.Model) -> str:
    """What the last layer gives: "sigmoid" (one unit), "softmax" or "logits" (one unit a class)."""
    activation = model.layers[-1].activation
    return "logits" if activation is keras.activations.linear else activation.__name__


def loss_for(model: keras.Model) -> keras.losses.Loss:
    """The loss that follows from the head, so that nobody can combine them wrongly.

    1 sigmoid unit: binary cross-entropy. Softmax: sparse categorical cross-entropy. Linear: the same from logits.
    """
    from_logits = head(model) == "logits"
    if is_binary(model):
        return keras.losses.BinaryCrossentropy(from_logits=from_logits)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)

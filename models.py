"""The tutorials' networks: one function each, from an image shape to a keras.Sequential.

`image_shape` is (height, width, channels). Inputs are float32 batches (n, height, width, channels) in 0..1.

To train a network of your own, add a function here and run `python train.py cifar10 --model ITS_NAME`. It must return a
keras.Sequential, or a functional keras.Model with one input and one output, of the layers in
image_kit/weights/network.py. It must end in `Dense(1, activation="sigmoid")` for two classes, or in `Dense(n_classes)`
with softmax or without activation. The loss follows from that last layer. What makes training fast
(image_kit/fast_keras/) is applied later, to any network; `--plain-keras` turns it off.
"""

import keras
from keras import layers


def elephants_cars(image_shape, n_classes=2):
    """Tutorial 1: three convolutions and a small dense layer; 5,046,369 parameters at 300x300x3 with two classes."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5),
            _head(n_classes),
        ]
    )


def one_conv(image_shape, n_classes=2):
    """Tutorial 2: one convolution; nearly all weights are in one dense layer; 66,065,537 parameters at 256x256x3."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            _head(n_classes),
        ]
    )


def fashion_mnist(image_shape, n_classes=10):
    """Tutorial 3: two convolutions and a dense layer without activation; 140,682 parameters at 28x28x1."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(64),
            _head(n_classes),
        ]
    )


def cifar10(image_shape, n_classes=10):
    """Tutorial 4: six convolutions in three blocks with dropout; 276,138 parameters at 32x32x3."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.5),
            _head(n_classes),
        ]
    )


def cifar10_small(image_shape, n_classes=10):
    """Tutorial 5: three convolutions and a head of logits, no softmax; 122,570 parameters at 32x32x3."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(n_classes),
        ]
    )


def mnist_dense(image_shape, n_classes=10):
    """Tutorial 4's multi-layer perceptron, which depends on where each pixel is; 669,706 parameters at 28x28x1."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            _head(n_classes),
        ]
    )


def mnist_cnn(image_shape, n_classes=10):
    """Tutorial 4's small CNN, which recognises shapes wherever they are; 34,826 parameters at 28x28x1."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            _head(n_classes),
        ]
    )


def _head(n_classes):
    """The last layer: the probability of the second of two classes, or one probability for each class."""
    if n_classes == 2:
        return layers.Dense(1, activation="sigmoid")
    return layers.Dense(n_classes, activation="softmax")

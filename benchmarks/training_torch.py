"""A training step of the presets' networks in PyTorch, at its best setting, as `benchmarks/training.py` times it.

Needs nothing but torch, so that it can run in an environment of its own. Reads one JSON object from the command line
(preset; train, validation: numbers of images; batch_size; epochs) and prints one. A step is the same as Keras's:
forward, loss, backward, update. The images are in memory. A short trial of float32 and bfloat16, contiguous and
channels-last, chooses the fastest setting, which runs the epochs.
"""

import itertools
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional

# Filters of each convolution, "same" padding marked by a negative number; "pool" and dropout rates; then dense layers.
CONVOLUTIONS = {
    "elephants_cars": [32, "pool", 32, "pool", 64, "pool"],
    "fashion_mnist": [64, "pool", 64, "pool"],
    "cifar10": [-32, 32, "pool", 0.25, -64, 64, "pool", 0.25, -64, 64, "pool", 0.25],
    "cifar10_small": [32, "pool", 64, "pool", 64],
}
DENSE = {
    "elephants_cars": (64, nn.ReLU(), 0.5, 1),
    "fashion_mnist": (64, None, 0.0, 10),
    "cifar10": (512, nn.ReLU(), 0.5, 10),
    "cifar10_small": (64, nn.ReLU(), 0.0, 10),
}
SHAPES = {"elephants_cars": (3, 300, 300), "fashion_mnist": (1, 28, 28)}
TRIAL_STEPS = 4


def network(preset: str, shape: tuple[int, int, int]) -> nn.Sequential:
    """The network of models.py, without the head's sigmoid or softmax, which are part of the loss."""
    layers, channels = [], shape[0]
    for item in CONVOLUTIONS[preset]:
        if item == "pool":
            layers.append(nn.MaxPool2d(2))
        elif isinstance(item, float):
            layers.append(nn.Dropout(item))
        else:
            layers += [nn.Conv2d(channels, abs(item), 3, padding="same" if item < 0 else "valid"), nn.ReLU()]
            channels = abs(item)
    layers.append(nn.Flatten())
    features = nn.Sequential(*layers)(torch.zeros(1, *shape)).shape[1]
    units, activation, dropout, classes = DENSE[preset]
    layers += [nn.Linear(features, units), activation or nn.Identity(), nn.Dropout(dropout), nn.Linear(units, classes)]
    return nn.Sequential(*layers)


class Trainer:
    """A network with its optimizer and one batch, at one setting."""

    def __init__(self, preset: str, batch_size: int, dtype: torch.dtype, layout: torch.memory_format):
        shape = SHAPES.get(preset, (3, 32, 32))
        torch.manual_seed(0)
        self.model = network(preset, shape).to(memory_format=layout)
        self.images = torch.rand(batch_size, *shape).contiguous(memory_format=layout)
        self.is_binary = DENSE[preset][-1] == 1
        labels = torch.arange(batch_size)
        self.labels = (labels % 2).float()[:, None] if self.is_binary else labels % 10
        rmsprop = preset in ("elephants_cars", "cifar10")
        parameters = self.model.parameters()
        self.optimizer = torch.optim.RMSprop(parameters, 1e-3, 0.9) if rmsprop else torch.optim.Adam(parameters, 1e-3)
        self.dtype = dtype
        self.setting = f"{str(dtype).partition('.')[2]}, {str(layout).partition('.')[2].replace('_', ' ')}"

    def forward(self) -> torch.Tensor:
        """The loss, computed in float32."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            logits = self.model(self.images)
        loss = functional.binary_cross_entropy_with_logits if self.is_binary else functional.cross_entropy
        return loss(logits.float(), self.labels)

    def train(self, steps: int) -> float:
        """Train; returns seconds."""
        self.model.train()
        begin = time.perf_counter()
        for _ in range(steps):
            self.optimizer.zero_grad()
            self.forward().backward()
            self.optimizer.step()
        return time.perf_counter() - begin

    @torch.inference_mode()
    def validate(self, steps: int) -> float:
        """Forward only; returns seconds."""
        self.model.eval()
        begin = time.perf_counter()
        for _ in range(steps):
            self.forward().item()
        return time.perf_counter() - begin


def main() -> None:
    """Choose the setting, then time epochs."""
    task = json.loads(sys.argv[1])
    size = task["batch_size"]
    settings = itertools.product((torch.float32, torch.bfloat16), (torch.contiguous_format, torch.channels_last))
    trainers = [Trainer(task["preset"], size, *setting) for setting in settings]
    for trainer in trainers:
        trainer.train(1)
    best = min(trainers, key=lambda trainer: trainer.train(TRIAL_STEPS))
    steps, validation_steps = max(1, task["train"] // size), task["validation"] // size
    scale = task["train"] / (steps * size)  # the last batch is smaller
    epochs = [(best.train(steps) + best.validate(validation_steps)) * scale for _ in range(task["epochs"])]
    print(json.dumps({"epochs": epochs, "note": f"PyTorch {torch.__version__}, {best.setting}"}))


if __name__ == "__main__":
    main()

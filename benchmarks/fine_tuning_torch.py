"""PyTorch's side of `benchmarks/fine_tuning.py`: timm's network of the same size, channels last.

Needs torch and timm, and torchvision for photos, so that it can run in an environment of its own. Reads one JSON object
from the command line (frozen: whether only the layers are trained that --fine-tune trains; bfloat16; batch_size;
steps; photos: a folder, or null) and prints {"rate": images a second}. Weights are random, which takes no less time.
"""

import json
import statistics
import sys
import time

import timm
import torch
from torch import nn

FROZEN_STAGES = 3  # of 7, and the stem
EPOCHS = 3  # with photos; the first one starts processes


class Trainer:
    """The network with its optimizer."""

    def __init__(self, frozen: bool, bfloat16: bool, classes: int):
        torch.manual_seed(0)
        self.model = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=classes)
        self.model.eval()  # batch statistics are frozen; nothing else differs, as there is no dropout
        self.model.to(memory_format=torch.channels_last)
        self.start, self.bfloat16 = 0, bfloat16
        self.fixed = nn.Sequential(self.model.conv_stem, self.model.bn1, *self.model.blocks[:FROZEN_STAGES])
        self.trained = nn.Sequential(*self.model.blocks[FROZEN_STAGES:], self.model.conv_head, self.model.bn2)
        self.frozen = frozen
        self.fixed.requires_grad_(not frozen)
        parameters = [each for each in self.model.parameters() if each.requires_grad]
        self.optimizer = torch.optim.AdamW(parameters, 5e-4, weight_decay=0.05, fused=True)
        self.loss = nn.CrossEntropyLoss(label_smoothing=0.1)

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """One update of the weights."""
        self.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            with torch.set_grad_enabled(not self.frozen):
                images = self.fixed(images)
            logits = self.model.forward_head(self.trained(images))
        self.loss(logits.float(), labels).backward()
        self.optimizer.step()


def bare(task: dict) -> float:
    """Images a second of steps on one batch in memory."""
    size, classes = task["batch_size"], 10
    trainer = Trainer(task["frozen"], task["bfloat16"], classes)
    images = torch.rand(size, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    labels, seconds = torch.arange(size) % classes, []
    for _ in range(task["steps"] + 2):  # two to warm up
        begin = time.perf_counter()
        trainer.step(images, labels)
        seconds.append(time.perf_counter() - begin)
    return size / statistics.median(seconds[2:])


def from_photos(task: dict) -> float:
    """Images a second of whole epochs of photos, decoded and transformed by torchvision in two processes."""
    from torchvision import datasets, transforms

    steps = [transforms.RandomResizedCrop(224, scale=(0.35, 1.0)), transforms.RandomHorizontalFlip()]
    photos = datasets.ImageFolder(task["photos"], transforms.Compose([*steps, transforms.ToTensor()]))
    loader = torch.utils.data.DataLoader(
        photos, task["batch_size"], shuffle=True, num_workers=2, persistent_workers=True
    )
    trainer, ends = Trainer(task["frozen"], task["bfloat16"], len(photos.classes)), []
    for _ in range(EPOCHS):
        for images, labels in loader:
            trainer.step(images.contiguous(memory_format=torch.channels_last), labels)
        ends.append(time.perf_counter())
    return len(photos) * (EPOCHS - 1) / (ends[-1] - ends[0])


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    rate = (from_photos if task["photos"] else bare)(task)
    print(json.dumps({"rate": rate, "note": f"{torch.__version__}"}))

"""Graphics cards that this machine has but TensorFlow cannot use: which, why, and what to do.

The functions take data, so that every case can be tested on a machine without a card. `notice` asks this machine.
"""

import contextlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

PCI_DEVICES = Path("/sys/bus/pci/devices")
NVIDIA_DRIVER = Path("/proc/driver/nvidia/gpus")
NVIDIA, AMD = "0x10de", "0x1002"  # PCI vendor numbers
DISPLAY, ACCELERATOR = "0x03", "0x12"  # first byte of a PCI class
PIP_CUDA = 'pip install "tensorflow[and-cuda]"'
TOOL_SECONDS = 10  # nvidia-smi takes 1 s, and hangs with a broken driver


def notice(device: str, usable: int, built_with_cuda: bool) -> str | None:
    """One line about cards that this machine has and TensorFlow does not see; None if there are none.

    Args:
        device: the user's choice; with "cpu" no card is wanted.
        usable: how many GPUs TensorFlow sees.
        built_with_cuda: whether this TensorFlow can use NVIDIA GPUs at all.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if device == "cpu" or usable or hidden in ("", "-1"):  # not wanted, in use, or hidden on purpose
        return None
    with_driver = NVIDIA_DRIVER.is_dir() and any(NVIDIA_DRIVER.iterdir())
    return explain(nvidia_cards(), with_driver, pci_vendors(), built_with_cuda, platform.system(), platform.machine())


def explain(
    cards: list[str], with_driver: bool, vendors: set[str], built_with_cuda: bool, system: str, machine: str
) -> str | None:
    """Why TensorFlow uses none of this machine's cards, and what to do; None if it has none that it could use.

    Args:
        cards: names from `nvidia_cards`.
        with_driver: whether NVIDIA's kernel driver has found a card.
        vendors: PCI vendors of the display controllers.
        built_with_cuda: as tf.test.is_built_with_cuda().
        system: as platform.system().
        machine: as platform.machine().
    """
    if cards or with_driver:
        name = ", ".join(cards) or "An NVIDIA GPU"
        if not built_with_cuda:
            return f"{name}: not used, because this TensorFlow was built without CUDA; run: {PIP_CUDA}"
        return f"{name}: not used, because TensorFlow does not find CUDA's libraries; run: {PIP_CUDA}"
    if NVIDIA in vendors:
        return f"An NVIDIA GPU: not used, because its driver is not running; install the driver, then run: {PIP_CUDA}"
    if AMD in vendors:
        return "An AMD GPU: not used, because this TensorFlow has no ROCm; see AMD's tensorflow-rocm"
    if system == "Darwin" and machine == "arm64":
        # Apple's plug-in tensorflow-metal would use it, but users report wrong training with it.
        return "An Apple GPU: not used; training runs on the CPU"
    return None


def nvidia_cards() -> list[str]:
    """The names that NVIDIA's own tool gives; empty without it or without a card."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=TOOL_SECONDS, check=True)
        return parse_cards(listed.stdout)
    return []


def parse_cards(text: str) -> list[str]:
    """The names in the output of `nvidia-smi -L`: "GPU 0: NVIDIA A100 (UUID: GPU-...)"."""
    lines = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("GPU ")]
    return [line.partition(" (UUID")[0].strip() for line in lines]


def pci_vendors(devices: Path = PCI_DEVICES) -> set[str]:
    """Vendors ("0x10de") of the graphics cards on Linux's PCI bus; empty where it cannot be read."""
    found = set()
    for device in devices.glob("*"):
        with contextlib.suppress(OSError):
            if (device / "class").read_text().startswith((DISPLAY, ACCELERATOR)):
                found.add((device / "vendor").read_text().strip())
    return found

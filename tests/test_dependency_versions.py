"""The requirements agree with one another. dependency_versions.py runs the tests with other versions, in minutes."""

import re
import subprocess
import sys
import tomllib

from tests.conftest import ROOT
from tests.dependency_versions import RESOLUTIONS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read(name):
    """The requirements of a file without comments, as they stand: "numpy>=2.0"."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-r")]


def test_every_requirement_has_a_lowest_version():
    for requirement in read("requirements.txt") + read("requirements-dev.txt"):
        assert re.search(r">=\d|==\d", requirement), requirement


def test_the_extras_are_tested_in_the_versions_that_users_get():
    extras = [each for names in PROJECT["project"]["optional-dependencies"].values() for each in names]
    assert extras
    assert set(extras) <= set(read("requirements-dev.txt"))


def test_the_pythons_are_those_of_the_pages_and_of_the_workflow():
    lowest, beyond = map(int, re.findall(r"3\.(\d+)", PROJECT["project"]["requires-python"]))
    versions = [f"3.{minor}" for minor in range(lowest, beyond)]
    assert f"Python {versions[0]} to {versions[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")
    workflow = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    matrices = re.findall(r"python: \[(.*)\]", workflow)
    assert matrices
    assert [re.findall(r"[\d.]+", matrix) for matrix in matrices] == [versions] * len(matrices)


def test_the_script_says_what_it_does():
    page = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
    for versions in RESOLUTIONS:
        assert f"`python tests/dependency_versions.py {versions}" in page.replace("\n", " ")
    script = ROOT / "tests/dependency_versions.py"
    shown = subprocess.run([sys.executable, script, "--help"], check=True, capture_output=True, text=True)
    assert "lowest" in shown.stdout

"""Run the fast tests with the lowest or the highest versions that the requirements allow, in a fresh environment.

    python tests/dependency_versions.py lowest
    python tests/dependency_versions.py highest --python python3.13

The packages are those of requirements-dev.txt, which has the extras of pyproject.toml too, as wheels only. uv chooses
them, since pip knows no lowest versions; it is installed into the environment first. "lowest" means the packages that
are named there: what these need in turn comes in its newest version, as it does for a user.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
RESOLUTIONS = {"lowest": "lowest-direct", "highest": "highest"}


def main() -> int:
    """The exit status of pytest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", choices=RESOLUTIONS)
    parser.add_argument("--python", default=sys.executable, metavar="NAME", help="another Python (default: this one)")
    parser.add_argument("--freeze", type=Path, metavar="FILE", help="also write the chosen versions, for pip-audit")
    options, for_pytest = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="dependency-versions-") as folder:
        python = make_environment(options.python, Path(folder) / "environment", RESOLUTIONS[options.versions])
        chosen = subprocess.check_output([python, "-m", "pip", "freeze"], text=True)
        print(chosen, flush=True)
        if options.freeze:
            options.freeze.write_text(chosen, encoding="utf-8")
        return run_tests(python, for_pytest)


def make_environment(python: str, folder: Path, resolution: str) -> Path:
    """A virtual environment with the packages of requirements-dev.txt: its Python."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    inside = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([inside, "-m", "pip", "install", "--quiet", "uv"], check=True)
    # The tests start hundreds of commands: what is not compiled now is compiled by each of them.
    install = ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", inside, "--resolution", resolution]
    install += ["--only-binary", ":all:", "--requirements", PROJECT / "requirements-dev.txt"]
    subprocess.run([inside, "-m", *install], check=True)
    return inside


def run_tests(python: Path, more: list[str]) -> int:
    """Pytest's exit status for the fast tests; more arguments go to pytest."""
    # As in .ci/run: hypothesis then draws the same examples each time.
    environment = {**os.environ, "CI": "true"}
    command = [python, "-m", "pytest", "-n", "2", "-m", "not slow and not nightly", *more]
    return subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

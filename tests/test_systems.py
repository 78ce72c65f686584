"""What other systems lack is left out there and nowhere else. Windows and macOS are only played here."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fixtures.systems import NEEDS, reason_to_leave_out

WORKFLOW = ROOT / ".github/workflows/tests.yml"
HELPERS_CODE = "print(open('/proc/self/statm').read())"


def run_helper():
    return subprocess.run([sys.executable, "-c", HELPERS_CODE], check=True, capture_output=True).stdout


@pytest.fixture
def ends_a_process():
    def end(process):
        process.send_signal(signal.SIGINT)

    return end


@pytest.fixture
def reason_for(request):
    """`reason_for(function, *fixtures)`: why that test would be left out where nothing of `NEEDS` is there."""

    def reason(function, *fixtures):
        item = pytest.Function.from_parent(request.node.parent, name=function.__name__, callobj=function)
        assert set(fixtures) <= set(item.fixturenames)
        return reason_to_leave_out(item, NEEDS)

    return reason


def makes_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")


def asks_a_helper():
    assert run_helper()


def asks_a_fixture(ends_a_process):
    ends_a_process(None)


def needs_nothing(tmp_path):
    assert (tmp_path / "proc").name == "proc"


def test_what_a_test_needs_is_read_from_its_code(reason_for):
    assert reason_for(makes_a_pipe) == "this system has no such files"
    assert reason_for(asks_a_helper) == "needs Linux's /proc"
    assert reason_for(asks_a_fixture, "ends_a_process") == "Windows ends processes otherwise"
    assert reason_for(needs_nothing) is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere some are left out")
def test_linux_has_all():
    assert [reason for _, is_here, reason in NEEDS if not is_here()] == []


def test_the_workflow_runs_what_the_readme_says():
    """No host has run it: this compares its words with the pages'."""
    text = WORKFLOW.read_text(encoding="utf-8")
    for version in ("3.11", "3.12", "3.13"):
        assert text.count(f'"{version}"') >= 2
    assert re.findall(r"(ubuntu|windows|macos)-[\d.]+", text)[:3] == ["ubuntu", "windows", "macos"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("pip install -r requirements-dev.txt", "python -m pytest -n 2"):
        assert command in readme
        assert f"python -m {command}".replace("python -m python", "python") in text
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    for check in ("ruff check", "ruff format --check", "lint-imports", "mypy"):
        assert check in text
        assert check.replace(" ", '" ', 1) in ci or f'{check}"' in ci
    named = re.findall(r"run: python ([\w/]+\.py)", text)
    assert named
    assert [name for name in named if not Path(ROOT / name).is_file()] == []

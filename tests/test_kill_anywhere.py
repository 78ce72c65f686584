"""Commands that are killed at random moments and run again end as if nobody had disturbed them."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.fixtures.results import Failure, compare, refuse_half, results_of
from tests.kill_anywhere import JOBS, ORDER, Killing, calls_in

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals")]


@pytest.mark.parametrize(("name", "kills"), [("head", 2), ("split", 3)])
def test_a_few_kills(tmp_path, name, kills):
    killing = Killing(tmp_path)
    for number in range(kills):
        killing.kill(name, np.random.default_rng([2, number]))


def test_calls_are_those_of_the_first_thread_and_change_a_file_of_ours():
    log = """
12 execve("/bin/python", ["python"], 0x7f /* 9 vars */) = 0
13 write(2</dev/pts/1>, ""..., 5) = 5
12 write(3</top/a>, ""..., 5) = 5
12 rename("/elsewhere/a", "/elsewhere/b") = 0
12 rename("runs/a", "runs/b") = 0
13 rename("x", "y") = 0
"""
    assert calls_in(log.strip(), Path("/top")) == [("write", 1), ("rename", 2)]


@pytest.mark.nightly
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("name", ["head", "seeds", "check", "evaluate", "show", "tflite", "fine-tune"])
def test_a_kill_between_any_two_files(tmp_path, name):
    killing = Killing(tmp_path)
    moments = [call for call in killing.undisturbed(name).calls if call[0] in ("rename", "link")]
    assert moments
    for call in moments:
        killing.kill_at(name, call)


@pytest.mark.nightly
def test_a_hundred_kills():
    command = [sys.executable, ROOT / "tests/kill_anywhere.py", "--kills", "100", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "100 kills, 0 broken"
    assert len(ORDER) == 100
    assert set(ORDER) == set(JOBS)


@pytest.mark.parametrize(
    ("name", "whole"),
    [("a.json", b'{"a": 1}\n'), ("a.csv", b"a,b\n1,2\n3,4\n"), ("report.html", b"<html></html>\n"), ("a.png", None)],
)
def test_a_cut_file_is_found(tmp_path, name, whole):
    path = tmp_path / name
    if whole is None:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
        whole = path.read_bytes()
    path.write_bytes(whole)
    refuse_half(path, [])
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Failure, match=f"{name}: half-written"):
        refuse_half(path, [])
    (tmp_path / "old").write_bytes(path.read_bytes())
    refuse_half(path, [tmp_path / "old"])


def test_results_differ_in_anything_but_times(tmp_path):
    def state(name, **files):
        folder = tmp_path / name / "work/runs/a"
        folder.mkdir(parents=True)
        for each, text in {
            "metrics.json": '{"seconds": 1, "n": 2}',
            "history.csv": "epoch,seconds\n1,2\n",
            **files,
        }.items():
            (folder / each).write_text(text)
        return tmp_path / name

    whole = state("whole")
    compare(
        state("slower", **{"metrics.json": '{"seconds": 9, "n": 2}', "history.csv": "epoch,seconds\n1,7\n"}),
        whole,
        None,
    )
    for name, text in (
        ("metrics.json", '{"seconds": 1, "n": 3}'),
        ("history.csv", "epoch,seconds\n2,2\n"),
        ("a.txt", ""),
    ):
        with pytest.raises(Failure, match=name):
            compare(state(f"other-{name}", **{name: text}), whole, None)
    assert "work/runs/a/metrics.json" in results_of(whole, None)

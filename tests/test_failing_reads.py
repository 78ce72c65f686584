"""A read that fails once changes no result; one that fails for good is named, and nothing is called damaged."""

import sys

import pytest

from tests.failing_reads import Fault, faults_of
from tests.failing_writes import COMMANDS
from tests.fixtures.sweeps import outcomes_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace")
LINES = [
    '7 newfstatat(AT_FDCWD</here>, "photos", {st_mode=S_IFDIR|0755, st_size=40, ...}, 0) = 0',
    '7 openat(AT_FDCWD</here>, "photos/a.jpg", O_RDONLY|O_CLOEXEC) = 4</here/photos/a.jpg>',
    '7 read(4</here/photos/a.jpg>, "...", 4096) = 100',
    '8 read(4</here/photos/a.jpg>, "", 4096) = 0',
    '7 openat(AT_FDCWD</here>, "runs/a/x", O_WRONLY|O_CREAT, 0666) = 3</here/runs/a/x>',
    '7 read(5</usr/lib/x>, "...", 4096) = 100',
]


def test_the_calls_that_read_are_found_once_for_each_path():
    found = [("newfstatat", "photos"), ("openat", "photos/a.jpg"), ("read", "photos/a.jpg")]
    faults = faults_of(LINES, "/here", ["EIO", "ENOENT"])
    assert {(each.call, each.path) for each in faults} == set(found)
    assert {each.when for each in faults} == {"1", "1+"}
    assert Fault("read", "photos/a.jpg", "ENOENT", "1") not in faults  # the file is open already


@pytest.mark.slow
def test_some_reads_of_a_split():
    outcomes = outcomes_of("failing_reads.py", "split", "--errors", "ESTALE", "--step", "17")["split"]
    assert "harm" not in outcomes
    assert outcomes.get("exit status 0", 0) > 0, outcomes


@pytest.mark.nightly
@pytest.mark.parametrize("name", COMMANDS)
def test_every_read_of_every_command(name):
    assert sum(outcomes_of("failing_reads.py", name, timeout=None)[name].values()) > 10

"""A write that fails ends in one line, leaves nothing half-written, and the same command then succeeds."""

import sys

import pytest

from tests.failing_writes import COMMANDS, Fault, distinct, faults_of
from tests.fixtures.sweeps import outcomes_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace")
LINES = [
    '7 openat(AT_FDCWD</here>, "runs/a/.tmp-1.settings.json", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</here/runs/a/x>',
    '7 openat(AT_FDCWD</here>, "photos/a.jpg", O_RDONLY|O_CLOEXEC) = 4</here/photos/a.jpg>',
    '7 write(2</dev/pts/0>, "Writing to /here/runs/a", 23) = 23',
    '8 write(3</here/runs/a/x>, "{}", 2) = 2',
    '7 write(3</here/runs/a/x>, "{}", 2) = 2',
    '7 rename("runs/a/x", "runs/a/settings.json") = 0',
    '7 mkdir("runs/a", 0777) = -1 EEXIST (File exists)',
    "7 <... fsync resumed>) = 0",
]


def test_the_calls_that_write_are_found_with_their_numbers():
    assert faults_of(LINES, "/here") == [
        Fault("openat", 1, "runs/a/.tmp-1.settings.json"),
        Fault("write", 1, "runs/a/x"),
        Fault("write", 2, "runs/a/x"),
        Fault("rename", 1, "runs/a/settings.json"),
    ]


def test_faults_alike_take_turns_with_the_errors_and_a_single_one_gets_all():
    many = [Fault("write", number, f"runs/{number}/a.jpg") for number in range(9)]
    one = Fault("rename", 1, "runs/0/b.json")
    assert distinct([*many, one], ["ENOSPC", "EIO"]) == [
        *zip((many[0], many[4], many[8]), ("ENOSPC", "EIO", "ENOSPC"), strict=True),
        (one, "ENOSPC"),
        (one, "EIO"),
    ]


@pytest.mark.slow
def test_some_writes_of_a_training_and_of_a_split():
    outcomes = outcomes_of("failing_writes.py", "train", "split", "--errors", "ENOSPC", "--first", "5", "--step", "40")
    for name in ("train", "split"):
        assert "harm" not in outcomes[name]
        assert outcomes[name].get("exit status 2", 0) > 0, outcomes


@pytest.mark.nightly
@pytest.mark.parametrize("name", COMMANDS)
def test_every_write_of_every_command(name):
    assert sum(outcomes_of("failing_writes.py", name, timeout=None)[name].values()) > 10

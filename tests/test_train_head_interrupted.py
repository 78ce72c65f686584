"""A head's run that is interrupted, killed, resumed, divided among processes or started twice at once."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from image_kit.machine import cpu_cores
from tests.conftest import ROOT, finish, start_process
from tests.fixtures.heads import RUN_FILES, bytes_of

# train.py, in which a step takes as long as a test needs.
SLOW = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
import train
from image_kit import terminal
from image_kit.features.runners import LiteRunner
from image_kit.training import HeadRun
STEP
sys.argv = ["train.py", *sys.argv[1:]]
terminal.run(train.main)
"""
WAITS = "HeadRun.{name} = lambda *_: print('waiting', flush=True) or time.sleep(600)"
COUNTS = r"""
run = LiteRunner.run
def slowly(self, images):
    time.sleep(0.02)
    sys.stdout.write("computed\n")  # in one piece, unlike print from several threads
    sys.stdout.flush()
    return run(self, images)
LiteRunner.run = slowly
"""
# The same. After 40 photos it waits for Ctrl-C, so that it is not done before, and not at once after it.
HOLDS = (
    COUNTS
    + r"""
import signal, threading
counted, interrupted, computed = LiteRunner.run, threading.Event(), []
def hold(self, images):
    computed.append(1)
    if len(computed) > 40:
        interrupted.wait()
        time.sleep(0.5)
    return counted(self, images)
def interrupt(*_):
    interrupted.set()
    raise KeyboardInterrupt
LiteRunner.run = hold
signal.signal(signal.SIGINT, interrupt)
"""
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]


@pytest.fixture
def pets(tmp_path, coloured_photos, monkeypatch):
    """tmp_path, with photos/ of 40 cats and dogs each, and an empty cache folder."""
    coloured_photos(tmp_path / "photos", {"cats": 40, "dogs": 40})
    monkeypatch.setenv("IMAGE_CLASSIFICATION_KIT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def start_slow(folder, step, *arguments):
    return start_process(sys.executable, "-c", SLOW.replace("STEP", step), *arguments, folder=folder)


def wait_for(process, line, count=1):
    for _ in range(count):
        assert process.stdout.readline() == f"{line}\n", process.communicate()


def known(err):
    (line,) = [line for line in err.splitlines() if line.startswith("features: ")]
    return int(line.split()[4])


@pytest.mark.parametrize("step", ["fit", "_calibrate", "_write_network", "_draw"])
def test_a_killed_run_is_resumed_to_the_same_bytes(pets, fit_here, step):
    process = start_slow(pets, WAITS.format(name=step), "photos", "--run", "cut")
    wait_for(process, "waiting")
    process.kill()
    process.communicate()
    assert not (pets / "runs/cut/metrics.json").exists()
    status, out, err = fit_here(pets, "--resume", "runs/cut")
    assert status == 0, err
    assert known(err) == 80
    status, whole, err = fit_here(pets, "photos", "--run", "whole")
    assert status == 0, err
    assert out.splitlines()[0] == whole.splitlines()[0]
    assert bytes_of(pets / "runs/cut") == bytes_of(pets / "runs/whole")
    assert {path.name for path in (pets / "runs/cut").iterdir()} == RUN_FILES


def test_photos_that_have_moved_are_asked_for_and_found(pets, fit_here):
    process = start_slow(pets, WAITS.format(name="fit"), "photos", "--run", "cut")
    wait_for(process, "waiting")
    process.kill()
    process.communicate()
    (pets / "photos").rename(pets / "moved")
    advice = (
        "no such folder; give the one where the photos of runs/cut are now: python train.py FOLDER --resume runs/cut"
    )
    for place in ("photos", "nowhere"):
        status, _, err = fit_here(pets, *(["nowhere"] if place == "nowhere" else []), "--resume", "runs/cut")
        assert (status, err) == (2, f"train.py: error: {pets / place if place == 'photos' else place}: {advice}\n")
    status, _, err = fit_here(pets, "--resume", "runs/cut", "--data", "moved")
    assert status == 0, err
    assert known(err) == 80


def test_a_photo_that_has_changed_by_a_byte_is_named(pets, fit_here):
    assert fit_here(pets, "photos", "--run", "cut")[0] == 0
    (pets / "runs/cut/metrics.json").unlink()  # as if killed just before its end
    changed = sorted((pets / "photos/cats").iterdir())[3]
    changed.write_bytes(changed.read_bytes() + b"\0")
    before = bytes_of(pets / "runs/cut")
    status, out, err = fit_here(pets, "--resume", "runs/cut")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == (
        "train.py: error: --resume: the photos have changed since runs/cut began; put them back, or start a new run "
        f"(new or changed: photos/cats/{changed.name})"
    )
    assert bytes_of(pets / "runs/cut") == before
    changed.write_bytes(changed.read_bytes()[:-1])
    assert fit_here(pets, "--resume", "runs/cut")[0] == 0
    assert bytes_of(pets / "runs/cut") == before


def test_ctrl_c_in_a_fit_says_how_to_go_on(pets, fit_here):
    process = start_slow(pets, WAITS.format(name="fit"), "photos", "--run", "cut")
    wait_for(process, "waiting")
    process.send_signal(signal.SIGINT)
    done = finish(process, 120)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.splitlines()[-3:] == ["", "Go on with: python train.py --resume runs/cut", "Interrupted."]
    assert fit_here(pets, "--resume", "runs/cut")[0] == 0


@pytest.mark.parametrize("arguments", [("photos",), ("photos", "--features-only"), ("photos", "--no-cache")])
def test_ctrl_c_in_features_keeps_those_computed(pets, fit_here, arguments):
    process = start_slow(pets, HOLDS, *arguments)
    wait_for(process, "computed", 20)
    process.send_signal(signal.SIGINT)
    done = finish(process, 120)
    assert done.returncode == 130, done.stderr
    says = (
        [] if "--no-cache" in arguments else ["", "The features computed so far are kept. Go on with the same command."]
    )
    assert done.stderr.splitlines() == [*says, "Interrupted."]
    assert sorted(path.name for path in pets.iterdir() if path.name != "cache") == ["photos"]
    computed = 19 + done.stdout.count("computed")  # the first is of the golden image
    assert computed < 80
    _, out, _ = fit_here(pets, "photos", "--features-only")
    if "--no-cache" in arguments:
        assert known(out) == 0
    else:  # those that a thread had just begun may be lost
        assert computed - cpu_cores() <= known(out) <= computed


def test_a_kill_in_features_loses_no_more_than_is_not_written_yet(pets, fit_here):
    process = start_slow(pets, COUNTS.replace("0.02", "0.1"), "photos", "--features-only")
    while not [path for path in (pets / "cache").rglob("*.features") if not path.name.startswith(".")]:  # complete ones
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    status, _, err = fit_here(pets, "photos")
    assert status == 0, err
    assert 1 <= known(err) < 80


def test_two_at_once_use_one_cache_folder(pets, start):
    processes = [start(pets, "train.py", "photos", "--run", name) for name in ("a", "b")]
    for process in processes:
        done = finish(process, 120)
        assert done.returncode == 0, done.stderr
    assert bytes_of(pets / "runs/a") == bytes_of(pets / "runs/b")


def test_three_processes_compute_parts_and_the_run_none(pets, start, fit_here):
    parts = [start(pets, "train.py", "photos", "--features-only", "--part", f"{k}/3") for k in (1, 2, 3)]
    done = [finish(process, 120) for process in parts]
    kept = Path(os.environ["IMAGE_CLASSIFICATION_KIT_CACHE"], "features")
    says = [f"features: {count} photos computed, 0 known, in {kept}\n" for count in (27, 27, 26)]
    assert [process.stdout for process in done] == says, done
    assert sorted(path.name for path in pets.iterdir()) == ["cache", "photos"]
    status, _, err = fit_here(pets, "photos")
    assert status == 0, err
    assert "features: 0 photos computed, 80 known" in err


def test_a_full_disk_is_one_line_and_the_run_goes_on_from_there(pets, fit_here):
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))"
    done = finish(start_slow(pets, full, "photos", "--run", "cut"), 60)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    way_out = "raise the limit on the size of a file (ulimit -f), or use another disk"
    assert done.stderr.splitlines()[-1] == f"train.py: error: runs/cut/best.weights.h5: File too large; {way_out}"
    assert "Traceback" not in done.stderr
    status, _, err = fit_here(pets, "--resume", "runs/cut")
    assert status == 0, err
    assert {path.name for path in (pets / "runs/cut").iterdir()} == RUN_FILES

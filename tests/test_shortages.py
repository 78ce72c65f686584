"""Commands that have too little of something: one line says so, and the result is the same where there is enough."""

import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from image_kit import errors

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
MIB = 2**20
TRAIN = f"python {shlex.quote(str(ROOT / 'train.py'))}"  # as it was called


def run_limited(limit, value, command, *arguments, cwd):
    """Run a command with a limit of the kernel's; returns its exit status, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, ROOT / command, *map(str, arguments)],
        cwd=cwd,
        # One thread of OpenBLAS: each one maps address space.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(limit, (value, value)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def paths_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# Where a limit strikes depends on the machine's libraries and cores: while they are loaded, or when the report is made.
@pytest.mark.slow
@pytest.mark.parametrize(("mebibytes", "possible"), [(250, {2}), (450, {0, 2})])
def test_too_little_memory_is_one_line_and_loses_nothing(tmp_path, coloured_photos, mebibytes, possible):
    coloured_photos(tmp_path / "photos", {"cats": 4, "dogs": 4})
    before = paths_below(tmp_path)
    asked = ("train.py", "photos", "--run", "small")
    status, out, err = run_limited(resource.RLIMIT_AS, mebibytes * MIB, *asked, cwd=tmp_path)
    assert status in possible, err
    assert "Traceback" not in err
    if status == 2:
        shortages = {f"train.py: error: {named}" for named in (errors.OUT_OF_MEMORY, errors.OUT_OF_THREADS)}
        assert (out, err.splitlines()[-1] in shortages) == ("", True), err
        if paths_below(tmp_path) != before:  # a run was begun: it goes on with what it has
            assert err.splitlines()[-2] == f"Go on with: {TRAIN} --resume runs/small"
            asked = ("train.py", "--resume", "runs/small")
    again = () if status == 0 else (asked,)
    for command in (*again, ("train.py", "photos", "--run", "undisturbed")):
        status, _, err = run_limited(resource.RLIMIT_AS, resource.RLIM_INFINITY, *command, cwd=tmp_path)
        assert status == 0, err
    runs = [tmp_path / "runs" / name for name in ("small", "undisturbed")]
    assert paths_below(runs[0]) == paths_below(runs[1])
    assert (runs[0] / "model.tflite").read_bytes() == (runs[1] / "model.tflite").read_bytes()


@pytest.mark.slow
def test_forty_open_files_are_enough(tmp_path, coloured_photos):
    coloured_photos(tmp_path / "photos", {"cats": 30, "dogs": 30})
    status, _, err = run_limited(resource.RLIMIT_NOFILE, 40, "train.py", "photos", "--run", "files", cwd=tmp_path)
    assert status == 0, err
    asked = ("photos", "--weights", "runs/files", "--csv")
    status, out, err = run_limited(resource.RLIMIT_NOFILE, 40, "predict.py", *asked, cwd=tmp_path)
    assert status == 0, err
    assert len(out.splitlines()) == 1 + 60


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_one_line_and_loses_nothing(tmp_path, coloured_photos):
    """The system would end the process by a signal; Python has it raise an error instead."""
    coloured_photos(tmp_path / "photos", {"cats": 4, "dogs": 4})
    asked = ("train.py", "photos", "--run", "limited", "--no-cache")
    status, out, err = run_limited(resource.RLIMIT_FSIZE, MIB, *asked, cwd=tmp_path)
    assert (status, out) == (2, ""), err
    *_, way_on, said = err.splitlines()
    assert said.startswith("train.py: error: runs/limited/best.weights.h5: File too large; raise the limit")
    assert way_on == f"Go on with: {TRAIN} --resume runs/limited"
    assert not [path for path in paths_below(tmp_path) if ".tmp-" in path or path.endswith(".h5")]


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (MemoryError(), errors.OUT_OF_MEMORY),
        (OSError(12, "Cannot allocate memory"), errors.OUT_OF_MEMORY),
        (ImportError("cv2.abi3.so: failed to map segment from shared object"), errors.OUT_OF_MEMORY),
        (RuntimeError("can't start new thread"), errors.OUT_OF_THREADS),
        (BlockingIOError(11, "Resource temporarily unavailable"), errors.OUT_OF_THREADS),
        (OSError(24, "Too many open files"), errors.OUT_OF_FILES),
        (OSError(28, "No space left on device"), None),
        (ValueError("shapes do not match"), None),
    ],
    ids=str,
)
def test_what_is_short_is_named_also_behind_another_error(error, named):
    assert errors.name_shortage(error) == named
    behind = RuntimeError("the last error")
    behind.__cause__ = error
    assert errors.name_shortage(behind) == named


# The messages as an NVIDIA H200 gave them with TensorFlow 2.21, its memory taken by another program, or shortened.
@pytest.mark.parametrize(
    ("kind", "said", "named"),
    [
        ("InternalError", "cudaSetDevice() on GPU:0 failed. Status: out of memory", errors.OUT_OF_GPU_MEMORY),
        (
            "ResourceExhaustedError",
            "OOM when allocating tensor with shape[9] on /device:GPU:0 by allocator GPU_0_bfc",
            errors.OUT_OF_GPU_MEMORY,
        ),
        ("ResourceExhaustedError", "OOM when allocating tensor with shape[9] by allocator cpu", errors.OUT_OF_MEMORY),
        (
            "InternalError",
            "Graph execution error:\n\nDetected at node conv\nNo BLAS for stream.\n\t [[{{node conv}}]]",
            "the GPU failed: No BLAS for stream; see that its driver and CUDA's libraries fit this TensorFlow, or "
            "compute on the CPU: set CUDA_VISIBLE_DEVICES=-1",
        ),
        ("InvalidArgumentError", 'File "/cuda/train.py", line 1\nshapes do not match [Op:MatMul] device:GPU:0', None),
    ],
)
def test_a_gpu_that_fails_is_named(kind, said, named):
    from tensorflow import errors as tensorflow_errors

    assert errors.name_shortage(getattr(tensorflow_errors, kind)(None, None, said)) == named
    assert errors.name_shortage(ValueError(said.replace("OOM", "cuda"))) is None  # a folder may have such a name


def test_an_error_that_is_its_own_cause_has_an_end():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert errors.name_shortage(first) is None

"""Device and precision are chosen in one place, quietly."""

from pathlib import Path

import keras
import pytest

from image_kit.compute import device as compute
from image_kit.compute.device import (
    Hardware,
    choose_gpus,
    choose_policy,
    cpu_flags,
    name_gpus,
)
from image_kit.errors import OUT_OF_MEMORY, UserError

BF16 = {"avx512_bf16", "avx2"}


@pytest.mark.parametrize(
    ("capabilities", "flags", "policy"),
    [
        ([], set(), "float32"),
        ([], {"avx2", "avx512f"}, "float32"),
        ([], BF16, "mixed_bfloat16"),
        ([], {"amx_bf16"}, "mixed_bfloat16"),
        ([(9, 0)], set(), "mixed_bfloat16"),
        ([(8, 0)], set(), "mixed_bfloat16"),
        ([(12, 0)], set(), "mixed_bfloat16"),
        ([(7, 5)], BF16, "mixed_float16"),
        ([(7, 0)], set(), "mixed_float16"),
        ([(6, 1)], BF16, "float32"),
        ([(9, 0), (7, 0)], set(), "mixed_float16"),  # the slowest card decides
        ([(9, 0), (6, 1)], set(), "float32"),
        ([None], BF16, "float32"),
    ],
)
def test_the_policy_for_auto(capabilities, flags, policy):
    assert choose_policy("auto", capabilities, flags) == policy


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("capabilities", [[], [(9, 0)], [(5, 0)]])
def test_a_precision_that_is_asked_for_is_taken(precision, capabilities):
    assert choose_policy(precision, capabilities, BF16) == precision


def test_flags_of_this_cpu_or_none(monkeypatch):
    assert all(isinstance(flag, str) and " " not in flag for flag in cpu_flags())
    texts = {"processor : 0\nflags\t\t: fpu avx2\nprocessor : 1\nflags : other\n": {"fpu", "avx2"}, "": set()}
    for text, flags in texts.items():
        monkeypatch.setattr(Path, "read_text", lambda self, encoding, text=text: text)
        assert cpu_flags() == flags

    def absent(self, encoding):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", absent)
    assert cpu_flags() == set()


def test_the_sentence():
    assert Hardware("CPU", 2, "float32").sentence() == "Computing on 2 CPU cores in float32."
    assert Hardware("A GPU", 8, "mixed_bfloat16").sentence() == (
        "Computing on A GPU and 8 CPU cores in mixed_bfloat16 (weights float32)."
    )


@pytest.mark.parametrize(
    ("device", "count", "chosen"),
    [("auto", 0, []), ("auto", 1, [0]), ("auto", 3, [0, 1, 2]), ("cpu", 3, []), ("cpu", 0, []), ("gpu", 2, [0])],
)
def test_which_gpus_are_used(device, count, chosen):
    assert list(choose_gpus(device, count)) == chosen


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error():
    with pytest.raises(UserError, match="--device gpu: TensorFlow sees no GPU on this machine; leave the option out"):
        choose_gpus("gpu", 0)


def test_equal_gpus_are_named_once():
    assert name_gpus([]) == ""
    assert name_gpus(["NVIDIA A100"]) == "NVIDIA A100"
    assert name_gpus(["NVIDIA A100", "Tesla T4", "NVIDIA A100"]) == "2 x NVIDIA A100, Tesla T4"


def test_another_policy_lasts_as_long_as_its_block():
    import keras

    before = keras.config.dtype_policy().name
    with compute.dtype_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == before
    with pytest.raises(RuntimeError), compute.dtype_policy("mixed_float16"):
        raise RuntimeError
    assert keras.config.dtype_policy().name == before


SET_UP = """
from image_kit.compute import device as compute
found = compute.set_up("mixed_bfloat16", seed=3)
import keras, numpy
print(found.device, found.policy, keras.config.dtype_policy().name, float(keras.random.normal(())), numpy.random.rand())
"""


@pytest.mark.slow
def test_setting_up_says_nothing_and_seeds_everything(run_python):
    """In processes of their own: what C++ writes goes to file descriptor 2, past Python's sys.stderr."""
    first, second = (run_python("-c", SET_UP) for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == second.stdout
    assert first.stdout.startswith("CPU mixed_bfloat16 float32 ")  # the process's own policy stays


def test_what_was_held_back_is_shown_when_the_import_fails(run_python):
    code = """
import os
from pathlib import Path
from image_kit.compute import device as compute
from image_kit.compute import quiet
with quiet.native_stderr_held_back():
    os.write(2, b"quiet\\n")
os.write(2, b"between\\n")
with quiet.native_stderr_held_back():
    os.write(2, b"the cause\\n")
    raise ImportError("no such library")
"""
    done = run_python("-c", code)
    assert done.returncode == 1
    assert done.stderr.startswith("between\nthe cause\n")
    assert "quiet" not in done.stderr
    assert done.stderr.rstrip().endswith("ImportError: no such library")


def test_what_was_held_back_is_not_shown_when_one_line_names_what_is_short(run_python):
    code = """
import os
from image_kit import terminal
from image_kit.compute import quiet
def main():
    with quiet.native_stderr_held_back():
        os.write(2, b"many lines\\n")
        raise MemoryError
terminal.run(main)
"""
    done = run_python("-c", code)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"-c: error: {OUT_OF_MEMORY}\n"


def test_a_closed_stderr_does_no_harm(run_python):
    code = (
        "import os; from image_kit.compute import quiet\nos.close(2)\n"
        "with quiet.native_stderr_held_back(): print('done')"
    )
    done = run_python("-c", code)
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_a_program_that_has_imported_keras_on_another_backend_is_told(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")  # JAX itself need not be installed here
    message = "KERAS_BACKEND: the kit's networks need tensorflow, received jax; change the variable"
    with pytest.raises(UserError, match=f"^{message}$"):
        compute.prepare_keras()

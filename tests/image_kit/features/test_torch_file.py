"""Weights that PyTorch wrote are read without PyTorch; a damaged or hostile file is one line and runs nothing."""

import hashlib
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays

from image_kit.errors import UserError
from image_kit.features.torch_file import read_torch_file
from tests.fixtures.torch_files import START, View, a_file, a_global, tensor, text, torch_file
from tests.fuzz_files import mutated

NUMBERS = np.arange(24, dtype=np.float32)
GOOD = {
    "weight": NUMBERS.reshape(2, 3, 4),
    "strided": View(NUMBERS, (4, 3), (1, 4), 12),
    "tracked": np.array(7, np.int64),
    "bias": np.array([0.5, -2.0], np.float32),
}


@pytest.fixture
def write(tmp_path):
    def write(data):
        path = tmp_path / "weights.pth"
        path.write_bytes(data)
        return path

    return write


def state(items):
    """The opcodes of a dict with these items."""
    return b"}(" + items + b"u"


def one_tensor(view=None, keys=("1",), storages=None, **changes):
    """A file with the tensor "a", of which something is wrong."""
    view = view or View(NUMBERS, (24,), (1,))
    return a_file(state(text("a") + tensor(view, "1", **changes)), keys, storages or [view.storage])


def test_tensors_are_read_with_their_strides(write):
    read = read_torch_file(write(torch_file(GOOD)))
    assert list(read) == list(GOOD)
    np.testing.assert_array_equal(read["weight"], GOOD["weight"])
    np.testing.assert_array_equal(read["strided"], NUMBERS[12:].reshape(3, 4).T)
    assert read["tracked"] == 7
    assert read["tracked"].dtype == np.int64
    assert read["bias"].tolist() == [0.5, -2.0]


@st.composite
def views(draw):
    """A storage, seen with its axes in another order."""
    dtype = draw(st.sampled_from(["<f4", "<i8"]))
    array = draw(arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, max_side=4)))
    seen = array.transpose(draw(st.permutations(range(array.ndim))))
    return View(array.ravel(), seen.shape, tuple(stride // seen.itemsize for stride in seen.strides)), seen


@given(tensors=st.dictionaries(st.text(max_size=20), views(), max_size=3))
@settings(max_examples=50, deadline=None)
def test_any_tensors_in_any_order_of_axes_are_read_as_they_were(tensors, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.pth"
    path.write_bytes(torch_file({name: view for name, (view, _) in tensors.items()}))
    read = read_torch_file(path)
    assert read.keys() == tensors.keys()
    for name, (_, seen) in tensors.items():
        assert read[name].dtype == seen.dtype
        np.testing.assert_array_equal(read[name], seen)


def test_arrays_cannot_be_written_to(write):
    read = read_torch_file(write(torch_file(GOOD)))
    with pytest.raises(ValueError, match="read-only"):
        read["weight"][:] = 0


def test_the_sha_256_must_be_the_expected_one(write):
    data = torch_file(GOOD)
    path, digest = write(data), hashlib.sha256(data).hexdigest()
    assert len(read_torch_file(path, digest)) == 4
    with pytest.raises(UserError, match=f"SHA-256 begins with {digest[:12]}, not 0{{12}}; run: pip install "):
        read_torch_file(path, "0" * 64, "some-package")


BAD = {
    "empty": (b"", "it is empty"),
    "web page": (b"\n<!DOCTYPE html><html>404</html>", "it is a web page"),
    "newer layout": (b"PK\x03\x04" + bytes(100), "layout of PyTorch 1.6 and later"),
    "text": (b"404: not found", "opcode b'4'"),
    "wrong magic": (a_file(state(b""), [], [], magic=5), "magic number is wrong"),
    "short": (torch_file(GOOD)[:-4], "has another size"),
    "longer": (torch_file(GOOD) + b"\0", "1 bytes follow"),
    "cut in a pickle": (torch_file(GOOD)[:300], "does not end"),
    "endless pickle": (a_file(state(b""), [], [])[:60] + b"N" * 1_500_000, "does not end"),
    "no state dict": (a_file(b"K\x05", [], []), "does not contain a state dict"),
    "a number for a tensor": (a_file(state(text("a") + b"K\x05"), [], []), "does not contain a state dict"),
    "unknown global": (one_tensor(storage=a_global(b"torch", b"CharStorage")), "names 'torch.CharStorage'"),
    "a function as storage": (one_tensor(storage=a_global(b"torch._utils", b"_rebuild_tensor_v2")), "is damaged"),
    "larger than its storage": (one_tensor(View(NUMBERS, (25,), (1,))), "reaches beyond its 24 numbers"),
    "offset too large": (one_tensor(View(NUMBERS, (4,), (1,), 21)), "reaches beyond"),
    "stride too large": (one_tensor(View(NUMBERS, (2, 2), (24, 1))), "reaches beyond"),
    "huge stride": (one_tensor(View(NUMBERS, (2, 2), (2**62, 1))), "reaches beyond"),
    "repeated numbers": (one_tensor(View(NUMBERS, (2**30,), (0,))), "reaches beyond"),
    "overflowing product": (one_tensor(View(NUMBERS, (2**33, 2**33), (0, 0))), "reaches beyond"),
    "negative stride": (one_tensor(View(NUMBERS, (4,), (-1,), 3)), "bad shape, strides or offset"),
    "negative offset": (one_tensor(View(NUMBERS, (4,), (1,), -1)), "bad shape, strides or offset"),
    "other number of strides": (one_tensor(View(NUMBERS, (4,), (1, 1))), "bad shape, strides or offset"),
    "count beyond the file": (one_tensor(count=2**40), "has another size"),
    "negative count": (one_tensor(count=-1), "has another size"),
    "key missing": (one_tensor(keys=()), "list of storages does not fit"),
    "keys are numbers": (one_tensor(keys=(1,)), "list of storages does not fit"),
    "deep key": (a_file(b"}" + b"N" + b"\x85" * 200_000 + b"Ns", [], []), "is damaged"),
    "memo far away": (a_file(b"K\x01r\xff\xff\xff\xff", [], []), "does not contain a state dict"),
    "recalls nothing": (a_file(b"h\x07", [], []), "is damaged"),
    "stack below the mark": (a_file(b"K\x01(a", [], []), "is damaged"),
    "pops nothing": (START + b".", "is damaged"),
}


@pytest.mark.parametrize(("data", "message"), BAD.values(), ids=BAD)
def test_a_file_that_is_not_usable_is_one_line(data, message, write):
    path = write(data)
    with pytest.raises(UserError) as error:
        read_torch_file(path, package="some-package")
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("; run: pip install --force-reinstall some-package")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"cannot be read .No such file or directory.; get the file again"):
        read_torch_file(tmp_path / "none.pth")


class Runs:
    """An object whose unpickling runs a command."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return exec, (f"open({str(self.marker)!r}, 'w')",)


@pytest.mark.parametrize("place", range(3), ids=["magic number", "state dict", "keys"])
def test_nothing_in_a_file_runs(place, write, tmp_path):
    marker = tmp_path / "ran"
    attack = pickle.dumps(Runs(marker), 2)
    good = a_file(state(b""), [], [])
    state_at, keys_at = good.index(START + b"}("), good.rindex(START)
    data = [attack + good, good[:state_at] + attack + good[keys_at:], good[:keys_at] + attack][place]
    with pytest.raises(UserError, match=r"names '(__builtin__|builtins).exec', which weights do not need"):
        read_torch_file(write(data))
    assert not marker.exists()


def test_a_thousand_damaged_files_are_refused_or_read(tmp_path):
    data, path = torch_file({**GOOD, "large": np.zeros(800, np.float32)}), tmp_path / "damaged.pth"
    messages, read = [], 0
    for case in range(1, 1001):
        path.write_bytes(mutated(data, case))
        try:
            tensors = read_torch_file(path)
        except UserError as error:
            messages.append(str(error))
            continue
        read += 1
        for array in tensors.values():
            assert array.nbytes <= path.stat().st_size
            array.tobytes()  # a view beyond the file would crash here
    assert len(messages) > 500
    assert all(message.startswith(f"{path}: ") and "\n" not in message for message in messages)
    assert read > 50  # damage in the numbers only, which a SHA-256 finds


def test_memory_is_bounded_by_the_file(write):
    """Each of these asks an unpickler for gigabytes."""
    demands = (
        b"X" + struct.pack("<I", 2**32 - 1),
        b"K\x01r" + struct.pack("<I", 2**32 - 1) + b"0",
        b"B" + struct.pack("<I", 2**32 - 1),
        b"\x8b" + struct.pack("<i", 2**31 - 1),
    )
    for demand in demands:
        path = write(a_file(state(b""), [], [])[:-50] + demand)
        tracemalloc.start()
        with pytest.raises(UserError):
            read_torch_file(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20


def test_many_tensors_of_one_storage_take_no_more_than_it(write):
    storage = np.zeros(250_000, np.float32)
    views = {f"{place}": View(storage, (250_000,), (1,)) for place in range(1_000)}
    tracemalloc.start()
    read = read_torch_file(write(torch_file(views)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(read) == 1_000
    assert peak < 6 * storage.nbytes  # copies would take 1,000 times as much

import json

import numpy as np
import pytest

from image_kit.trust import byte_block


def test_values_and_arrays_survive():
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([0.1])}
    values, read = byte_block.unpack(byte_block.pack({"format": 1, "x": 0.25}, arrays))
    assert values == {"format": 1, "x": 0.25}
    assert list(read) == ["a", "b"]
    np.testing.assert_array_equal(read["a"], arrays["a"])
    np.testing.assert_array_equal(read["b"], np.float32([0.1]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no header"),
        (b"{}" + b" " * byte_block.MAX_HEADER + b"\n", "no header"),
        (b"no JSON\n", "Expecting value"),
        (b"[]\n", "damaged"),
        (b'{"arrays": {"a": [1000000000, 1000000000]}}\n1234', "its length is not"),
        (b'{"arrays": {"a": [1]}}\n12345', "its length is not"),
        (b'{"arrays": {"a": [0, 1000000000]}}\n', "bad shape"),
        (b'{"arrays": {"a": [true]}}\n1234', "bad shape"),
        (b'{"arrays": {"a": [-1]}}\n', "bad shape"),
        (b'{"arrays": {"a": 1}}\n1234', "bad shape"),
        (b'{"x": NaN, "arrays": {}}\n', "NaN is not a finite number"),
        (b'{"arrays": {"a": [1]}}\n' + np.float32(np.nan).tobytes(), "contains NaN or an infinite value"),
        (b"[" * 100_000 + b"\n", "damaged"),
    ],
)
def test_anything_else_is_refused_before_memory_is_taken(data, message):
    with pytest.raises(ValueError, match=message):
        byte_block.unpack(data)


def test_every_cut_is_refused():
    data = byte_block.pack({"x": 1}, {"a": np.ones((3, 2))})
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"\w"):
            byte_block.unpack(data[:length])
    assert json.loads(data.split(b"\n")[0])["arrays"] == {"a": [3, 2]}

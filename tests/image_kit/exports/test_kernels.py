"""kernels.wasm belongs to its C sources."""

import shutil

import pytest

from image_kit.exports.kernels import KERNELS, TEMPLATES, build, recorded_sha256, sources_sha256

EXPORTS = [b"memory", b"__heap_base", b"multiply", b"convolve", b"convolve_depthwise", b"pool", b"shrink", b"resample"]


def test_the_module_was_made_from_the_sources():
    module = (TEMPLATES / KERNELS).read_bytes()
    assert recorded_sha256(module) == sources_sha256()
    assert all(name in module for name in EXPORTS)
    assert b"\x03env" not in module  # it imports nothing


@pytest.mark.skipif(not (shutil.which("clang") and shutil.which("wasm-ld")), reason="only developers need clang")
def test_the_sources_can_be_built():
    made = build()  # not byte for byte: another version of clang writes other code
    assert recorded_sha256(made) == sources_sha256()
    assert all(name in made for name in EXPORTS)

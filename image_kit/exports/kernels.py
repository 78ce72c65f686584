"""Build templates/kernels.wasm from its C sources: `python -m image_kit.exports.kernels`.

Needs clang and wasm-ld with the target wasm32 (Debian: apt-get install clang lld). Users need neither: the file is in
the repository. The SHA-256 of the sources stands in the file, so that a test can tell whether it was made from them.
"""

import hashlib
import subprocess
import tempfile
from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")
SOURCES, KERNELS = ("kernels.c", "photo.c"), "kernels.wasm"
COMMAND = [
    *("clang", "--target=wasm32", "-O3", "-msimd128", "-mbulk-memory", "-nostdlib", "-Wall", "-Werror"),
    *("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--export=__heap_base", "-Wl,-z,stack-size=65536"),
]
SECTION = b"sources-sha256"  # the custom section's name; runtimes pass over custom sections


def build() -> bytes:
    """Compile the sources and return the WebAssembly module with their SHA-256 in it.

    Raises:
        OSError: there is no clang.
        subprocess.CalledProcessError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / KERNELS
        subprocess.run([*COMMAND, "-o", made, *(TEMPLATES / name for name in SOURCES)], check=True)
        content = bytes([len(SECTION)]) + SECTION + sources_sha256().encode()
        return made.read_bytes() + bytes([0, len(content)]) + content  # section 0; both lengths are below 128


def sources_sha256() -> str:
    """Hexadecimal SHA-256 of the C sources, one after another, and of the command."""
    digest = hashlib.sha256(" ".join(COMMAND).encode())
    for name in SOURCES:
        digest.update((TEMPLATES / name).read_bytes())
    return digest.hexdigest()


def recorded_sha256(module: bytes) -> str:
    """The `sources_sha256` that `build` has written at the end of a module."""
    before, _, digest = module.rpartition(SECTION)
    return digest.decode("ascii") if before else ""


if __name__ == "__main__":
    (TEMPLATES / KERNELS).write_bytes(build())

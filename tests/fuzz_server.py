"""Requests to predict.py --serve for the fuzzing: how they are damaged, and what a server must make of each."""

import atexit
import json
import socket
import struct
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from tests import fuzz_mutations as damage

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 40  # for an answer on a busy machine
BOUNDARY = "XyZ"
HOSTILE_TEXTS = (
    *(b"", b"\0", b"\r", b"\n", b"\r\n\r\n", b" ", b"%00", b"../../etc/passwd", b"//", b"?", b"#", b"%", b"\xff\xfe"),
    *(b"-1", b"0", b"1e9", b"0x10", b"+5", b"99999999999999999999", b"chunked", b"gzip", b"identity, chunked", b"5, 5"),
    *(b"ffffffffffffffff\r\n", b"0\r\n\r\n", b"HTTP/9.9", b"HTTP/0.9", b"http://[::1", b"[", b"\x1b[2J", b"A" * 9_000),
    *(b"null", b"*", b"multipart/form-data", b"boundary=", b"boundary=" + b"x" * 5_000, b"filename*=utf-8'en'%ff%00"),
    *(b'filename="\\"', b"filename*0*=x''%C3; filename*1=\xe9", b"=?utf-8?b?//8=?=", b"Transfer-Encoding: chunked\r\n"),
    *(b"Content-Length: 3\r\n", b"Expect: 100-continue\r\n", b"Host: evil.example\r\n", b"Origin: http://[\r\n"),
)


def requests() -> list[bytes]:
    """One request of each kind that the server knows."""
    head = "Host: localhost\r\nConnection: close\r\n"
    photo = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x00\x00\x00\x00\x00,\x00\x00\x00\x00"
    photo += b"\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
    form = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="a.gif"\r\n\r\n'.encode()
    form += photo + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    chunks = b"%x\r\n" % len(photo) + photo + b"\r\n0\r\n\r\n"
    return [
        *(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode() for path in ("/", "/health", "/none")),
        f"POST /predict HTTP/1.1\r\n{head}Content-Length: {len(photo)}\r\n\r\n".encode() + photo,
        f"POST /predict HTTP/1.1\r\n{head}{kind}Content-Length: {len(form)}\r\n\r\n".encode() + form,
        f"POST /predict HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks,
    ]


def make(folder: Path) -> Path:
    """All requests in one file, one after the other; a case damages one of them."""
    from tests.fuzz_kinds import KINDS

    KINDS["head"].make(folder)
    path = folder / "requests.bin"
    path.write_bytes(b"".join(struct.pack("<I", len(each)) + each for each in requests()))
    return path


def damage_request(data: bytes, case: int) -> bytes:
    """One request with hostile texts at the borders of its words, and in half of the cases with damaged bytes."""
    every = []
    while data:
        length = int.from_bytes(data[:4], "little")
        every.append(data[4 : 4 + length])
        data = data[4 + length :]
    request, rng = every[case % len(every)], np.random.default_rng([case, 4])
    if case < len(every):
        return request
    for _ in range(int(rng.integers(0, damage.MAX_MUTATIONS))):
        borders = [place for place, byte in enumerate(request) if byte in b' :;=/\r\n"-'] or [0]
        start, end = sorted(int(rng.choice(borders)) + 1 for _ in range(2))
        text = HOSTILE_TEXTS[int(rng.integers(len(HOSTILE_TEXTS)))]
        request = request[:start] + text + request[start if rng.random() < 0.5 else min(end, start + 30) :]
    return damage.mutated(request, case) if case % 2 else request


@cache
def _server(weights: Path) -> tuple[int, subprocess.Popen, Path]:
    """Port, process and errors of a server that ends with this process."""
    errors = Path(tempfile.mkdtemp()) / "stderr"
    command = [sys.executable, ROOT / "predict.py", "--serve", "--port", "0", "--weights", weights]
    with errors.open("wb") as file:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file, cwd=weights.parent)
    atexit.register(process.kill)
    while b"(Ctrl-C ends)" not in errors.read_bytes():
        assert process.poll() is None, errors.read_text(encoding="utf-8")
    port = int(errors.read_text(encoding="utf-8").rpartition(":")[2].partition("/")[0])
    return port, process, errors


def load(path: Path) -> None:
    """Send the request. The server must answer or close, say nothing, and go on; it must not call it its own fault."""
    port, process, errors = _server(path.with_name("best.weights.h5"))
    said = errors.stat().st_size
    answer = _exchange(port, path.read_bytes())
    assert process.poll() is None, "the server has ended"
    assert errors.stat().st_size == said, errors.read_bytes()[said:][:200]
    assert not answer or answer.startswith(b"HTTP/1."), answer[:80]
    assert not answer[8:].startswith(b" 500"), answer[-200:]
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"application/json" in head and body and answer.count(b"HTTP/1.") == 1:
        json.loads(body)
    if path.stat().st_size % 50 == 0:
        assert b"200 OK" in _exchange(port, requests()[1])


def _exchange(port: int, request: bytes) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        try:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65536):
                answer += piece
        except TimeoutError:
            raise
        except OSError:  # it may refuse the rest of a request
            pass
    return answer

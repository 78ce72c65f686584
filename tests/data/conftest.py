"""What the tests of data/ share: the command as a user runs it, small photos, and a server that acts as Pixabay."""

import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def prepare():
    """Run `python data/prepare.py ...` as a user does; returns the completed process with its text."""

    def run(*arguments, **environment):
        clean = {name: value for name, value in os.environ.items() if name != "PIXABAY_KEY"}
        command = [sys.executable, str(ROOT / "data" / "prepare.py"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=clean | environment, timeout=60, check=False)

    return run


@pytest.fixture
def refused(prepare):
    """Run the command, expect exit status 2 and one line on stderr that holds all `parts`."""

    def run(arguments, *parts, **environment):
        done = prepare(*arguments, **environment)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith("prepare.py: error: ")
        for part in parts:
            assert str(part) in line
        return done

    return run


@pytest.fixture
def draw_photo():
    """Write a small photo whose pixels follow from `seed`; returns its path."""

    def draw(path: Path, seed: int, size: int = 12) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return draw


@pytest.fixture
def tree():
    """{relative path: bytes} of every file below a folder, hidden ones too."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return read


def jpeg(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


class Pixabay(ThreadingHTTPServer):
    """The API at /api/ and its photos at /photo/ID_640.jpg.

    Attributes:
        totals: how many hits each query has; ids count from 1000.
        api, photos: what was asked for, in order: (query, page) and id.
        failures: {id or "api": list of statuses to answer with, one a request; None breaks the connection}.
        remaining: requests left before the rate limit.
        bytes_of: {id: bytes} for photos that are none.
    """

    key = "12345678-secret+key/1"
    invalid_key = "[ERROR 400] Invalid or missing API key (https://pixabay.com/api/docs/)."

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.totals, self.failures, self.bytes_of = {}, {}, {}
        self.api, self.photos, self.questions = [], [], []
        self.remaining = 100

    def photo(self, number):
        return self.bytes_of.get(number, jpeg(number))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/api/"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urlsplit(self.path)
        name = "api" if parts.path == "/api/" else int(parts.path.removeprefix("/photo/").removesuffix("_640.jpg"))
        failures = self.server.failures.get(name)
        status = failures.pop(0) if failures else 200
        if status is None:
            self.connection.close()
        elif name == "api":
            self.answer_api({key: values[0] for key, values in parse_qs(parts.query).items()}, status)
        else:
            self.server.photos.append(name)
            self.send(status, self.server.photo(name), {})

    def answer_api(self, question, status):
        server = self.server
        server.questions.append(question)
        page, size = int(question["page"]), int(question["per_page"])
        server.api.append((question["q"], page))
        limits = {"X-RateLimit-Limit": 100, "X-RateLimit-Remaining": server.remaining, "X-RateLimit-Reset": 7}
        if question["key"] != server.key:
            return self.send(400, server.invalid_key.encode(), limits)
        if status != 200:
            return self.send(status, b"<html>busy</html>", limits)
        total = server.totals.get(question["q"], 0)
        reachable = min(total, 500)
        if page > 1 and (page - 1) * size >= reachable:
            return self.send(400, b'[ERROR 400] "page" is out of valid range.', limits)
        first = 1000 * (1 + sorted(server.totals).index(question["q"]) if total else 0)
        ids = range(first + (page - 1) * size, first + min(page * size, reachable))
        answer = {"total": 10 * total, "totalHits": reachable, "hits": [self.hit(number) for number in ids]}
        return self.send(200, json.dumps(answer).encode(), limits)

    def hit(self, number):
        address = f"http://127.0.0.1:{self.server.server_port}/photo/{number}_640.jpg"
        page = f"https://pixabay.com/photos/{number}/"
        user = f'Ann, "the {number}"'
        return {"id": number, "pageURL": page, "webformatURL": address, "user": user, "user_id": 1, "tags": "a, b"}

    def send(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Pixabay() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()

"""predict.py --serve as its clients see it: answers, refusals, a hundred at once, silent ones, and the end."""

import io
import json
import os
import signal
import socket
import struct
import threading
import time
import zlib

import pytest
from PIL import Image

import image_kit
from image_kit.answering.answers import FIELDS
from image_kit.errors import UserError
from image_kit.programs.server import explain, listen
from image_kit.programs.web_app import MAX_BYTES, MAX_PIXELS
from tests.fixtures.serving import SECONDS, serving

CLIENTS = 100


@pytest.fixture(scope="module")
def served(head_run, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served"), "--weights", head_run) as served:
        yield served


@pytest.fixture(scope="module")
def photos(head_run):
    """Bytes of photos, each with its right answer, {path: "photo", ...}."""
    paths = sorted((head_run.parents[1] / "photos").glob("*/*.jpg"))
    with image_kit.load(head_run) as classifier:
        return [(path.read_bytes(), classifier.predict(path).as_dict() | {"path": "photo"}) for path in paths]


def form(photo: bytes, name: str = "photo") -> tuple[bytes, str]:
    head = f'Content-Disposition: form-data; name="{name}"; filename="my cat.jpg"\r\nContent-Type: image/jpeg'
    other = 'Content-Disposition: form-data; name="other"\r\n\r\nphoto'
    body = f"--XX\r\n{other}\r\n--XX\r\n{head}\r\n\r\n".encode() + photo + b"\r\n--XX--\r\n"
    return body, "multipart/form-data; boundary=XX"


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), 200).save(file, "PNG")
    return file.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims more pixels than there are."""
    data = png(1, 1)
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def test_it_says_where_it_is(served, head_run):
    assert served.said == [
        f"weights: {head_run / 'best.weights.h5'}\n",
        f"ready: http://127.0.0.1:{served.port}/ (Ctrl-C ends)\n",
    ]


def test_answers_have_the_fields_and_values_of_json(served, photos):
    photo, expected = photos[0]
    assert tuple(expected) == FIELDS
    assert served.predict(photo) == (200, expected)
    assert served.predict(photo, Content_Type="application/octet-stream") == (200, expected)
    body, kind = form(photo)
    assert served.predict(body, Content_Type=kind) == (200, expected | {"path": "my cat.jpg"})


def test_a_photo_unlike_all_others_is_none_of_them(served):
    status, answer = served.predict(png(40, 30))
    assert (status, answer["prediction_set"], answer["error"]) == (200, [], None)


def test_what_is_no_photo_is_said_in_the_same_fields(served):
    status, answer = served.predict(b"no photo")
    assert (status, tuple(answer), answer["error"]) == (422, FIELDS, "not an image, or damaged")
    status, answer = served.predict(claiming(8_001, 8_000))
    assert (status, answer["label"]) == (422, None)
    assert answer["error"] == f"more than {MAX_PIXELS:,} pixels; send a smaller one"
    status, answer = served.predict(claiming(20_000, 20_000))  # beyond Pillow's own limit
    assert (status, answer["error"]) == (422, f"more than {MAX_PIXELS:,} pixels; send a smaller one")


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        (("GET", "/nothing"), 404, "/nothing: there is only /, /page.css, /page.js, /health, /predict"),
        (("GET", "/../predict.py"), 404, "/../predict.py: there is only "),
        (("GET", "/predict"), 405, "/predict takes POST, not GET"),
        (("DELETE", "/"), 405, "/ takes GET, not DELETE"),
        (("POST", "/predict", b"", {"Content_Type": "image/png"}), 400, "no photo: send its bytes, or a form with"),
        (("POST", "/predict"), 400, "no photo: "),
        (("POST", "/predict", b"{}", {"Content_Type": "application/json"}), 415, "received application/json"),
        (("POST", "/predict", b"x=1", {"Content_Type": "multipart/form-data"}), 400, "needs a boundary"),
        (("POST", "/predict", *(form(b"x")[0][:-9], {"Content_Type": form(b"x")[1]})), 400, "the form is cut off"),
        (("POST", "/predict", *(form(b"x", "a")[0], {"Content_Type": form(b"x")[1]})), 400, "has no field photo"),
        (("POST", "/predict", *(form(b"")[0], {"Content_Type": form(b"x")[1]})), 400, "no photo: "),
        (("GET", "/", None, {"Host": "evil.example"}), 421, "Host: evil.example is not a name of this server"),
        (("GET", "/health", None, {"Host": "192.168.0.9:80"}), 421, "Host: "),
        (("POST", "/predict", b"x", {"Origin": "http://evil.example"}), 403, "a page of another address may not"),
        (("POST", "/predict", b"x", {"Origin": "null"}), 403, "a page of another address may not"),
        (("POST", "/predict", b"x", {"Sec_Fetch_Site": "cross-site"}), 403, "a page of another address may not"),
        (("GET", "/", None, {"X": "y" * 20_000}), 431, "exceeds max_header"),
    ],
)
def test_what_is_refused_has_a_status_and_one_reason(served, request_, status, said):
    method, path, body, headers = (*request_, None, None)[:4]
    got, sent, content = served.ask(method, path, body, **headers or {})
    assert got == status, content
    assert sent["content-type"] == "application/json"
    assert said in json.loads(content)["error"]
    if status == 405:
        assert sent["allow"] in ("GET", "POST")


def test_a_request_that_is_too_large_is_refused_before_it_is_sent(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as client:
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BYTES + 1}\r\n\r\n"
        client.sendall(head.encode())
        answer = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 413 Request Entity Too Large\r\n")
    assert answer.endswith('\r\n\r\n{"error": "a request may have at most 33,554,432 bytes"}\n')


def test_a_damaged_address_is_a_bad_request(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as client:
        client.sendall(b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith('\r\n\r\n{"error": "Invalid IPv6 URL"}\n')


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]", "LOCALHOST:80"])
def test_the_names_of_this_machine_are_taken(served, host, photos):
    photo, expected = photos[1]
    status, headers, body = served.ask("GET", "/health", Host=host)
    assert (status, json.loads(body)) == (200, {"status": "ok", "class_names": ["cats", "dogs"]})
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert served.predict(photo, Host=host, Origin=f"http://{host}") == (200, expected)


def test_head_is_get_without_a_body(served):
    status, headers, body = served.ask("HEAD", "/")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) == len(served.ask("GET", "/")[2])


def test_a_hundred_at_once_get_their_own_answers_or_are_told_to_come_again(served, photos):
    together, outcomes = threading.Barrier(CLIENTS), []

    def client(number):
        photo, expected = photos[number % len(photos)]
        body, kind = form(photo) if number % 2 else (photo, "image/jpeg")
        expected = expected | {"path": "my cat.jpg"} if number % 2 else expected
        together.wait()
        for tries in range(100):
            status, headers, content = served.ask("POST", "/predict", body, Content_Type=kind)
            if status != 503:
                outcomes.append((status, json.loads(content) == expected, tries))
                return
            assert headers["retry-after"] == "1"
            assert "photos are waiting; ask again later" in json.loads(content)["error"]
            time.sleep(0.05)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert [outcome[:2] for outcome in outcomes] == [(200, True)] * CLIENTS


def test_silent_and_slow_clients_block_nobody(served, photos):
    photo, expected = photos[0]
    sent = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nhalf"
    clients = [socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) for _ in range(150)]
    try:
        for number, client in enumerate(clients):
            client.sendall(sent[: number * 7 % len(sent)])
        assert served.predict(photo) == (200, expected)
        clients[10].sendall(b"rest")
        assert served.predict(photo) == (200, expected)
    finally:
        for client in clients:
            client.close()
    assert served.predict(photo) == (200, expected)


@pytest.mark.skipif(os.name == "nt", reason="Windows ends processes otherwise")
@pytest.mark.parametrize(
    ("number", "status", "said"), [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 0, "")]
)
def test_it_ends_cleanly_and_finishes_what_it_has_begun(head_run, tmp_path, number, status, said):
    large = png(5_000, 5_000)  # takes tenths of a second to decode
    with serving(tmp_path, "--weights", head_run, "--top", 1, "--coverage", 0.999) as served:
        answers = []
        asking = threading.Thread(target=lambda: answers.append(served.predict(large)))
        asking.start()
        wait_until_busy(served)
        assert served.end(number) == (status, said)
        asking.join(SECONDS)
        ((code, answer),) = answers
        assert (code, len(answer["probabilities"])) == (200, 1)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", served.port))
    assert served.said[1] == "--coverage 0.999: 40 validation images are too few, so any class may be the right one\n"


def wait_until_busy(served):
    """Return when the server has received the photo and decodes it."""
    psutil = pytest.importorskip("psutil")
    process = psutil.Process(served.process.pid)
    before, end = process.memory_info().rss, time.monotonic() + SECONDS
    while process.memory_info().rss < before + 20e6 and time.monotonic() < end:
        time.sleep(0.002)


def test_a_port_in_use_is_one_line(served, head_run, run_command, tmp_path):
    process = run_command(tmp_path, "predict.py", "--serve", "--port", served.port, "--weights", head_run)
    assert process.returncode == 2
    *_, error = process.stderr.splitlines()
    assert error == (
        f"predict.py: error: --port: {served.port} is in use by another program; choose another one, "
        "or 0 for any that is free"
    )


def test_an_address_of_another_machine_is_refused():
    for host in ("203.0.113.7", "no such name.invalid", ""):
        with pytest.raises(UserError, match=r"^--host: must be a name or address of this machine, received '"):
            listen(host or "x" * 300, 0).close()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied"), "--port: 80 may be used by the system's administrator only; "),
        (OSError(23, "Too many open files"), "--host: h port 80 cannot be used (Too many open files)"),
    ],
)
def test_why_an_address_cannot_be_used(error, said):
    assert explain(error, "h", 80).startswith(said)


def test_an_address_that_others_reach_is_said(head_run, tmp_path):
    with serving(tmp_path, "--weights", head_run, "--host", "0.0.0.0") as served:
        note = "--host 0.0.0.0: everybody in the network can ask this server, without a password or encryption\n"
        assert served.said[1] == note
        assert served.ask("GET", "/health", Host="192.168.0.9:8000")[0] == 200
        assert served.ask("GET", "/health", Host=socket.gethostname())[0] == 200
        assert served.ask("GET", "/health", Host="evil.example")[0] == 421


WITHOUT_WAITRESS = """
import runpy, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "waitress":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "waitress" else find(name)
sys.argv = ["predict.py", "--serve"]
runpy.run_path("predict.py", run_name="__main__")
"""


def test_without_the_server_library_one_line_says_what_to_install(run_python):
    process = run_python("-c", WITHOUT_WAITRESS)
    assert process.returncode == 2
    assert process.stderr == (
        'predict.py: error: --serve: needs the package waitress, which is not installed; run: pip install ".[serve]"\n'
    )

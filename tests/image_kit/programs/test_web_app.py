"""The WSGI application by itself: a full queue, a network that fails, and class names that are code."""

import contextlib
import io
import json

import pytest
from PIL import Image

import image_kit
from image_kit.errors import UserError
from image_kit.programs.web_app import MAX_WAITING, WebApp
from tests.fixtures.programs import save_bare_network


@pytest.fixture
def classifier(bare_weights):
    with image_kit.load(bare_weights) as classifier:
        yield classifier


def ask(app, path, body=None):
    """Status, headers and body of GET, or of POST with a body."""
    started = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "localhost"}
    if body is not None:
        environ |= {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    content = b"".join(app(environ, lambda *given: started.extend(given)))
    status, headers = started
    return int(status[:3]), dict(headers), content


def photo():
    file = io.BytesIO()
    Image.new("L", (8, 8), 77).save(file, "PNG")
    return file.getvalue()


def test_a_full_queue_says_when_to_come_again(classifier):
    app = WebApp(classifier, "localhost", None, 0.95)
    with contextlib.ExitStack() as waiting:
        for _ in range(MAX_WAITING):
            waiting.enter_context(app._place_in_queue())
        status, headers, body = ask(app, "/predict", photo())
        assert (status, headers["Retry-After"]) == (503, "1")
        assert json.loads(body) == {"error": "64 photos are waiting; ask again later"}
        assert ask(app, "/health")[0] == 200
    for _ in range(2 * MAX_WAITING):  # no place is lost, whatever the answer is
        assert ask(app, "/predict", b"")[0] == 400
    assert ask(app, "/predict", photo())[0] == 200


def test_top_names_fewer_classes(classifier):
    answer = json.loads(ask(WebApp(classifier, "localhost", 2, 0.95), "/predict", photo())[2])
    assert len(answer["probabilities"]) == 2
    assert answer["prediction_set"] is None


def test_a_network_that_fails_is_an_error_of_the_server(classifier, monkeypatch, capsys):
    def fail(*_):
        raise UserError("the network's answer is NaN or infinite\nmore")

    monkeypatch.setattr(classifier, "answers", fail)
    status, _, body = ask(WebApp(classifier, "localhost", None, 0.95), "/predict", photo())
    assert (status, json.loads(body)) == (500, {"error": r"the network's answer is NaN or infinite\x0amore"})
    assert capsys.readouterr().err == "/predict: the network's answer is NaN or infinite\\x0amore\n"


def test_class_names_are_text(tmp_path):
    names = ("</script><script>alert(1)</script>", "قطة", *(f"class {number}" for number in range(998)))
    weights = save_bare_network(tmp_path / "a.weights.h5", names, side=2)
    with image_kit.load(weights) as classifier:
        app = WebApp(classifier, "localhost", None, 0.95)
        status, headers, body = ask(app, "/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b"<script>alert" not in body
        assert "<bdi>قطة</bdi>".encode() in body
        assert b"and 988 more" in body
        answer = json.loads(ask(app, "/predict", photo())[2])
    assert len(answer["probabilities"]) == 1000
    assert set(answer["probabilities"]) == set(names)

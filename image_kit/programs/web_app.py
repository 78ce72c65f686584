"""What the server answers: the page, POST /predict and GET /health, as a WSGI application (PEP 3333)."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from image_kit.answering import Answer, answer_photos
from image_kit.errors import first_line
from image_kit.machine import cpu_cores
from image_kit.photos import PhotoSource, read_header
from image_kit.programs.access import is_from_own_page, is_own_name
from image_kit.programs.photo_classifier import PhotoClassifier
from image_kit.programs.uploads import Refused, read_photo
from image_kit.terminal import say

MAX_BYTES = 32 * 2**20  # of a request; a camera's photo has 3 to 15 MB
MAX_PIXELS = 64_000_000  # a photo takes up to 8 bytes a pixel while it is decoded, and one more than there are cores is
MAX_WAITING = 64  # photos that are being answered or wait for it: a second's work
RETRY_SECONDS = 1
JSON, TEXT = "application/json", "text/{}; charset=utf-8"
_HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]


class WebApp:
    """The WSGI application.

    Args:
        classifier: answers the photos.
        host: the name or address that the server listens at.
        top: how many classes an answer names; None for all.
        coverage: see `PhotoClassifier.predict`.
    """

    def __init__(self, classifier: PhotoClassifier, host: str, top: int | None, coverage: float):
        self._classifier, self._host, self._top, self._coverage = classifier, host, top, coverage
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        # One photo goes through the network on all cores; meanwhile the next ones are decoded.
        self._working = threading.Semaphore(cpu_cores() + 1)
        self._routes: dict[str, dict[str, Callable[[dict[str, Any]], tuple[str, str, bytes]]]] = {
            "/": {"GET": self._page},
            "/page.css": {"GET": _static("page.css", "css")},
            "/page.js": {"GET": _static("page.js", "javascript")},
            "/health": {"GET": self._health},
            "/predict": {"POST": self._predict},
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> list[bytes]:
        """Answer one request; any number of threads may call it."""
        headers: list[tuple[str, str]] = []
        try:
            status, kind, body = self._route(environ)
        except Refused as refused:
            status, kind, body = refused.status, JSON, _to_json({"error": str(refused)})
            headers = list(refused.headers)
        except Exception as error:  # damaged weights, no memory
            say(f"{environ['PATH_INFO']}: {first_line(error)}")
            status, kind, body = "500 Internal Server Error", JSON, _to_json({"error": first_line(error)})
        headers += [("Content-Type", kind), ("Content-Length", str(len(body))), *_HEADERS]
        start_response(status, headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _route(self, environ: dict[str, Any]) -> tuple[str, str, bytes]:
        host = environ.get("HTTP_HOST", "")
        if not is_own_name(host, self._host):
            raise Refused("421 Misdirected Request", f"Host: {host} is not a name of this server")
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path not in self._routes:
            raise Refused("404 Not Found", f"{path}: there is only {', '.join(self._routes)}")
        methods = self._routes[path]
        answer = methods.get("GET" if method == "HEAD" else method)
        if answer is None:
            allowed = ", ".join(methods)
            raise Refused("405 Method Not Allowed", f"{path} takes {allowed}, not {method}", ("Allow", allowed))
        return answer(environ)

    def _page(self, environ: dict[str, Any]) -> tuple[str, str, bytes]:
        # Made for each request, of which there are few.
        loader = PackageLoader("image_kit.programs")
        template = Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html")
        page = template.render(class_names=self._classifier.class_names, max_bytes=MAX_BYTES)
        return "200 OK", TEXT.format("html"), page.encode("utf-8", "backslashreplace")

    def _health(self, environ: dict[str, Any]) -> tuple[str, str, bytes]:
        return "200 OK", JSON, _to_json({"status": "ok", "class_names": self._classifier.class_names})

    def _predict(self, environ: dict[str, Any]) -> tuple[str, str, bytes]:
        if not is_from_own_page(
            environ.get("HTTP_ORIGIN"), environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_HOST", "")
        ):
            raise Refused("403 Forbidden", "a page of another address may not ask this server")
        with self._place_in_queue(), self._working:
            name, content = read_photo(environ)
            answer = self._answer(name, content)
        status = "200 OK" if answer.error is None else "422 Unprocessable Content"
        return status, JSON, _to_json(answer.as_dict())

    def _answer(self, name: str, content: bytes) -> Answer:
        source = PhotoSource(name, content)
        if _pixels_of(content) > MAX_PIXELS:
            source = PhotoSource(name, error=f"more than {MAX_PIXELS:,} pixels; send a smaller one")
        ((answer, _),) = answer_photos(self._classifier, [source], self._top, self._coverage)
        return answer

    @contextlib.contextmanager
    def _place_in_queue(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            raise Refused(
                "503 Service Unavailable",
                f"{MAX_WAITING} photos are waiting; ask again later",
                ("Retry-After", str(RETRY_SECONDS)),
            )
        try:
            yield
        finally:
            self._waiting.release()


def _static(name: str, kind: str) -> Callable[[dict[str, Any]], tuple[str, str, bytes]]:
    content = files("image_kit.programs").joinpath("templates", name).read_bytes()
    return lambda environ: ("200 OK", TEXT.format(kind), content)


def _pixels_of(content: bytes) -> float:
    """Pixels that an image's header claims; 0 if it is none, which decoding tells better."""
    try:
        header = read_header(content)
        return header.width * header.height
    except Image.DecompressionBombError:
        return float("inf")
    except Exception:  # Pillow may raise anything on other data
        return 0


def _to_json(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"

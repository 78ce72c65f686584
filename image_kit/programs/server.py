"""The server of predict.py --serve: waitress, with one thread for each photo that may wait.

Waitress receives whole requests in one thread that waits for no client, and hands them to threads when they are
complete. So a slow or silent client blocks nobody.
"""

import errno
import json
import logging
import os
import signal
import socket
from types import FrameType
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server
from waitress.task import ErrorTask

from image_kit.errors import UserError
from image_kit.programs.access import is_loopback
from image_kit.programs.photo_classifier import PhotoClassifier
from image_kit.programs.web_app import JSON, MAX_BYTES, MAX_WAITING, WebApp
from image_kit.terminal import say

SPARE_THREADS = 8  # for the page, and to tell those that find the queue full
MAX_CONNECTIONS = 500  # most systems give a process 1,024 files
SILENT_SECONDS = 30  # then a connection without a request is closed


def serve(classifier: PhotoClassifier, host: str, port: int, top: int | None, coverage: float) -> None:
    """Answer requests until Ctrl-C or SIGTERM; what is being answered then is finished.

    Args:
        classifier: answers the photos.
        host: the name or address to listen at.
        port: 0 for any that is free.
        top: how many classes an answer names; None for all.
        coverage: see `PhotoClassifier.predict`.

    Raises:
        UserError: the address cannot be used.
        KeyboardInterrupt: Ctrl-C ended it.
    """
    with listen(host, port) as listener:
        logging.getLogger("waitress").setLevel(logging.ERROR)  # a queue is no news
        server = create_server(
            WebApp(classifier, host, top, coverage),
            sockets=[listener],
            threads=MAX_WAITING + SPARE_THREADS,
            connection_limit=MAX_CONNECTIONS,
            channel_timeout=SILENT_SECONDS,
            cleanup_interval=5,
            max_request_body_size=MAX_BYTES,
            max_request_header_size=2**14,
            asyncore_use_poll=True,
            log_socket_errors=False,
            clear_untrusted_proxy_headers=True,
            ident=None,
        )
        server.channel_class = _Channel
        if not is_loopback(host):
            say(f"--host {host}: everybody in the network can ask this server, without a password or encryption")
        shown = f"[{host}]" if ":" in host else host
        say(f"ready: http://{shown}:{listener.getsockname()[1]}/ (Ctrl-C ends)")
        _run(server)


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address; raises UserError with the reason if that is not possible."""
    try:
        (family, kind, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UserError(f"--host: must be a name or address of this machine, received {host!r}") from None
    listener = socket.socket(family, kind)
    try:
        if os.name == "posix":  # so that the port is free as soon as a server has ended
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise UserError(explain(error, host, port)) from None
    return listener


def explain(error: OSError, host: str, port: int) -> str:
    """Why an address cannot be used, for a `UserError`."""
    if error.errno == errno.EADDRINUSE:
        return f"--port: {port} is in use by another program; choose another one, or 0 for any that is free"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"--port: {port} may be used by the system's administrator only; choose one from 1024 on"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host: must be a name or address of this machine, received {host!r}"
    return f"--host: {host} port {port} cannot be used ({error.strerror or error})"


def _run(server: Any) -> None:
    """Run until a signal. Waitress ends on SystemExit, and its threads finish what they have begun, in 5 s at most."""
    received: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        if not received:
            received.append(number)
            raise SystemExit

    # Ctrl-C may be ignored on purpose, as in a shell's background.
    numbers = [signal.SIGTERM] + [signal.SIGINT] * (signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        server.run()
        server.close()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if signal.SIGINT in received:
        raise KeyboardInterrupt


class _JsonErrorTask(ErrorTask):
    """Errors that waitress finds itself, such as a body that is too large, as JSON."""

    def execute(self) -> None:
        self.request.error = _JsonError(self.request.error)
        super().execute()


class _JsonError:
    def __init__(self, error: Any):
        self._status = f"{error.code} {error.reason}"
        self._text = error.body if error.code != 413 else f"a request may have at most {MAX_BYTES:,} bytes"

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status, headers and body; the name is waitress's."""
        return self._status, [("Content-Type", JSON)], json.dumps({"error": self._text}).encode() + b"\n"


class _Parser(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        """As waitress has it, which would write a traceback about an address such as http://[::1."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError(str(error)) from None


class _Channel(HTTPChannel):
    parser_class = _Parser
    error_task_class = _JsonErrorTask

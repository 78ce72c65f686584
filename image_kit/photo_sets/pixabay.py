"""Requests to Pixabay, tutorial 1's own source of photos, within the rules of its API.

The API is documented at https://pixabay.com/api/docs/: at most 500 hits per query, 100 requests in 60 seconds,
answers to be cached for 24 hours, photos to be downloaded and not linked to.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlencode, urlsplit

from image_kit.errors import UserError
from image_kit.files import replacing
from image_kit.json_files import parse_json, read_json
from image_kit.terminal import say

if TYPE_CHECKING:
    import requests

PIXABAY_URL = "https://pixabay.com/api/"
MAX_HITS = 500  # per query, whatever its total
PAGE_SIZE = 200  # hits in one answer, the largest number allowed
CACHE_SECONDS = 24 * 60 * 60  # as the API asks; a photo's address is valid for the same time
PAUSES = (1, 2, 4)  # seconds between the attempts at one request
LIMIT_SECONDS = 60  # the rate limit's window, if an answer does not say how long to wait
TIMEOUT_SECONDS = 30
MAX_BYTES = 50_000_000  # of one answer; a photo 640 pixels wide takes about 100 kB
CHUNK_BYTES = 2**16
MAX_REASON = 300  # bytes of an error page
HIT_FIELDS = ("id", "pageURL", "webformatURL", "user")  # the part of a hit that is used and cached


class DownloadError(Exception):
    """The server answered, but not with what was asked for. The message is the reason."""


class PixabayClient:
    """Requests to the API and to its photo server: failed ones are repeated, and the rate limit is obeyed.

    Args:
        key: the API key. It is never part of a message or a file.
        cache: a folder for the API's answers.
        base_url: the API's address.
        sleep: waits for a number of seconds.

    Raises:
        UserError: `base_url` is not a web address.
    """

    def __init__(self, key: str, cache: Path, base_url: str = PIXABAY_URL, sleep: Callable[[float], None] = time.sleep):
        import requests  # 0.07 s that a command's --help need not wait for

        if not base_url.startswith(("http://", "https://")):
            raise UserError(f"--base-url {base_url}: must begin with http:// or https://")
        self._key, self._cache, self._base_url, self._sleep = key, cache, base_url, sleep
        self._next_request = 0.0  # on time.monotonic's clock
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "image-classification-kit"

    def search(self, query: str, page: int) -> dict:
        """Page `page` (from 1) of a query's photos: {"totalHits": int, "hits": [{...HIT_FIELDS}]}.

        Raises:
            UserError: the key is refused, or the API cannot be reached.
        """
        identity = hashlib.sha256(f"{self._base_url} {query} {page}".encode()).hexdigest()
        cached = self._cache / f"{identity[:32]}.json"
        answer = _read_cache(cached)
        if answer is None:
            answer = self._ask(query, page)
            write_file(cached, json.dumps(answer, indent=1).encode())
        return answer

    def _ask(self, query: str, page: int) -> dict:
        question: dict[str, str | int] = {"key": self._key, "q": query, "image_type": "photo", "safesearch": "true"}
        question |= {"per_page": PAGE_SIZE, "page": page}
        self._wait_for_rate_limit()
        try:
            answer = parse_json(self.fetch(f"{self._base_url}?{urlencode(question)}").decode("utf-8"))
            hits = [{field: str(hit[field]) for field in HIT_FIELDS} for hit in answer["hits"]]
            if not all(hit["id"].isdecimal() for hit in hits):
                raise ValueError("an id must be a number, since it becomes part of a path")
            return {"query": query, "totalHits": int(answer["totalHits"]), "hits": hits}
        except DownloadError as error:
            advice = "check --key or PIXABAY_KEY" if "key" in str(error).lower() else "try again later"
            raise UserError(f"query {query!r}: Pixabay refused: {error}; {advice}") from None
        except (ValueError, KeyError, TypeError):
            raise UserError(f"query {query!r}: the answer is not Pixabay's JSON; check --base-url") from None

    def fetch(self, url: str) -> bytes:
        """The first MAX_BYTES of the content at an address.

        Raises:
            DownloadError: not a web address, the server refused, or it failed at every attempt.
            UserError: no connection at any attempt, so that going on to the next photo would not help.
        """
        import requests  # see __init__

        for pause in (*PAUSES, None):
            try:
                with self._session.get(url, timeout=TIMEOUT_SECONDS, stream=True) as answer:
                    if answer.ok:
                        return self._read(answer)
                    if pause is None or (answer.status_code != 429 and answer.status_code < 500):
                        raise DownloadError(self._reason(answer))
                    seconds = _reset_seconds(answer.headers) if answer.status_code == 429 else pause
            except ValueError:  # requests raises several kinds
                raise DownloadError("its address is not a valid http or https address") from None
            except requests.RequestException as error:
                if pause is None:
                    reason = self._without_key(_first_cause(error))
                    advice = "check the connection and run again; what is there is kept"
                    raise UserError(f"{urlsplit(url).netloc}: no answer: {reason}; {advice}") from None
                seconds = pause
            self._sleep(seconds)
        raise AssertionError("the last attempt returns or raises")

    def _read(self, answer: "requests.Response") -> bytes:
        if answer.headers.get("X-RateLimit-Remaining") == "0":
            self._next_request = time.monotonic() + _reset_seconds(answer.headers)
        data = bytearray()
        for chunk in answer.iter_content(CHUNK_BYTES):
            data += chunk
            if len(data) >= MAX_BYTES:
                break
        return bytes(data[:MAX_BYTES])

    def _wait_for_rate_limit(self) -> None:
        seconds = self._next_request - time.monotonic()
        if seconds > 0:
            say(f"Pixabay's rate limit: waiting {seconds:.0f} s")
            self._sleep(seconds)

    def _reason(self, answer: "requests.Response") -> str:
        """The server's own words if there are any: '[ERROR 400] Invalid or missing API key ...'."""
        import requests  # see __init__

        words = ""
        with contextlib.suppress(requests.RequestException):
            words = " ".join(next(answer.iter_content(MAX_REASON), b"").decode("utf-8", "replace").split())
        is_html = words.startswith("<")
        return self._without_key(words if words and not is_html else f"HTTP status {answer.status_code}")

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "KEY").replace(quote_plus(self._key), "KEY")


def _first_cause(error: BaseException) -> str:
    """What the system says: requests and urllib3 wrap its error in two or three of their own."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return str(error) or type(error).__name__


def _reset_seconds(headers: Mapping[str, str]) -> float:
    """How long until the rate limit's window ends, according to an answer's headers."""
    try:
        return max(1.0, float(headers.get("X-RateLimit-Reset", "")))
    except ValueError:
        return LIMIT_SECONDS


def _read_cache(path: Path) -> dict | None:
    try:
        if time.time() - path.stat().st_mtime < CACHE_SECONDS:
            return read_json(path)
    except (OSError, ValueError):  # there is none, or it is damaged: ask again
        pass
    return None


def write_file(path: Path, data: bytes) -> None:
    """Write a file, complete or not at all; raises UserError if the disk does not allow it."""
    try:
        with replacing(path) as unfinished:
            unfinished.write_bytes(data)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; make room or give another --output") from None

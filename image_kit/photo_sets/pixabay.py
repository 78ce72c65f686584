"""Downloads photos from Pixabay, tutorial 1's own source, within the rules of its API.

The API is documented at https://pixabay.com/api/docs/: at most 500 hits a query, 100 requests in 60 seconds,
answers to be cached for 24 hours, photos to be downloaded and not linked to.
"""

import csv
import hashlib
import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from image_kit.errors import UserError
from image_kit.files import replacing
from image_kit.photos import PhotoError, open_photo
from image_kit.terminal import progress, say

PIXABAY_URL = "https://pixabay.com/api/"
MAX_HITS = 500  # of one query, whatever its total
PAGE_SIZE = 200  # hits in one answer, the largest allowed
MAX_QUERY_LENGTH = 100  # characters
CACHE_SECONDS = 24 * 60 * 60  # the API asks for it, and a photo's address is valid for as long
ATTEMPTS = 4  # for one request, with 1, 2 and 4 seconds between them
LIMIT_SECONDS = 60  # the rate limit's window, where an answer does not say how long to wait
TIMEOUT_SECONDS = 30
MAX_BYTES = 50_000_000  # of one answer; a photo 640 pixels wide takes about 100 kB
CSV_FIELDS = ("class", "file", "page_url", "author", "source_id")
# The part of an answer that is used, and cached. Pixabay's other fields are of no use here.
HIT_FIELDS = ("id", "pageURL", "webformatURL", "user")


class DownloadError(Exception):
    """The server answered, but not with the file. The message is the reason."""


@dataclass(frozen=True)
class Download:
    """What one query brought.

    Attributes:
        class_name: the class folder in the output.
        photos: photos in that folder now.
        new: of these, downloaded by this call.
        left_out: broken, refused, or already a photo of another class.
    """

    class_name: str
    photos: int
    new: int
    left_out: int


def class_folder(query: str) -> str:
    """The folder name of a query: letters, digits and hyphens are kept, anything between becomes one underscore."""
    if len(query) > MAX_QUERY_LENGTH:
        raise UserError(f"query of {len(query)} characters: Pixabay takes at most {MAX_QUERY_LENGTH}; shorten it")
    name = re.sub(r"[^\w-]+|_+", "_", query).strip("_-")
    if not name:
        raise UserError(f"query {query!r}: has no letter or digit to name its folder after; give a word")
    return name


class PixabayClient:
    """Requests to the API and to its photo server, with retries and the rate limit kept."""

    def __init__(self, key: str, cache: Path, base_url: str = PIXABAY_URL, sleep: Callable[[float], None] = time.sleep):
        """`cache` is a folder for the API's answers; `sleep` waits for so many seconds."""
        if not base_url.startswith(("http://", "https://")):
            raise UserError(f"--base-url {base_url}: must begin with http:// or https://")
        self._key, self._cache, self._base_url, self._sleep = key, cache, base_url, sleep
        self._next_request = 0.0  # on time.monotonic's clock

    def page(self, query: str, number: int) -> dict:
        """Page `number` (from 1) of a query's photos: {"totalHits": int, "hits": [{...HIT_FIELDS}]}.

        Raises UserError if the key is refused or the API cannot be reached.
        """
        identity = hashlib.sha256(f"{self._base_url} {query} {number}".encode()).hexdigest()
        cached = self._cache / f"{identity[:32]}.json"
        answer = _read_cache(cached)
        if answer is None:
            answer = self._ask(query, number)
            _write_whole(cached, json.dumps(answer, indent=1).encode())
        return answer

    def _ask(self, query: str, number: int) -> dict:
        question = {"key": self._key, "q": query, "image_type": "photo", "safesearch": "true"}
        question |= {"per_page": PAGE_SIZE, "page": number}
        self._wait()
        try:
            answer = json.loads(self.fetch(f"{self._base_url}?{urllib.parse.urlencode(question)}"))
            hits = [{field: str(hit[field]) for field in HIT_FIELDS} for hit in answer["hits"]]
            if not all(hit["id"].isdecimal() for hit in hits):
                raise ValueError("an id that is no number must not become part of a path")
            return {"query": query, "totalHits": int(answer["totalHits"]), "hits": hits}
        except DownloadError as error:
            advice = "check --key or PIXABAY_KEY" if "key" in str(error).lower() else "try again later"
            raise UserError(f"query {query!r}: Pixabay refused: {error}; {advice}") from None
        except (ValueError, KeyError, TypeError):
            raise UserError(f"query {query!r}: the answer is not Pixabay's JSON; check --base-url") from None

    def fetch(self, url: str) -> bytes:
        """The bytes behind an address.

        Raises:
            DownloadError: refused, or the server failed ATTEMPTS times.
            UserError: no connection after ATTEMPTS; going on to the next photo would be of no use.
        """
        if not url.startswith(("http://", "https://")):
            raise DownloadError("its address is neither http nor https")
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                return self._fetch_once(url)
            except urllib.error.HTTPError as error:
                if last or (error.code != 429 and error.code < 500):
                    raise DownloadError(self._reason(error)) from None
                pause = _reset_seconds(error.headers) if error.code == 429 else 2**attempt
            # URLError is an OSError, as are timeouts and connections that break off.
            except (OSError, http.client.HTTPException) as error:
                if last:
                    reason = self._without_key(str(getattr(error, "reason", error)) or type(error).__name__)
                    advice = "check the connection and run again; what is there is kept"
                    raise UserError(f"{urllib.parse.urlsplit(url).netloc}: no answer: {reason}; {advice}") from None
                pause = 2**attempt
            self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _fetch_once(self, url: str) -> bytes:
        request = urllib.request.Request(url, headers={"User-Agent": "image-classification-kit"})
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            if answer.headers.get("X-RateLimit-Remaining") == "0":
                self._next_request = time.monotonic() + _reset_seconds(answer.headers)
            return answer.read(MAX_BYTES)

    def _wait(self) -> None:
        seconds = self._next_request - time.monotonic()
        if seconds > 0:
            say(f"Pixabay's rate limit: waiting {seconds:.0f} s")
            self._sleep(seconds)

    def _reason(self, error: urllib.error.HTTPError) -> str:
        """The server's own words if it has any: '[ERROR 400] Invalid or missing API key ...'."""
        try:
            words = " ".join(error.read(300).decode("utf-8", "replace").split())
        except (OSError, http.client.HTTPException):
            words = ""
        return self._without_key(words if words and not words.startswith("<") else f"HTTP status {error.code}")

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "KEY").replace(urllib.parse.quote_plus(self._key), "KEY")


def _reset_seconds(headers: http.client.HTTPMessage) -> float:
    """How long until the rate limit's window ends, by the answer's headers."""
    try:
        return max(1.0, float(headers.get("X-RateLimit-Reset", "")))
    except ValueError:
        return LIMIT_SECONDS


def _read_cache(path: Path) -> dict | None:
    try:
        if time.time() - path.stat().st_mtime < CACHE_SECONDS:
            return json.loads(path.read_bytes())
    except (OSError, ValueError):  # none, or damaged: ask again
        pass
    return None


def _write_whole(path: Path, data: bytes) -> None:
    try:
        with replacing(path) as unfinished:
            unfinished.write_bytes(data)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; make room or give another --output") from None


class Record:
    """photos.csv: who made each photo and where it comes from, one row a photo, written as it arrives."""

    def __init__(self, path: Path):
        self._path = path  # may not exist yet
        self._class_by_id: dict[str, str] = {}
        if not path.exists():
            return
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:  # a run that was killed can leave half a row
            _write_whole(path, whole)
        rows = list(csv.reader(whole.decode("utf-8", "replace").splitlines()))
        if rows and tuple(rows[0]) != CSV_FIELDS:
            raise UserError(
                f"{path}: its first line is not {','.join(CSV_FIELDS)}; move it away or give another --output"
            )
        self._class_by_id = {row[-1]: row[0] for row in rows[1:] if row}

    def class_of(self, source_id: str) -> str | None:
        """The class that a photo was recorded under."""
        return self._class_by_id.get(source_id)

    def add(self, class_name: str, file_name: str, hit: dict) -> None:
        """Append the row of a photo, unless it has one."""
        if hit["id"] in self._class_by_id:
            return
        self._class_by_id[hit["id"]] = class_name
        author = " ".join(hit["user"].split())
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if file.tell() == 0:
                writer.writerow(CSV_FIELDS)
            writer.writerow([class_name, f"{class_name}/{file_name}", hit["pageURL"], author, hit["id"]])


def download_photos(client: PixabayClient, query: str, count: int, output: Path) -> Download:
    """Bring the photos of a query to output/CLASS/ID_640.jpg until there are `count`; those there are not fetched.

    Args:
        client: the requests.
        query: what to search for; it names the class.
        count: photos wanted, 1..500.
        output: the folder of class folders and of photos.csv.

    Raises:
        UserError: the key is refused, no connection, or the disk cannot be written.
    """
    class_name, record = class_folder(query), Record(output / "photos.csv")
    folder = output / class_name
    there = [path.name for path in folder.glob("*_640.jpg")]
    # A run that was killed between a photo and its row leaves the photo without one.
    unrecorded = {name for name in there if record.class_of(name.removesuffix("_640.jpg")) is None}
    have, new, left_out = len(there), 0, 0
    hits = _hits(client, query, count) if have < count or unrecorded else ()
    for hit in progress(hits, total=count, label=query):
        path = folder / f"{hit['id']}_640.jpg"
        if path.name in there:
            record.add(class_name, path.name, hit)
            unrecorded.discard(path.name)
        elif have < count and _bring_photo(client, hit, path, record):
            have, new = have + 1, new + 1
        elif have < count:
            left_out += 1
        if have >= count and not unrecorded:  # asked here, since the next hit may cost a request
            break
    return Download(class_name, have, new, left_out)


def _bring_photo(client: PixabayClient, hit: dict, path: Path, record: Record) -> bool:
    """Download, check, store and record one photo; False, and a message, if it is left out."""
    class_name = path.parent.name
    try:
        other_class = record.class_of(hit["id"])
        if other_class not in (None, class_name):
            raise PhotoError(f"it is already a photo of class {other_class}")
        data = client.fetch(hit["webformatURL"])
        open_photo(data)
    except (DownloadError, PhotoError) as error:
        say(f"{class_name}/{path.name}: left out: {error}")
        return False
    _write_whole(path, data)
    record.add(class_name, path.name, hit)
    return True


def _hits(client: PixabayClient, query: str, count: int) -> Iterator[dict]:
    """Every hit of a query, its pages asked for only as they are needed."""
    number, seen, available = 1, 0, MAX_HITS
    while seen < available:
        answer = client.page(query, number)
        available = min(MAX_HITS, answer["totalHits"])
        if number == 1 and available < count:
            say(f"query {query!r}: Pixabay has only {available} of the {count} photos asked for")
        yield from answer["hits"]
        number, seen = number + 1, seen + PAGE_SIZE

"""Downloads the photos of a query from Pixabay, and records who made them."""

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from image_kit.durable import sync
from image_kit.errors import UserError
from image_kit.photo_sets.pixabay import MAX_HITS, PAGE_SIZE, DownloadError, PixabayClient, write_file
from image_kit.photos import PhotoError, open_photo
from image_kit.terminal import progress, say
from image_kit.windows import is_name_of_windows

MAX_QUERY_LENGTH = 100  # characters, a limit of Pixabay's
CSV_FIELDS = ("class", "file", "page_url", "author", "source_id")
SUFFIX = "_640.jpg"  # of a photo's file; the photos are 640 pixels wide


@dataclass(frozen=True)
class Download:
    """The result of one query.

    Attributes:
        class_name: the class folder in the output.
        photos: number of photos in that folder now.
        new: how many of them were downloaded by this call.
        left_out: number of photos that are damaged, refused by the server, or in another class already.
    """

    class_name: str
    photos: int
    new: int
    left_out: int


def class_folder(query: str) -> str:
    """The folder name for a query: letters, digits and hyphens are kept, all between them becomes one underscore.

    Raises:
        UserError: the query is too long, or has no letter or digit.
    """
    if len(query) > MAX_QUERY_LENGTH:
        raise UserError(f"query of {len(query)} characters: Pixabay takes at most {MAX_QUERY_LENGTH}; shorten it")
    name = re.sub(r"[^\w-]+|_+", "_", query).strip("_-")
    if not name:
        raise UserError(f"query {query!r}: has no letter or digit for the name of its folder; give a word")
    return name if sys.platform != "win32" or is_name_of_windows(name) else f"{name}_"


class Record:
    """The file photos.csv: the author and the source of each photo, one row per photo, written when it arrives.

    Args:
        path: the file; it need not exist yet.

    Raises:
        UserError: the file has another first line, or cannot be written.
    """

    def __init__(self, path: Path):
        self._path = path
        self._class_by_id: dict[str, str] = {}
        if not path.exists():
            return
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:  # a run that was killed can leave half a row
            write_file(path, whole)
        rows = list(csv.reader(whole.decode("utf-8", "replace").splitlines()))
        if rows and tuple(rows[0]) != CSV_FIELDS:
            raise UserError(
                f"{path}: its first line is not {','.join(CSV_FIELDS)}; move it away or give another --output"
            )
        self._class_by_id = {row[-1]: row[0] for row in rows[1:] if row}

    def class_of(self, source_id: str) -> str | None:
        """The class that a photo is recorded under, None if it is not recorded."""
        return self._class_by_id.get(source_id)

    def add(self, class_name: str, file_name: str, hit: dict) -> None:
        """Append a row for a photo, unless there is one."""
        if hit["id"] in self._class_by_id:
            return
        self._class_by_id[hit["id"]] = class_name
        author = " ".join(hit["user"].split())
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new := file.tell() == 0:
                writer.writerow(CSV_FIELDS)
            writer.writerow([class_name, f"{class_name}/{file_name}", hit["pageURL"], author, hit["id"]])
        sync(self._path)
        if is_new:
            sync(self._path.parent)


def download_photos(client: PixabayClient, query: str, count: int, output: Path) -> Download:
    """Download photos of a query to output/CLASS/ID_640.jpg until there are `count`, except those that are there.

    Args:
        client: sends the requests.
        query: what to search for; its class is named after it, see `class_folder`.
        count: number of photos wanted, 1..500.
        output: the folder for the class folders and photos.csv.

    Raises:
        UserError: the key is refused, there is no connection, or the disk cannot be written.
    """
    class_name, record = class_folder(query), Record(output / "photos.csv")
    folder = output / class_name
    present = [path.name for path in folder.glob(f"*{SUFFIX}")]
    # A run that was killed between a photo and its row leaves the photo without a row.
    unrecorded = {name for name in present if record.class_of(name.removesuffix(SUFFIX)) is None}
    have, new, left_out = len(present), 0, 0
    hits: Iterable[dict] = _search_hits(client, query, count) if have < count or unrecorded else ()
    for hit in progress(hits, total=count, label=query):
        path = folder / f"{hit['id']}{SUFFIX}"
        if path.name in present:
            record.add(class_name, path.name, hit)
            unrecorded.discard(path.name)
        elif have < count and _download_photo(client, hit, path, record):
            have, new = have + 1, new + 1
        elif have < count:
            left_out += 1
        if have >= count and not unrecorded:  # checked here, since the next hit may cost a request
            break
    return Download(class_name, have, new, left_out)


def _download_photo(client: PixabayClient, hit: dict, path: Path, record: Record) -> bool:
    """Download, check, store and record one photo; returns False, with a message, if it is left out."""
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
    write_file(path, data)
    record.add(class_name, path.name, hit)
    return True


def _search_hits(client: PixabayClient, query: str, count: int) -> Iterator[dict]:
    """Every hit of a query; a page is requested only when it is needed."""
    page, seen, available = 1, 0, MAX_HITS
    while seen < available:
        answer = client.search(query, page)
        available = min(MAX_HITS, answer["totalHits"])
        if page == 1 and available < count:
            say(f"query {query!r}: Pixabay has only {available} of the {count} photos asked for")
        yield from answer["hits"]
        page, seen = page + 1, seen + PAGE_SIZE

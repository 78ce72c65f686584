"""Features of photos, kept in the user's cache folder, so that no photo goes through a backbone twice.

    <cache folder>/features/<kind>/<name>.features

A kind is one backbone, view and length. Each flush writes a new shard (shards.py) under a random name, so any number of
processes and machines can write into one folder at once without knowing of each other. A shard is complete or not
there. What is lost, damaged or removed is computed again, and never wrong: checksums decide.
"""

import contextlib
import hashlib
import json
import os
import threading
import time
from functools import cache
from pathlib import Path

import numpy as np

from image_kit import cache_folder
from image_kit.features.backbone import Backbone
from image_kit.features.shard_upkeep import merge, merge_small, remove_least_used
from image_kit.features.shards import SUFFIX, DamagedShard, ShardFormat, is_shard
from image_kit.leftovers import remove_leftovers
from image_kit.photos import FULL_BITS, SIGNATURE_VALUES, Preprocessing
from image_kit.terminal import say

# To be raised when photos are decoded or resized to other pixels than before, so that old features are not used.
PREPROCESSING_VERSION = 1
# What is computed is written after 1 s, later after a twentieth of the time that the work has taken so far: a killed
# process loses no more than that, and an hour's work makes some 130 files instead of 3,600.
FLUSH_SECONDS, FLUSH_FRACTION, MOST_FLUSH_SECONDS = 1.0, 0.05, 60.0
TRIM_EVERY = 100 * 10**6  # bytes written between two looks at the folder's size


def kept_features_folder() -> Path:
    """Where features are kept, in the user's cache folder; it may not exist yet."""
    return cache_folder.folder() / "features"


def open_store(backbone: Backbone, preprocessing: Preprocessing, length: int, keeps: bool) -> "FeatureStore":
    """The store of a backbone's features, in the user's cache folder, or in memory only if not `keeps`."""
    # Not in the text of `preprocessing`, so that features kept before it stay known.
    bits = f" {preprocessing.sample_bits} bits" if preprocessing.sample_bits != FULL_BITS else ""
    return FeatureStore(backbone.identity, f"{preprocessing}{bits}", length, kept_features_folder() if keeps else None)


class FeatureStore:
    """The kept features of one backbone and view; any thread may use it.

    Args:
        backbone_identity: hexadecimal digest of the backbone's network and weights.
        view: name of the way in which a photo becomes the network's image, its size included.
        length: values of one feature vector.
        folder: `kept_features_folder()` or another; None keeps nothing.

    Attributes:
        length: as given.
        can_write: whether features are kept: False without a folder, and once the folder could not be written.
        damaged: shards in which damage was found; what is damaged is computed again.
    """

    def __init__(self, backbone_identity: str, view: str, length: int, folder: Path | None):
        what = json.dumps([backbone_identity, view, length, SIGNATURE_VALUES, PREPROCESSING_VERSION])
        kind = hashlib.sha256(what.encode()).digest()
        self.length = length
        self._format = ShardFormat(kind, 2 * (length + SIGNATURE_VALUES))
        self._root = folder
        self._folder = folder / kind.hex()[:32] if folder else None
        self.can_write = folder is not None
        self._lock = threading.RLock()
        self._counts: dict[Path, int] = {}  # photos of each shard that has been indexed
        self._places: dict[bytes, tuple[Path, int]] = {}  # digest of a photo -> shard, row
        self._used: set[Path] = set()
        self.damaged: set[Path] = set()
        self._pending: dict[bytes, bytes] = {}  # digest -> row, not written yet
        self._unseen_bytes = 0  # written since the folder was last trimmed
        self._began = self._flushed = time.monotonic()
        self._index()

    def read(self, photo_hash: str) -> tuple[np.ndarray, np.ndarray] | None:
        """The kept features of a photo.

        Args:
            photo_hash: `content_hash` of its file.

        Returns:
            Features, float16 (length,), and look-alike signature, float16 (432,), not to be written to; None if they
            are not known.
        """
        digest = bytes.fromhex(photo_hash)
        with self._lock:
            row = self._pending.get(digest)
            if row is None and digest in self._places:
                row = self._read_row(digest) or self._read_row(digest)  # where another process has moved it to
        if row is None:
            return None
        numbers = np.frombuffer(row, "<f2")
        return numbers[: self.length], numbers[self.length :]

    def append(self, photo_hash: str, values: np.ndarray, signature: np.ndarray) -> None:
        """Keep the features of a photo, float16 as `read` returns them; written to the folder soon."""
        row = values.astype("<f2").tobytes() + signature.astype("<f2").tobytes()
        with self._lock:
            if not self.can_write:
                return
            self._pending[bytes.fromhex(photo_hash)] = row
            now = time.monotonic()
            wait = min(MOST_FLUSH_SECONDS, max(FLUSH_SECONDS, FLUSH_FRACTION * (now - self._began)))
            if now - self._flushed > wait:
                self.flush()

    def flush(self) -> None:
        """Write what has been appended, and take in what other processes have written.

        If the folder cannot be written, one line says so, and from then on nothing is kept.
        """
        with self._lock:
            self._flushed = time.monotonic()
            if self._pending and self._folder:
                self._write(self._folder / (os.urandom(16).hex() + SUFFIX))
            if self._unseen_bytes > TRIM_EVERY:
                self._trim()
            self._index()

    def _write(self, path: Path) -> None:
        try:
            self._format.write(path, self._pending)
        except OSError as error:
            self.can_write = False
            reason = error.strerror or error
            _say_once(
                f"{self._root}: cannot be written ({reason}), so features of photos are not kept; "
                f"{cache_folder.FOLDER_VARIABLE} names another folder"
            )
        self._unseen_bytes += len(self._pending) * self._format.row_bytes
        self._pending = {}

    def tidy(self) -> None:
        """Merge small shards, free others of damage, and remove the least recently used ones beyond the folder's bound.

        To be called when a command has its features; other processes may use the folder meanwhile.
        """
        with self._lock:
            if (
                self.can_write and self._folder and os.path.isdir(self._folder)
            ):  # pathlib's raises where it may not look
                for path in self.damaged:  # otherwise the index might find the damaged row again, not its successor
                    with contextlib.suppress(OSError):
                        merge([path], self._format)
                merge_small(self._folder, self._format)
                remove_leftovers(self._folder)
                self._trim()

    def _trim(self) -> None:
        self._unseen_bytes = 0
        if self._root:
            remove_least_used(self._root)

    def _index(self) -> None:
        """Find the photos of shards that are new since the last time."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):  # no such folder yet, or none that can be read
            for path in sorted(filter(is_shard, self._folder.iterdir())):
                if path not in self._counts:
                    self._index_shard(path)

    def _index_shard(self, path: Path) -> None:
        try:
            digests = self._format.read_digests(path)
        except OSError:  # removed since it was listed
            return
        except DamagedShard:
            digests = []
            self.damaged.add(path)
        self._counts[path] = len(digests)
        self._places.update((digest, (path, number)) for number, digest in enumerate(digests))

    def _read_row(self, digest: bytes) -> bytes | None:
        """The row where the index says; otherwise the index is mended."""
        if digest not in self._places:
            return None
        path, number = self._places[digest]
        try:
            row = self._format.read_row(path, self._counts[path], number, digest)
        except OSError:  # merged with others or removed by another process
            self._counts, self._places = {}, {}  # anew: another shard that is known already may have the row, too
            self._index()
            return None
        if row is None:
            self.damaged.add(path)
            del self._places[digest]
        elif path not in self._used:
            self._used.add(path)
            cache_folder.mark_used(path)
        return row


@cache
def _say_once(text: str) -> None:
    """Several views have a store each in one folder."""
    say(text)

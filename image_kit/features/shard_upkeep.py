"""The upkeep of a folder of shards while other processes may read and write it: merge, bound, clean up."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from image_kit import cache_folder
from image_kit.features.shards import SUFFIX, DamagedShard, ShardFormat, is_shard

MAX_BYTES = 2 * 10**9  # of all kinds together: the features of 600,000 photos
# Opening a shard takes .05 ms, so many small ones are merged. Large ones are not copied again; and each is removed as a
# whole when the folder is full.
MERGE_FROM, SMALL_BYTES, MERGED_BYTES = 16, 4 * 2**20, 32 * 2**20  # shards, bytes of a small one, of a merged one


def merge_small(folder: Path, shard_format: ShardFormat) -> None:
    """Merge the small shards of a folder if there are many; all rows stay, except damaged ones.

    The merged shard is complete before the others are removed. Its name comes from theirs: two processes that merge
    the same shards at once write the same file.
    """
    with contextlib.suppress(OSError):  # it is tried again at the next time
        small = [path for path in sorted(folder.iterdir()) if is_shard(path) and path.stat().st_size < SMALL_BYTES]
        if len(small) < MERGE_FROM:
            return
        for group in _groups(small):
            if len(group) > 1:
                merge(group, shard_format)


def _groups(paths: list[Path]) -> Iterator[list[Path]]:
    """The paths in groups of about MERGED_BYTES at most."""
    group: list[Path] = []
    total = 0
    for path in paths:
        size = path.stat().st_size
        if total + size > MERGED_BYTES:
            yield group
            group, total = [], 0
        group.append(path)
        total += size
    yield group


def merge(paths: list[Path], shard_format: ShardFormat) -> None:
    """Replace shards by one with all their undamaged rows; one shard alone is replaced by what is good in it.

    Raises:
        OSError: nothing is lost; a missing shard means that another process has merged it.
    """
    rows: dict[bytes, bytes] = {}
    for path in paths:
        with contextlib.suppress(DamagedShard):
            rows |= shard_format.read_rows(path)
    name = hashlib.sha256("\n".join(path.name for path in paths).encode()).hexdigest()[:32]
    merged = paths[0].with_name(name + SUFFIX)
    if rows:
        shard_format.write(merged, rows)
    for path in paths:
        path.unlink(missing_ok=True)


def remove_least_used(root: Path) -> None:
    """Remove the least recently used shards of all kinds until MAX_BYTES are left.

    Empty folders stay: another process may be about to write there.
    """
    with contextlib.suppress(OSError):
        cache_folder.trim(filter(is_shard, root.glob(f"*/*{SUFFIX}")), MAX_BYTES)

"""Many small shards become one, old ones go, and nothing that is in use is lost."""

import os
import sys
import time

import pytest

from image_kit import leftovers
from image_kit.features import shard_upkeep
from tests.conftest import finish, start_process
from tests.fixtures.features import keep, kept, open_store, shards


@pytest.fixture
def many(tmp_path):
    """A folder of 40 shards of 2 photos each, photo 0 in all of them."""
    store = open_store(tmp_path)
    for number in range(1, 41):
        keep(store, [0, number])
    assert len(shards(tmp_path)) == 40
    return tmp_path


def test_small_shards_are_merged(many):
    before = open_store(many)
    assert kept(before, [5]) == [5]
    size = sum(path.stat().st_size for path in shards(many))
    open_store(many).tidy()
    (merged,) = shards(many)
    assert merged.stat().st_size < 0.6 * size  # each photo once
    # A store that was opened before finds its rows where they are now.
    assert kept(before, range(41)) == kept(open_store(many), range(41)) == list(range(41))
    open_store(many).tidy()
    assert shards(many) == [merged]


def test_few_or_large_shards_are_left_alone(many, monkeypatch):
    for limits in ({"MERGE_FROM": 41}, {"SMALL_BYTES": 100}):
        with monkeypatch.context() as patch:
            for name, value in limits.items():
                patch.setattr(shard_upkeep, name, value)
            open_store(many).tidy()
        assert len(shards(many)) == 40


def test_merged_shards_are_bounded(many, monkeypatch):
    monkeypatch.setattr(shard_upkeep, "MERGED_BYTES", 20_000)
    open_store(many).tidy()
    assert 1 < len(shards(many)) < 10
    assert max(path.stat().st_size for path in shards(many)) <= 20_000
    assert kept(open_store(many), range(41)) == list(range(41))


MERGER = """
import sys, time
from pathlib import Path
from tests.fixtures.features import open_store
store = open_store(Path(sys.argv[1]))
print(flush=True)
while not Path(sys.argv[1], "go").exists():
    time.sleep(0.001)
store.tidy()
"""


@pytest.mark.parametrize("attempt", range(3))
def test_two_processes_merge_at_once(many, attempt):
    processes = [start_process(sys.executable, "-c", MERGER, many) for _ in "ab"]
    for process in processes:
        process.stdout.readline()
    (many / "go").touch()
    for process in processes:
        done = finish(process, 120)
        assert (done.returncode, done.stderr) == (0, "")
    assert kept(open_store(many), range(41)) == list(range(41))
    assert len(shards(many)) < 16


def test_damage_is_left_out_of_a_merge(many):
    path = shards(many)[0]
    data = bytearray(path.read_bytes())
    data[-10] ^= 1  # in the last row: photo 0 is the first one of each shard
    path.write_bytes(data)
    path.with_name("other.features").write_bytes(b"no shard")
    open_store(many).tidy()
    assert len(shards(many)) == 1
    found = kept(open_store(many), range(41))
    assert len(found) == 40
    assert found[0] == 0


def test_a_missing_shard_ends_a_merge(many):
    paths = shards(many)
    store = open_store(many)
    with pytest.raises(FileNotFoundError):
        shard_upkeep.merge([*paths, paths[0].with_name("gone.features")], store._format)
    assert shards(many) == paths


def test_the_least_recently_used_shards_go_first(tmp_path, monkeypatch):
    stores = [open_store(tmp_path, view=view) for view in "abc"]
    for age, store in zip((300, 200, 100), stores, strict=True):
        keep(store, range(10))
        (path,) = store._counts
        os.utime(path, (time.time() - age,) * 2)
    monkeypatch.setattr(shard_upkeep, "MAX_BYTES", 2.5 * path.stat().st_size)
    assert kept(open_store(tmp_path, view="a"), [0]) == [0]  # the oldest has just been used
    stores[0].tidy()
    assert [len(kept(open_store(tmp_path, view=view), range(10))) for view in "abc"] == [10, 0, 10]
    assert len(shards(tmp_path)) == 2
    assert kept(stores[1], range(10)) == []


def test_the_bound_holds_during_a_long_run(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_upkeep, "MAX_BYTES", 20_000)
    monkeypatch.setattr("image_kit.features.store.TRIM_EVERY", 10_000)
    store = open_store(tmp_path)
    for start in range(0, 200, 5):
        keep(store, range(start, start + 5))
        assert sum(path.stat().st_size for path in shards(tmp_path)) < 40_000
    assert kept(store, range(195, 200)) == list(range(195, 200))


def test_temporary_files_of_killed_processes_are_removed_after_a_day(tmp_path):
    store = open_store(tmp_path)
    keep(store, [1])
    folder = shards(tmp_path)[0].parent
    for name, hours in (("01d01d01", 25), ("0e00e000", 23)):
        path = folder / f".tmp-{name}.x.features"
        path.write_bytes(b"half")
        os.utime(path, (time.time() - hours * 3600,) * 2)
    leftovers._remove_once.cache_clear()  # as in a new process
    store.tidy()
    assert [path.name for path in folder.glob(".tmp-*")] == [".tmp-0e00e000.x.features"]

"""Kept features: found again by any process, never wrong, whatever else happens to the folder."""

import os
import signal
import sys
import tracemalloc

import numpy as np
import pytest

from image_kit import cache_folder
from image_kit.features import store as store_module
from image_kit.features.store import kept_features_folder
from tests.conftest import finish, start_process
from tests.fixtures.features import hash_of, keep, kept, open_store, shards, signature, values
from tests.fuzz_files import mutated

HEADER_BYTES = 48


def test_what_one_store_keeps_another_finds(tmp_path):
    store = open_store(tmp_path)
    store.append(hash_of(1), values(1), signature(1))
    assert kept(store, [0, 1]) == [1]  # before it is written, too
    assert kept(open_store(tmp_path), [0, 1]) == []
    store.flush()
    assert kept(open_store(tmp_path), [0, 1]) == [1]
    row = open_store(tmp_path).read(hash_of(1))
    assert [part.dtype for part in row] == [np.float16, np.float16]


@pytest.mark.parametrize("other", [{"backbone": "ab13"}, {"view": "crop 224"}, {"length": 21}])
def test_another_backbone_view_or_length_is_another_kind(tmp_path, other):
    keep(open_store(tmp_path), [1])
    store = open_store(tmp_path, **other)
    assert store.read(hash_of(1)) is None
    store.append(hash_of(1), values(2, store.length), signature(2))
    store.flush()
    assert kept(open_store(tmp_path), [1]) == [1]
    # A shard that was moved to the folder of another kind is not used either.
    one, two = {path.parent for path in shards(tmp_path)}
    for path in shards(tmp_path):
        path.rename((two if path.parent == one else one) / ("moved" + path.name))
    store = open_store(tmp_path)
    assert kept(store, [1]) == []
    assert len(store.damaged) == 1


def test_other_preprocessing_is_another_kind(tmp_path, monkeypatch):
    keep(open_store(tmp_path), [1])
    monkeypatch.setattr(store_module, "PREPROCESSING_VERSION", store_module.PREPROCESSING_VERSION + 1)
    assert kept(open_store(tmp_path), [1]) == []


def test_a_store_without_a_folder_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, str(tmp_path))
    store = open_store(None)
    keep(store, range(3))
    store.tidy()
    assert kept(store, range(3)) == []
    assert list(tmp_path.iterdir()) == []


def test_features_are_kept_in_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, str(tmp_path))
    assert kept_features_folder() == tmp_path / "features"


def test_what_is_appended_is_written_soon(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(store_module.time, "monotonic", lambda: clock[0])
    store = open_store(tmp_path)
    written = []
    for number in range(4000):  # ten a second for 400 s
        clock[0] += 0.1
        store.append(hash_of(number), values(0), signature(0))
        if len(shards(tmp_path)) > len(written):
            written.append(clock[0] - 100)
    waits = np.diff([0, *written])
    assert waits[0] < 1.3
    assert (waits <= np.maximum(1.3, 0.05 * np.array(written) + 0.3)).all()
    assert len(written) < 90


def test_photos_of_a_shard_that_is_removed_are_found_in_another_that_was_known_before(tmp_path):
    # As when the folder is listed after another process has written a merged shard, and before it removes the others.
    for folder in ("one", "two"):
        keep(open_store(tmp_path / folder), range(8))
    (one,), (two,) = shards(tmp_path / "one"), shards(tmp_path / "two")
    two = two.rename(one.with_name(two.name))
    store = open_store(tmp_path / "one")
    assert kept(store, range(8)) == list(range(8))
    max(one, two).unlink()  # the index prefers the last one
    assert kept(store, range(8)) == list(range(8))


WRITER = """
import sys, time
from pathlib import Path
from tests.fixtures.features import keep, kept, open_store
first, folder = int(sys.argv[1]), Path(sys.argv[2])
store = open_store(folder)
print(flush=True)
for start in range(first, 400, 20):
    keep(store, range(start, start + 20, 2))
    kept(store, range(400))
    if start % 100 < 20:
        store.tidy()
deadline = time.monotonic() + 30
while len(kept(store, range(400))) < 400 and time.monotonic() < deadline:
    time.sleep(0.01)
    store.flush()
print(len(kept(store, range(400))))
"""


def test_two_processes_write_and_read_one_folder_at_once(tmp_path):
    processes = [start_process(sys.executable, "-c", WRITER, number, tmp_path) for number in (0, 1)]
    for process in processes:
        process.stdout.readline()  # both have opened the empty folder
    while any(process.poll() is None for process in processes):
        kept(open_store(tmp_path), range(400))  # asserts that what is found is right
    for process in processes:
        done = finish(process, 120)
        assert done.stdout == "400\n", done.stderr  # what the other wrote, too
    assert kept(open_store(tmp_path), range(400)) == list(range(400))


ENDLESS = """
import sys
import tracemalloc
from pathlib import Path
from tests.fixtures.features import keep, open_store
store = open_store(Path(sys.argv[1]))
for start in range(0, 10**9, 50):
    keep(store, range(start, start + 50))
    store.tidy()
    print(start + 50, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
@pytest.mark.parametrize("flushes", [1, 7, 24])  # before, at and after a merge
def test_what_a_killed_process_has_written_is_kept(tmp_path, flushes):
    process = start_process(sys.executable, "-c", ENDLESS, tmp_path)
    for _ in range(flushes):
        written = int(process.stdout.readline())
    process.kill()  # it is writing, reading or removing
    written = [written, *map(int, finish(process, 120).stdout.split())][-1]
    assert kept(open_store(tmp_path), range(written)) == list(range(written))


def test_damage_is_noticed_and_computed_again(tmp_path):
    keep(open_store(tmp_path), range(8))
    (shard,) = shards(tmp_path)
    good = shard.read_bytes()
    found = []
    for case in range(500):
        shard.write_bytes(mutated(good, case))
        found.append(len(kept(open_store(tmp_path), range(8))))
    assert found[0] == 8
    assert {0, 7} < set(found)  # some damage concerns all rows, some only one


def test_after_damage_the_new_features_are_found(tmp_path):
    keep(open_store(tmp_path), range(8))
    (shard,) = shards(tmp_path)
    good = shard.read_bytes()
    for place in (5, 100, len(good) // 2, len(good) - 10):  # header, digests, rows
        for path in shards(tmp_path):
            path.unlink()
        damaged = bytearray(good)
        damaged[place] ^= 1
        shard.write_bytes(damaged)
        store = open_store(tmp_path)
        lost = sorted(set(range(8)) - set(kept(store, range(8))))
        assert len(lost) == (8 if place < HEADER_BYTES + 8 * 32 else 1)
        keep(store, lost)
        store.tidy()
        store = open_store(tmp_path)
        assert kept(store, range(8)) == list(range(8))
        assert store.damaged == set()


def test_a_shard_that_is_cut_gives_the_rows_that_are_left(tmp_path):
    keep(open_store(tmp_path), range(8))
    (shard,) = shards(tmp_path)
    store = open_store(tmp_path)
    os.truncate(shard, shard.stat().st_size * 3 // 4)  # also while a store is open
    assert kept(store, range(8)) == kept(open_store(tmp_path), range(8)) == list(range(5))


def test_a_folder_that_is_emptied_while_in_use(tmp_path):
    store = open_store(tmp_path)
    keep(store, range(3))
    for path in shards(tmp_path):
        path.unlink()
    assert kept(store, range(3)) == []
    keep(store, range(3))
    assert kept(store, range(3)) == [0, 1, 2]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, capsys):
    folder = tmp_path / "file"
    folder.write_text("in the place of the folder")
    for view in "ab":
        store = open_store(folder, view=view)
        keep(store, range(3))
        keep(store, range(3, 6))
        store.tidy()
        assert kept(store, range(6)) == []
    said = capsys.readouterr().err
    assert said == f"{folder}: cannot be written (Not a directory), {NOT_KEPT}\n"


NOT_KEPT = "so features of photos are not kept; IMAGE_CLASSIFICATION_KIT_CACHE names another folder"
FULL = """
import resource, sys
from pathlib import Path
from tests.fixtures.features import keep, kept, open_store
store = open_store(Path(sys.argv[1]))
keep(store, range(5))
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))  # a write beyond fails, as on a full disk
keep(store, range(5, 100))
store.tidy()
print(kept(store, range(200)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path, run_python):
    process = run_python("-c", FULL, str(tmp_path))
    assert process.stdout == "[0, 1, 2, 3, 4]\n"
    assert process.stderr == f"{tmp_path}: cannot be written (File too large), {NOT_KEPT}\n"
    assert len(list(tmp_path.rglob("*.features"))) == 1  # nothing half-written


def test_rows_that_changed_places_are_not_used(tmp_path):
    keep(open_store(tmp_path), range(4))
    (shard,) = shards(tmp_path)
    data = shard.read_bytes()
    start, size = HEADER_BYTES + 4 * 32, (len(data) - HEADER_BYTES) // 4 - 32
    rows = [data[start + number * size : start + (number + 1) * size] for number in range(4)]
    shard.write_bytes(data[:start] + b"".join([rows[1], rows[0], *rows[2:]]))  # with their own checksums
    assert kept(open_store(tmp_path), range(4)) == [2, 3]


@pytest.mark.parametrize("count", [3, 5, 2**31, 2**32 - 1])
def test_a_wrong_count_takes_no_memory(tmp_path, count):
    keep(open_store(tmp_path), range(4))
    (shard,) = shards(tmp_path)
    data = bytearray(shard.read_bytes())
    data[40:44] = count.to_bytes(4, "little")
    shard.write_bytes(data)
    tracemalloc.start()
    store = open_store(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert store.damaged == {shard}
    assert kept(store, range(4)) == []
    assert peak < 10**6

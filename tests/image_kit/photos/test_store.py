"""Photos in memory while they fit, decoded again where they do not: the same arrays either way."""

import os
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from image_kit.errors import UserError
from image_kit.photos import store as photo_store
from image_kit.photos.keras_loading import KerasLoading
from image_kit.photos.photo_files import PhotoError, content_hash
from image_kit.photos.preprocessing import Preprocessing
from image_kit.photos.store import PhotoStore, Subset

SHAPE = (8, 10, 3)
ONE = 8 * 10 * 3  # bytes of one decoded photo
BUDGETS = (0, ONE - 1, ONE, 3 * ONE + 5, 6 * ONE, None)


@pytest.fixture(autouse=True)
def no_other_stores(monkeypatch):
    """As in a process of its own."""
    monkeypatch.setattr(photo_store, "_sharing", weakref.WeakSet())


@pytest.fixture
def paths(tmp_path, photo):
    return [photo(tmp_path / f"{number}.jpg", number, (40, 30)) for number in range(6)]


def loaded(paths, budget=None, shape=SHAPE) -> PhotoStore:
    store = PhotoStore(paths, Preprocessing(shape), budget)
    store.decode_all()
    return store


@pytest.mark.parametrize(("budget", "cached"), list(zip(BUDGETS, (0, 0, 1, 3, 6, 6), strict=True)))
def test_the_budget_is_used_to_the_last_photo_and_never_exceeded(paths, budget, cached, monkeypatch):
    store = loaded(paths, budget)
    decoded = []
    monkeypatch.setattr(
        Preprocessing, "photo", lambda self, source: decoded.append(source) or np.zeros(SHAPE, np.uint8)
    )
    store.take(np.arange(6))
    assert sorted(decoded) == paths[cached:]
    assert store._cache.nbytes == cached * ONE


def test_a_quarter_of_the_free_memory_is_the_default(paths, monkeypatch):
    monkeypatch.setattr(photo_store, "free_memory", lambda: 4 * 2 * ONE)
    assert len(loaded(paths)._cache) == 2


def test_stores_share_that_quarter(paths, monkeypatch):
    free = [4 * 8 * ONE]
    monkeypatch.setattr(photo_store, "free_memory", lambda: free[0])
    loaded(paths, budget=5 * ONE)  # what a caller sets is the caller's
    first = loaded(paths)
    free[0] -= 6 * ONE  # what it has filled
    second, third = loaded(paths), loaded(paths)
    assert [len(store._cache) for store in (first, second, third)] == [6, 2, 0]
    first.itself = first  # as Keras's iterators
    del first
    free[0] += 6 * ONE
    assert len(loaded(paths)._cache) == 6


def test_stores_whose_photos_do_not_fit_take_a_bounded_part_together(paths, monkeypatch):
    monkeypatch.setattr(photo_store, "free_memory", lambda: 4 * 7 * ONE)
    monkeypatch.setattr(photo_store, "INCOMPLETE_BYTES", 4 * ONE)
    fits, larger = loaded(paths), loaded(paths)
    assert [len(store._cache) for store in (fits, larger)] == [6, 0]
    del fits
    assert len(loaded([*paths, *paths])._cache) == 7  # more than half
    assert len(loaded([*paths, *paths, *paths])._cache) == 4
    more = [loaded([*paths, *paths, *paths]) for _ in range(2)]
    assert [len(store._cache) for store in more] == [4, 0]
    del larger


@pytest.mark.parametrize("shape", [SHAPE, (8, 10, 1)])
def test_equal_arrays_whatever_the_budget(paths, shape):
    alone = np.stack([Preprocessing(shape).photo(path) for path in paths])
    order = np.array([5, 0, 3, 3, 1, 4, 2])
    for budget in BUDGETS:
        taken = loaded(paths, budget, shape).take(order)
        assert taken.dtype == np.uint8
        assert (taken == alone[order]).all()


@pytest.mark.parametrize("budget", [0, 3 * ONE, None])
def test_what_is_taken_may_be_written_to(paths, budget):
    store = loaded(paths, budget)
    before = store.take(np.arange(6)).copy()
    store.take(np.arange(6))[:] = 0
    store.take(np.array([0]))[:] = 0
    assert (store.take(np.arange(6)) == before).all()


def test_hashes_are_of_the_files_in_order(paths):
    hashes, errors = PhotoStore(paths, Preprocessing(SHAPE)).decode_all()
    assert hashes == [content_hash(path.read_bytes()) for path in paths]
    assert errors == {}


@pytest.mark.parametrize("budget", [0, None])
def test_bad_files_are_named_and_have_no_hash(paths, budget, tmp_path):
    paths[1].write_bytes(b"no photo")
    paths[4].write_bytes(paths[4].read_bytes()[:-100])
    paths += [tmp_path / "gone.jpg", tmp_path / "folder.jpg"]
    paths[-1].mkdir()
    store = PhotoStore(paths, Preprocessing(SHAPE), budget)
    hashes, errors = store.decode_all()
    assert [index for index, digest in enumerate(hashes) if digest is None] == [1, 4, 6, 7]
    assert list(errors) == [paths[index] for index in (1, 4, 6, 7)]
    assert "not an image" in errors[paths[1]]
    assert "no such file" in errors[paths[6]].lower()
    assert errors[paths[7]] == "not a file"
    assert (store.take(np.array([5, 0])) == [Preprocessing(SHAPE).photo(paths[i]) for i in (5, 0)]).all()


def test_progress_sees_every_photo_once(paths):
    seen = []

    def bar(items):
        for item in items:
            seen.append(item)
            yield item

    hashes, _ = PhotoStore(paths, Preprocessing(SHAPE)).decode_all(bar)
    assert len(seen) == len(hashes) == 6


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_seen_of_a_photo_does_not_depend_on_the_memory(paths, tmp_path, photo, channels):
    paths[2] = photo(tmp_path / "small.jpg", 2, (7, 5))
    preprocessing = Preprocessing((*SHAPE[:2], channels))
    for budget in (0, None):
        seen = {}
        PhotoStore(paths, preprocessing, budget).decode_all(on_image=seen.__setitem__)
        for number, path in enumerate(paths):
            whole = np.asarray(preprocessing.open(path)) if number == 2 else preprocessing.photo(path)
            assert np.array_equal(seen[number], whole.reshape(*whole.shape[:2], channels))
        assert seen[2].shape == (5, 7, channels)


def test_a_small_photo_that_is_not_kept_is_not_resized(paths, tmp_path, photo, monkeypatch):
    paths[4] = photo(tmp_path / "small.jpg", 4, (7, 5))
    resized = []
    monkeypatch.setattr(Preprocessing, "resize", lambda self, image: resized.append(image.size) or np.zeros(SHAPE))
    PhotoStore(paths, Preprocessing(SHAPE), budget=4 * ONE).decode_all(on_image=lambda index, image: None)
    assert (7, 5) not in resized
    assert len(resized) == 5
    PhotoStore(paths, Preprocessing(SHAPE), budget=0).decode_all()
    assert len(resized) == 5


def test_a_file_that_disappears_later_is_a_user_error_naming_it(paths):
    store = loaded(paths, budget=2 * ONE)
    paths[3].unlink()
    paths[1].unlink()
    assert len(store.take(np.array([0, 1, 2]))) == 3  # photo 1 is in memory
    with pytest.raises(UserError, match="changed while in use") as caught:
        store.take(np.array([2, 3]))
    assert str(paths[3]) in str(caught.value)


@pytest.mark.parametrize("budget", [0, None])
def test_none_can_be_taken(paths, budget):
    for indices in (np.array([], int), []):
        assert loaded(paths, budget).take(indices).shape == (0, *SHAPE)


def test_a_store_of_nothing():
    store = PhotoStore([], Preprocessing(SHAPE))
    assert len(store) == 0
    assert store.decode_all() == ([], {})


@pytest.mark.parametrize("budget", [0, 2 * ONE, None])
def test_a_subset_numbers_its_own(paths, budget):
    store = loaded(paths, budget)
    subset = Subset(store, np.array([4, 0, 5]))
    assert len(subset) == 3
    assert subset.image_shape == SHAPE
    assert (subset.take(np.array([2, 0])) == store.take(np.array([5, 4]))).all()
    with pytest.raises(IndexError):
        subset.take(np.array([3]))


@pytest.mark.parametrize("budget", [0, 3 * ONE, None])
def test_views_need_no_load_and_hold_the_error_of_a_bad_file(paths, budget):
    paths[1].write_bytes(b"no photo")
    store = PhotoStore(paths, Preprocessing(SHAPE), budget)
    for _ in range(2):
        views = store.views(np.array([5, 1, 0]))
        assert isinstance(views[1], PhotoError)
        for view, index in ((views[0], 5), (views[2], 0)):
            assert (view == Preprocessing(SHAPE).photo(paths[index])).all()


def test_what_was_read_ahead_is_not_decoded_again(paths, monkeypatch):
    decoded, original = [], Preprocessing.photo
    monkeypatch.setattr(Preprocessing, "photo", lambda self, path: decoded.append(path) or original(self, path))
    store = PhotoStore(paths, Preprocessing(SHAPE), 0)
    store.read_ahead(np.array([0, 1]))
    store.read_ahead(np.array([1, 2]))
    store.views(np.array([1, 2]))
    assert sorted(decoded) == paths[:3]
    store.views(np.array([1, 2]))
    assert sorted(decoded) == sorted(paths[:3] + paths[1:3])


def test_views_of_what_is_in_memory_are_not_copies(paths):
    store = loaded(paths)
    assert all(np.shares_memory(view, store._cache) for view in store.views(np.arange(6)))


@pytest.mark.parametrize("first", [False, True])
def test_photos_loaded_as_keras_does(paths, first):
    loading = KerasLoading((8, 10), "rgba", "bicubic", channels_first=first)
    assert loading.image_shape == ((4, 8, 10) if first else (8, 10, 4))
    store = PhotoStore(paths, loading)
    assert store.take([2]).shape == (1, *loading.image_shape)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_process_does_not_wait_for_its_parents_threads(paths, run_python):
    code = """
import os, sys, threading
import numpy as np
from image_kit.photos.store import PhotoStore
from image_kit.photos.preprocessing import Preprocessing
from image_kit.threads import threads
store, held = PhotoStore(sys.argv[1:], Preprocessing((8, 10, 3)), 0), threading.Event()
list(map(lambda _: threads().submit(held.wait), range(64)))  # the parent's threads have no time for photos
store.read_ahead(np.arange(6))
if os.fork() == 0:
    os._exit(len(store.views(np.arange(6))))
print(os.waitstatus_to_exitcode(os.wait()[1]))
held.set()
"""
    done = run_python("-c", code, *map(str, paths), timeout=60)
    assert done.stdout.split() == ["6"], done.stderr


def test_stores_made_by_several_threads_share_it_too(paths, monkeypatch):
    monkeypatch.setattr(photo_store, "free_memory", lambda: 4 * 9 * ONE)
    monkeypatch.setattr(photo_store.gc, "collect", lambda: 0)  # a quarter of a second each, once Keras is imported
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: PhotoStore(paths, Preprocessing(SHAPE)), range(400)))
    finally:
        sys.setswitchinterval(interval)
    assert sum(len(store._cache) for store in made) == 9

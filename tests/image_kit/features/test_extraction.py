"""Photos to features: each is computed once in its life, whatever its name, order, process or interruption."""

import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from image_kit.errors import UserError
from image_kit.features import extraction
from image_kit.features.extraction import photo_features, select_part
from image_kit.photos import PhotoStore, Preprocessing, Signatures, content_hash
from tests.conftest import finish, start_process
from tests.fixtures.deep_files import png
from tests.fixtures.features import MeanColours, open_store

PREPROCESSING = Preprocessing((8, 10, 3))


@pytest.fixture
def paths(tmp_path, photo):
    return [photo(tmp_path / f"{number}.jpg", number) for number in range(9)]


def features(paths, store, runner=None, **options) -> extraction.PhotoFeatures:
    return photo_features(paths, runner or MeanColours(), PREPROCESSING, store, **options)


def store_in(folder: Path | None):
    return open_store(folder, length=6)


def test_new_and_known_features_are_the_same(paths, tmp_path):
    images = np.stack([PREPROCESSING.photo(path) for path in paths])
    expected = MeanColours().run(images).astype(np.float16)
    signatures = Signatures(len(paths), 3)
    for index, image in enumerate(images):
        signatures.add(index, image)
    runner = MeanColours()
    new = features(paths, store_in(tmp_path / "kept"), runner)
    known = features(paths, store_in(tmp_path / "kept"), runner)
    unkept = features(paths, store_in(None))
    assert runner.calls == len(paths)
    assert [(found.computed, found.known) for found in (new, known, unkept)] == [(9, 0), (0, 9), (9, 0)]
    for found in (new, known, unkept):
        assert found.values.dtype == np.float16
        assert (found.values == expected).all()
        assert (found.signatures.rows == signatures.rows).all()
        assert found.hashes == PhotoStore(paths, PREPROCESSING).decode_all()[0]
        assert found.errors == {}
    assert signatures.rows.any(axis=1).all()


def test_only_photos_that_are_new_are_computed(paths, tmp_path):
    features(paths[:5], store_in(tmp_path / "kept"))
    runner = MeanColours()
    found = features(paths[::-1], store_in(tmp_path / "kept"), runner)
    assert (runner.calls, found.computed, found.known) == (4, 4, 5)
    assert (found.values == features(paths, store_in(None)).values[::-1]).all()


def test_features_of_what_older_versions_read_otherwise_are_not_taken_from_them():
    """Deep photos, and BMP and TGA with alpha; others are known for ever."""
    deep, plain = (png(np.zeros((2, 2), dtype)) for dtype in (np.uint16, np.uint8))
    bmp, tga = b"BM" + bytes(26) + b"\x20" + bytes(99), b"\0\0\2" + bytes(13) + b"\x20" + bytes(99)
    names = [extraction.kept_name("hash", data) for data in (deep, bmp, tga)]
    assert names[0] == content_hash(b"deep 2 hash")
    assert names[1] == names[2] == content_hash(b"alpha hash")
    assert {extraction.kept_name("hash", data) for data in (plain, bmp.replace(b"\x20", b"\x18"), b"")} == {"hash"}


def test_files_of_one_content_are_computed_once(paths, tmp_path):
    for number in range(20):
        (tmp_path / f"copy{number}.jpg").write_bytes(paths[1].read_bytes())
    copies = [tmp_path / f"copy{number}.jpg" for number in range(20)]
    runner = MeanColours()
    found = features([paths[0], *copies, paths[1]], store_in(tmp_path / "kept"), runner)
    assert (runner.calls, found.computed) == (2, 2)
    assert (found.values[1:] == found.values[1]).all()
    assert (found.signatures.rows[1:] == found.signatures.rows[1]).all()
    assert found.values[0].tolist() != found.values[1].tolist()
    assert len(set(found.hashes)) == 2


def test_photos_that_cannot_be_read_have_a_reason(paths, tmp_path):
    for name in ("broken.jpg", "copy.jpg"):
        (tmp_path / name).write_bytes(b"no photo")
    (tmp_path / "folder.jpg").mkdir()
    bad = [tmp_path / name for name in ("broken.jpg", "folder.jpg", "missing.jpg", "copy.jpg")]
    mixed = [bad[0], *paths[:3], *bad[1:], *paths[3:]]
    hashes, errors = PhotoStore(mixed, PREPROCESSING).decode_all()
    for _ in range(2):
        found = features(mixed, store_in(tmp_path / "kept"))
        assert found.hashes == hashes
        assert found.errors == errors
        assert sorted(errors) == sorted(bad)
        assert [not row.any() for row in found.values] == [each is None for each in hashes]
    assert (found.computed, found.known) == (0, 9)


def test_no_photos(tmp_path):
    found = features([], store_in(tmp_path))
    assert found.values.shape == (0, 6)
    assert (found.hashes, found.errors, found.computed, found.known) == ([], {}, 0, 0)


def test_many_blocks_and_a_progress_bar(paths, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "BLOCK", 4)
    seen = []
    found = features(
        paths, store_in(None), show_progress=lambda done: (seen.append(len(done)) or each for each in done)
    )
    assert seen == [len(paths)] * len(paths)  # the bar knows how many there are
    assert (found.values == features(paths[::-1], store_in(None)).values[::-1]).all()


def test_large_features_are_clipped_and_others_refused(paths):
    class Wild(MeanColours):
        def run(self, images):
            values = super().run(images)
            values[:, :2] = 1e9, -1e9
            if (images == PREPROCESSING.photo(paths[3])).all():
                values[:, 2] = np.nan
            return values

    found = features(paths, store_in(None), Wild())
    assert found.errors == {paths[3]: "the backbone's features of it are not finite"}
    assert found.values[0, :2].tolist() == [65504, -65504]


def test_an_error_of_the_backbone_keeps_what_was_computed(paths, tmp_path):
    class Fails(MeanColours):
        def run(self, images):
            if self.calls >= 5:
                raise UserError("the backbone is broken")
            return super().run(images)

    with pytest.raises(UserError, match="the backbone is broken"):
        features(paths, store_in(tmp_path / "kept"), Fails())
    assert 4 <= features(paths, store_in(tmp_path / "kept")).known < 9  # another thread may have been at the fifth


INTERRUPTED = """
import signal, sys, threading, time
from pathlib import Path
from image_kit import terminal
from image_kit.features import photo_features
from image_kit.photos import Preprocessing
from tests.fixtures.deep_files import png
from tests.fixtures.features import MeanColours, open_store

interrupted = threading.Event()

def interrupt(*_):
    interrupted.set()
    raise KeyboardInterrupt

class Slow(MeanColours):
    def run(self, images):
        if self.calls > 100:  # so that it is not done before Ctrl-C, and not at once after it
            interrupted.wait()
            time.sleep(0.5)
        return super().run(images)

def counted(done):
    for number, each in enumerate(done, 1):
        print(number, flush=True)
        yield each

def main():
    signal.signal(signal.SIGINT, interrupt)
    paths = sorted(Path(sys.argv[1]).glob("*.jpg"))
    photo_features(paths, Slow(), Preprocessing((8, 10, 3)), open_store(Path(sys.argv[2]), length=6), counted)

terminal.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_keeps_what_was_computed(tmp_path, photo):
    paths = [photo(tmp_path / "photos" / f"{number:03}.jpg", number) for number in range(300)]
    process = start_process(sys.executable, "-c", INTERRUPTED, tmp_path / "photos", tmp_path / "kept")
    for _ in range(20):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    done = finish(process, 120)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
    counted = 20 + len(done.stdout.split())
    assert counted < 300  # what had not begun was not computed
    found = features(paths, store_in(tmp_path / "kept"))
    assert found.known >= counted
    assert found.known + found.computed == 300
    assert (found.values == features(paths, store_in(None)).values).all()


PART = """
import sys
from pathlib import Path
from image_kit.features import photo_features, select_part
from image_kit.photos import Preprocessing
from tests.fixtures.deep_files import png
from tests.fixtures.features import MeanColours, open_store
paths = select_part(Path(sys.argv[1]).glob("*.jpg"), sys.argv[3])
store = open_store(Path(sys.argv[2]), length=6)
print(photo_features(paths, MeanColours(), Preprocessing((8, 10, 3)), store).computed)
"""


def test_processes_compute_parts_into_one_folder(tmp_path, photo):
    paths = [photo(tmp_path / "photos" / f"{number}.jpg", number) for number in range(20)]
    arguments = (sys.executable, "-c", PART, tmp_path / "photos", tmp_path / "kept")
    done = [finish(process, 60) for process in [start_process(*arguments, f"{k}/3") for k in (1, 2, 3)]]
    assert [process.stdout for process in done] == ["7\n", "7\n", "6\n"], done
    found = features(paths, store_in(tmp_path / "kept"))
    assert (found.computed, found.known) == (0, 20)


@pytest.mark.parametrize("count", [0, 1, 7, 16, 50])
@pytest.mark.parametrize("machines", [1, 3, 8])
def test_parts_cover_everything_once(count, machines):
    items = [f"{number}.jpg" for number in range(count)]
    parts = [select_part(items[::-1], f"{k}/{machines}") for k in range(1, machines + 1)]
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    "part", ["", "2", "0/8", "9/8", "1/0", "-1/8", "1/8/2", "a/b", " 1/8", "1.0/8", "²/8", "1/" + "9" * 99]
)
def test_wrong_parts_are_one_line(part):
    with pytest.raises(UserError) as error:
        select_part(["a"], part)
    assert str(error.value) == f"--part: must be K/N with 1 <= K <= N, received {part!r}; for example 2/8"


def test_each_thread_holds_one_photo(paths):
    running, most, lock = 0, 0, threading.Lock()

    class Counting(MeanColours):
        def run(self, images):
            nonlocal running, most
            assert images.shape == (1, 8, 10, 3)
            with lock:
                running += 1
                most = max(most, running)
            values = super().run(images)
            with lock:
                running -= 1
            return values

    features(paths * 5, store_in(None), Counting())
    assert 1 <= most <= extraction.threads()._max_workers

"""One classifier in many threads, in forked and in spawned processes, and what it leaves when it is closed."""

import os
import pickle
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

import image_kit
from image_kit import UserError


def test_eight_threads_get_the_answers_of_one(head_run):
    paths = sorted((head_run.parents[1] / "photos").glob("*/*.jpg"))
    with image_kit.load(head_run) as classifier, ThreadPoolExecutor(8) as pool:
        expected = list(classifier.predict(paths))
        shared = [Image.open(path) for path in paths]  # not decoded yet

        def ask(number):
            if number % 3 == 0:
                return list(classifier.predict(paths, batch_size=1 + number))
            if number % 3 == 1:
                return [classifier.predict(path) for path in paths]
            return [classifier.predict(image) for image in shared]

        for number, answers in enumerate(pool.map(ask, range(24))):
            given = [answer.probabilities for answer in answers]
            assert given == [answer.probabilities for answer in expected], number
        features = list(pool.map(lambda _: classifier.features(paths), range(8)))
        assert all((each == features[0]).all() for each in features)


FORKED = """
import multiprocessing, os, sys, threading
from pathlib import Path
import image_kit

run = Path(sys.argv[1])
os.chdir(run.parent)
paths = sorted((run.parents[1] / "photos").glob("*/*.jpg"))
classifier = image_kit.load(run.name)
expected = list(classifier.predict(paths))
features = classifier.features(paths)
ended = threading.Event()

def work():
    while not ended.is_set():
        assert list(classifier.predict(paths, batch_size=3)) == expected

def child(number):
    os.chdir("/")
    same = list(classifier.predict(paths)) == expected and classifier.predict(paths[number]) == expected[number]
    same = same and (classifier.features(paths) == features).all()
    return same and "tensorflow" not in sys.modules

if not os.fork():  # LiteRT's threads lie where the parent's did, for which nothing must wait at the end
    others = [image_kit.load(run.name) for _ in range(4)]
    classifier.predict(paths[0])
    sys.exit()
os.wait()
workers = [threading.Thread(target=work) for _ in range(3)]
for worker in workers:
    worker.start()
children = []
for number in range(4):
    if not (pid := os.fork()):  # while threads of the parent hold its locks
        ended.set()
        same = child(number)
        if number == 0:
            classifier.close()
        sys.exit(7 if same else 1) if number < 2 else os._exit(7 if same else 1)
    children.append(pid)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(child, range(4)))
ended.set()
for worker in workers:
    worker.join()
print(list(classifier.predict(paths)) == expected, "tensorflow" in sys.modules)
classifier.close()
if not os.fork():
    try:
        classifier.predict(paths[0])
    except ValueError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_forked_processes_answer_the_same(head_run, run_python):
    process = run_python("-W", "ignore::DeprecationWarning", "-c", FORKED, str(head_run), timeout=60)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines() == [
        "[7, 7, 7, 7]",
        "[True, True, True, True]",
        "True False",
        "the classifier is closed",
    ]


def test_a_forked_process_in_which_tensorflow_would_answer_says_so(bare_weights, monkeypatch):
    with image_kit.load(bare_weights) as classifier:
        monkeypatch.setattr(classifier, "_is_in_tensorflow", True)
        monkeypatch.setitem(sys.modules, "tensorflow", None)
        assert classifier.predict(Image.new("L", (8, 8))).label
        process = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: process + 1)
        with pytest.raises(UserError, match=r"does not work in a forked process; use .*get_context\(\"spawn\"\)$"):
            classifier.predict(Image.new("L", (8, 8)))


def test_a_forked_process_does_not_mix_two_networks(head_run, bare_weights, tmp_path, monkeypatch):
    path = shutil.copy(head_run / "best.weights.h5", tmp_path / "a.weights.h5")
    with image_kit.load(path) as classifier:
        assert classifier.predict(Image.new("L", (8, 8))).label
        shutil.copy(bare_weights, path)
        process = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: process + 1)
        with pytest.raises(UserError, match="was replaced by another network; load it again"):
            classifier.predict(Image.new("L", (8, 8)))


SPAWNED = """
import multiprocessing, sys
from pathlib import Path
import image_kit

if __name__ == "__main__":
    run = Path(sys.argv[1])
    paths = sorted((run.parents[1] / "photos").glob("*/*.jpg"))[::9]
    classifier = image_kit.load(run)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(classifier.predict, paths) == list(classifier.predict(paths)))
"""


def test_spawned_processes_answer_the_same(head_run, run_python, tmp_path):
    (tmp_path / "spawned.py").write_text(SPAWNED)
    process = run_python(str(tmp_path / "spawned.py"), str(head_run), timeout=60)
    assert (process.returncode, process.stdout, process.stderr) == (0, "True\n", "")


def test_a_pickled_classifier_answers_the_same(head_run, monkeypatch):
    (path, *_) = sorted((head_run.parents[1] / "photos").glob("*/*.jpg"))
    monkeypatch.chdir(head_run.parent)
    with image_kit.load("first") as classifier:
        pickled = pickle.dumps(classifier)
        monkeypatch.chdir("/")
        with pickle.loads(pickled) as other:
            assert other.predict(path) == classifier.predict(path)


CLOSED = """
import gc, os, sys
from pathlib import Path
import psutil
import image_kit
from image_kit.threads import threads

run = Path(sys.argv[1])
paths = sorted((run.parents[1] / "photos").glob("*/*.jpg"))
process = psutil.Process()

def held():
    maps = sum("runs/first" in each.path for each in process.memory_maps(grouped=False))
    return process.num_threads(), process.num_fds(), maps

def use():
    with image_kit.load(run) as classifier:
        list(classifier.predict(paths))
        list(zip(range(3), classifier.predict(paths)))  # one that is not read to its end
        classifier.features(paths)
        return held()

use()  # from now on the threads that decode photos, and all libraries, are there
before = held()
during = [use() for _ in range(3)]
print(held() == before, [each > before for each in during])
classifier = image_kit.load(run)
answers = classifier.predict(paths)
classifier.close()
classifier.close()
for ask in (lambda: classifier.predict(paths[0]), lambda: next(answers), lambda: classifier.features(paths)):
    try:
        ask()
    except ValueError as error:
        print(error)
print(sorted(name for name in ("tensorflow", "keras") if name in sys.modules))
"""


def test_closing_frees_threads_and_files(head_run, run_python):
    process = run_python("-c", CLOSED, str(head_run), timeout=60)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines() == [
        "True [True, True, True]",
        *["the classifier is closed"] * 3,
        "[]",
    ]

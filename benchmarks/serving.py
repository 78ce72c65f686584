"""predict.py --serve against the bare classifier: photos a second, and how long the slowest hundredth waits.

Fits a head (`train.py` with the preset pretrained) to drawn JPEGs in a temporary folder, or takes --weights. The
classifier answers the photos' bytes in this process: one after the other, and as a stream. Then so many clients ask the
server at once, each on a connection that stays open; clients and server share the cores. It first checks that all
answers are the same. Every round runs each contender once, in turn. Prints Markdown: medians and ranges of the rounds;
percentiles of all requests.
"""

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from common import ROOT, cpu_name, median_and_range
from photo_files import make_photos

from image_kit import PhotoClassifier, load
from image_kit.machine import cpu_cores

CLIENTS = (1, 2, 8, 32)


def main() -> None:
    """Check, time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=200, metavar="N", help="photos in a round (200)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds (5)")
    parser.add_argument("--weights", type=Path, metavar="FILE|RUN", help="of any network (default: a new head)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_photos(folder / "photos", args.photos)
        photos = [path.read_bytes() for path in sorted((folder / "photos").rglob("*.jpg"))]
        weights = args.weights.absolute() if args.weights else fit_head(folder)
        command = [sys.executable, str(ROOT / "predict.py"), "--serve", "--port", "0", "--weights", str(weights)]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            port = next(int(found[1]) for line in server.stderr if (found := re.search(r"^ready: .*:(\d+)/", line)))
            with load(weights) as classifier:
                measure(contenders(classifier, photos, port), photos, args.rounds)
        finally:
            server.terminate()
            server.wait()


def fit_head(folder: Path) -> Path:
    """A run of the preset pretrained on the photos in a folder."""
    command = [sys.executable, str(ROOT / "train.py"), "photos", "--run", "head"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "runs/head"


def contenders(
    classifier: PhotoClassifier, photos: Sequence[bytes], port: int
) -> dict[str, Callable[[], tuple[list[str | None], list[float]]]]:
    """By name, what answers all photos; it returns the labels and the seconds that each took, if that is known."""

    def one_by_one() -> tuple[list[str | None], list[float]]:
        timed = [with_seconds(lambda photo=photo: classifier.predict(photo).label) for photo in photos]
        return [label for label, _ in timed], [seconds for _, seconds in timed]

    def stream() -> tuple[list[str | None], list[float]]:
        return [answer.label for answer in classifier.predict(photos)], []

    served = {f"server, {count} at once": (lambda count=count: ask_at_once(photos, port, count)) for count in CLIENTS}
    return {"classifier, one by one": one_by_one, "classifier, a stream": stream} | served


def with_seconds(work: Callable[[], str | None]) -> tuple[str | None, float]:
    """What `work` returns, and how long it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def ask_at_once(photos: Sequence[bytes], port: int, count: int) -> tuple[list[str | None], list[float]]:
    """Ask the server from `count` threads, each with its share of the photos."""
    timed: list[list[tuple[str | None, float]]] = [[] for _ in photos]

    def client(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(first, len(photos), count):
            timed[number].append(with_seconds(lambda number=number: ask(connection, photos[number])))
        connection.close()

    threads = [threading.Thread(target=client, args=(first,)) for first in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = list(chain.from_iterable(timed))
    return [label for label, _ in done], [seconds for _, seconds in done]


def ask(connection: http.client.HTTPConnection, photo: bytes) -> str | None:
    """The label that the server answers."""
    connection.request("POST", "/predict", photo, {"Content-Type": "image/jpeg"})
    response = connection.getresponse()
    content = json.loads(response.read())
    assert response.status == 200, content
    return content["label"]


def measure(asked: dict, photos: Sequence[bytes], rounds: int) -> None:
    """Check that all give the same answers, time them and print the table."""
    answers = {name: work()[0] for name, work in asked.items()}  # also warms everything up
    assert len(set(map(tuple, answers.values()))) == 1, answers
    rates: dict[str, list[float]] = {name: [] for name in asked}
    waits: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(rounds):
        for name, work in asked.items():
            start = time.perf_counter()
            waits[name] += work()[1]
            rates[name].append(len(photos) / (time.perf_counter() - start))
    print(f"{cpu_cores()} cores, {cpu_name()}; {rounds} rounds of {len(photos)} photos, median [lowest to highest]\n")
    print("| | photos/s | against one by one | median ms | 99 % within ms |\n|---|---|---|---|---|")
    base = statistics.median(rates["classifier, one by one"])
    for name, rate in rates.items():
        cells = [name, median_and_range(rate, ".0f"), f"{statistics.median(rate) / base:.2f}"]
        cuts = [1e3 * each for each in statistics.quantiles(waits[name], n=100)] if waits[name] else []
        print("|", " | ".join([*cells, *(f"{cuts[place]:.0f}" if cuts else "" for place in (49, 98))]), "|")


if __name__ == "__main__":
    main()

"""The one-file classifier's engine in Chromium against predict.py's classifier, on real photos.

    python benchmarks/one_file.py runs/my_photos my_photos
    python benchmarks/one_file.py runs/my_photos my_photos --photos 20

Takes up to 200 photos of a folder, evenly spaced. Each is asked twice: as it is, and as a PNG of at most 700 pixels a
side, whose pixels all decoders agree on. Counts other answers and other prediction sets, and gives the largest
difference of a probability, the milliseconds from choosing a photo to its answer, and the block's size, as base64,
against the weights' as float16.
Needs chromium and chromedriver, and pip install selenium. Prints Markdown.
"""

import argparse
import base64
import shutil
import tempfile
from pathlib import Path

import numpy as np
from common import cpu_name, median_and_range
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from image_kit.answering import load_classifier
from image_kit.exports import engine_text, pack_page_data, read_source
from image_kit.machine import cpu_cores
from image_kit.photos import list_photos, open_photo
from image_kit.weights import find_weights

LONGEST = 700  # pixels a side of the PNGs, so that 200 of them take seconds to write
# A bare page that loads the block and waits to be asked for the files that are chosen in it.
PAGE = """<!doctype html><meta charset="utf-8"><input type="file" multiple id="files">
<script type="text/plain" id="engine">%s</script><script type="text/plain" id="data">%s</script><script>
const text = id => document.getElementById(id).textContent, answers = new Map(), began = performance.now();
const worker = new Worker(URL.createObjectURL(new Blob([text("engine")])));
const loaded = new Promise(done => worker.onmessage = ({data}) => {
  if (data.kind === "ready" || data.kind === "wrong") done({...data, milliseconds: performance.now() - began});
  else if ("id" in data) answers.get(data.id)(data);
});
const data = Uint8Array.from(atob(text("data")), letter => letter.charCodeAt(0)).buffer;
worker.postMessage({kind: "load", data}, [data]);
async function ask(done) {
  const found = [];
  for (const [id, file] of [...document.getElementById("files").files].entries()) {
    const start = performance.now();
    const answer = await new Promise(settle => {
      answers.set(id, settle);
      worker.postMessage({kind: "classify", id, file});
    });
    found.push({...answer, milliseconds: performance.now() - start});
  }
  done(found);
}
</script>"""


def main() -> None:
    """Ask both, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN", type=Path, help="run folder or weights file")
    parser.add_argument("folder", metavar="PHOTOS", type=Path, help="folder of photos, in folders or not")
    parser.add_argument("--photos", type=int, default=200, metavar="N", help="the most photos (200)")
    args = parser.parse_args()
    source = read_source(find_weights(args.run))
    packed = pack_page_data(source)
    weights = sum(array.size for layer in source.weights for array in layer)
    size = len(packed) * 4 / 3 + len(engine_text())
    print(f"{args.run.name}, {weights:,} weights; {cpu_cores()} cores, {cpu_name()}; headless Chromium")
    print(f"block and engine {size / 1e6:.2f} MB, {size / weights / 2:.2f} x the weights as float16\n")
    found = sorted(list_photos(args.folder))
    photos = [found[i] for i in np.linspace(0, len(found) - 1, min(args.photos, len(found))).astype(int)]
    classifier = load_classifier(source.path)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(PAGE % (engine_text(), base64.b64encode(packed).decode()), encoding="utf-8")
        browser = start_chromium(Path(folder) / "profile")
        try:
            browser.get(page.as_uri())
            loaded = browser.execute_async_script("loaded.then(arguments[0])")
            if loaded["kind"] == "wrong":
                raise SystemExit(f"the page refuses to answer: {loaded['reason']}")
            print(f"ready {loaded['milliseconds']:.0f} ms after the page began\n")
            print("| photos | n | other answers | other sets | largest difference | ms, first | ms, later |")
            print("|---|---|---|---|---|---|---|")
            report("PNG", write_pngs(photos, Path(folder)), browser, classifier)
            report("as they are", photos, browser, classifier)
        finally:
            browser.quit()


def start_chromium(profile: Path) -> webdriver.Chrome:
    """Chromium without a screen."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", f"user-data-dir={profile}"):
        options.add_argument(f"--{option}")
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    browser.set_script_timeout(600)
    return browser


def write_pngs(photos: list[Path], folder: Path) -> list[Path]:
    """Lossless copies, not larger than LONGEST."""
    paths = [folder / f"{number:04}.png" for number in range(len(photos))]
    for photo, path in zip(photos, paths, strict=True):
        image = open_photo(photo)
        image.thumbnail((LONGEST, LONGEST))
        image.save(path, compress_level=1)
    return paths


def report(name: str, photos: list[Path], browser: webdriver.Chrome, classifier) -> None:
    """A row of the table."""
    browser.find_element(By.ID, "files").clear()
    browser.find_element(By.ID, "files").send_keys("\n".join(str(path.resolve()) for path in photos))
    answers = browser.execute_async_script("ask(arguments[0])")
    refused = [each for each in answers if each["kind"] == "refused"]
    if refused:
        raise SystemExit(f"refused: {refused[0]}")
    pixels = np.stack([classifier.preprocessing.photo(path) for path in photos])
    expected, sets = classifier.answers(pixels)
    ours = np.array([each["probabilities"] for each in answers])
    differ = int((ours.argmax(axis=1) != expected.argmax(axis=1)).sum())
    their_sets = [None] * len(photos) if sets is None else [list(each) for each in sets]
    other_sets = sum(each["predictionSet"] != their for each, their in zip(answers, their_sets, strict=True))
    largest, (first, *later) = np.abs(ours - expected).max(), [each["milliseconds"] for each in answers]
    row = [name, len(photos), differ, other_sets, f"{largest:.1e}", f"{first:.0f}", median_and_range(later, ".0f")]
    print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()

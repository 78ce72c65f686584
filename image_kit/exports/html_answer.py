"""Answers of a page, by the browser that opens it: the proof that it answers as predict.py does."""

import base64
import ctypes
import importlib.util
import json
import os
import re
import shutil
import signal
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from image_kit.errors import UserError, first_line
from image_kit.exports.formats import RuntimeMissing
from image_kit.leftovers import scratch_folder

if TYPE_CHECKING:  # selenium is an extra
    from selenium.webdriver.chrome.webdriver import WebDriver

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
AT_ONCE = 50  # pictures that the page is given at once; it takes up to 100
LONGEST_FOLDER = 60  # letters: Chromium makes a socket in it, whose path Linux limits to 107 bytes
PATIENCE_SECONDS = 300  # for AT_ONCE pictures, on a machine that has much else to do
# No network: not even a name is looked up.
OPTIONS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"),
    *(
        "disable-component-update",
        "disable-sync",
        "disable-dev-shm-usage",
        "remote-debugging-pipe",
        "host-resolver-rules=MAP * ~NOTFOUND",
    ),
)
# Collects what the page tells about each picture; see `finish` in templates/page.js.
COLLECT = """
window.told = [];
document.addEventListener("answered", ({detail}) => window.told.push(detail));
"""


def answer(path: Path, images: np.ndarray) -> np.ndarray:
    """What a page answers in Chromium, without a network.

    Args:
        path: the page.
        images: uint8 (n, height, width, channels), of the size of the network's input. The page gets them as PNG files.

    Returns:
        Float32 (n, classes): probabilities before calibration, as of `Classifier.uncalibrated`.

    Raises:
        UserError: selenium or Chromium is missing, or the page gives no answer.
    """
    with open_browser() as browser:
        return answer_in(browser, path, images)


def answer_in(browser: "WebDriver", path: Path, images: np.ndarray) -> np.ndarray:
    """As `answer`, in a Chromium that is open."""
    temperature, told = read_temperature(path), []
    with scratch_folder() as folder, _collecting(browser):
        browser.get(path.absolute().as_uri())
        files = [_save(image, folder / f"{number}.png") for number, image in enumerate(images)]
        for start in range(0, len(files), AT_ONCE):
            told += _ask(browser, files[start : start + AT_ONCE])
    refused = next((each for each in told if each["kind"] != "answer"), None)
    if refused:
        raise UserError(f"{path}: refused a picture of its proof ({refused['code']}: {refused['detail']})")
    return uncalibrate(np.array([each["probabilities"] for each in told], np.float64), temperature)


def uncalibrate(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Undo the calibration: p ** T, normalized, as calibrated ones are softmax(log(p) / T). Returns float32."""
    powers = probabilities**temperature
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def read_temperature(path: Path) -> float:
    """The temperature by which a page's answers are calibrated; 1 if they are not."""
    found = re.search(r'id="data">([A-Za-z0-9+/=]+)<', path.read_text(encoding="utf-8"))
    if not found:
        raise UserError(f"{path}: is not a page that export.py wrote; export it again")
    block = zlib.decompress(base64.b64decode(found[1]))
    (length,) = struct.unpack_from("<I", block)
    trust = json.loads(block[4 : 4 + length])["trust"]
    return float(trust["temperature"]) if trust else 1.0


@contextmanager
def open_browser() -> Iterator["WebDriver"]:
    """Chromium without a window, a network or a profile of somebody's.

    Raises:
        RuntimeMissing: selenium, Chromium or its driver is missing, or does not start.
        UserError: it ends before the body does.
    """
    if missing := missing_runtime():
        raise RuntimeMissing(missing)
    from selenium import webdriver  # an extra, which only this proof needs
    from selenium.common.exceptions import InvalidSessionIdException, NoSuchWindowException, WebDriverException
    from selenium.webdriver.chrome.service import Service
    from urllib3.exceptions import HTTPError

    program, driver = _find_browser(), shutil.which("chromedriver")
    assert program
    assert driver
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in OPTIONS:
        options.add_argument(f"--{option}")
    with scratch_folder(LONGEST_FOLDER if os.name == "posix" else None) as folder:  # it leaves files there
        env = {**os.environ, "TMPDIR": str(folder)}
        service = Service(driver, env=env, popen_kw={"preexec_fn": _end_with_parent} if os.name == "posix" else {})
        try:
            opened = webdriver.Chrome(options=options, service=service)
        except WebDriverException as error:
            raise RuntimeMissing(f"needs Chromium, which does not start here ({_reason_of(error)})") from None
        try:
            yield opened
        except (WebDriverException, HTTPError) as error:  # of the browser, of its driver
            reason = _reason_of(error)
            has_ended = isinstance(error, HTTPError | InvalidSessionIdException | NoSuchWindowException)
            if has_ended or "crash" in reason:  # of the tab, which has no type of its own
                raise UserError(f"the proof of html: Chromium has ended ({reason}); try again") from None
            raise UserError(f"the proof of html: the page failed ({reason})") from None
        finally:
            with suppress(WebDriverException, HTTPError):
                opened.quit()


def _reason_of(error: Exception) -> str:
    """What selenium says, without its label and its address for help."""
    return first_line(error).removeprefix("Message: ").partition("; For documentation")[0]


def _end_with_parent() -> None:
    """Have Linux end this new process, the driver, when the command is killed; it ends Chromium."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def missing_runtime() -> str | None:
    """What is missing to open a page here; None if nothing is."""
    if not importlib.util.find_spec("selenium"):
        return "needs selenium, which is not installed; run: pip install selenium"
    if not (_find_browser() and shutil.which("chromedriver")):
        return (
            "needs Chromium and its driver, which are not installed; install them (on Debian: apt-get install chromium "
            "chromium-driver)"
        )
    return None


def _find_browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def _collecting(browser: "WebDriver") -> Iterator[None]:
    """Let the pages that are opened in the body keep what they tell in `window.told`."""
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": COLLECT})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def _ask(browser: "WebDriver", files: Sequence[Path]) -> list[dict[str, Any]]:
    """Give the page some pictures as a person would, by its own button's element; returns its messages in order."""
    from selenium.common.exceptions import TimeoutException  # see `open_browser`
    from selenium.webdriver.support.ui import WebDriverWait

    browser.execute_script("window.told.length = 0")
    browser.find_element("id", "files").send_keys("\n".join(map(str, files)))

    def is_over(browser: "WebDriver") -> bool:
        return bool(_is_wrong(browser)) or browser.execute_script("return window.told.length") == len(files)

    try:
        WebDriverWait(browser, PATIENCE_SECONDS, poll_frequency=0.05).until(is_over)
    except TimeoutException:
        raise UserError(f"the proof of html: the page gave no answer within {PATIENCE_SECONDS} s") from None
    if _is_wrong(browser):
        raise UserError(f"the proof of html: the page refuses to answer ({' '.join(_is_wrong(browser).split())})")
    told: list[dict[str, Any]] = browser.execute_script("return window.told")
    return told


def _is_wrong(browser: "WebDriver") -> str:
    """What the page says if its check of itself failed; "" if it did not."""
    return str(browser.execute_script("return document.getElementById('wrong').innerText"))


def _save(image: np.ndarray, path: Path) -> Path:
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path, compress_level=1)
    return path

"""The page in a browser: choose, drop and paste; every kind of answer; class names as text; small and large, dark."""

import base64
import json

import pytest
from PIL import Image

from tests.fixtures.programs import save_bare_network
from tests.fixtures.serving import serving

HARMFUL = "<img src=x onerror=alert(1)>"
# Gives the page a file, as a person would by dropping or pasting it.
GIVE = """
const [event, name, data] = arguments;
const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
const files = new DataTransfer();
files.items.add(new File([bytes], name, { type: "image/png" }));
const given = event === "paste" ? { clipboardData: files } : { dataTransfer: files };
const options = { bubbles: true, cancelable: true, ...given };
document.dispatchEvent(event === "paste" ? new ClipboardEvent(event, options) : new DragEvent(event, options));
"""


@pytest.fixture(scope="module")
def page(browser, head_run, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("page"), "--weights", head_run, "--coverage", 0.9) as served:
        browser.get(f"http://127.0.0.1:{served.port}/")
        yield browser, served
        browser.get("about:blank")


def wait_for_answer(browser):
    from selenium.webdriver.support.ui import WebDriverWait  # as in the fixture browser

    def answer(_):
        text = browser.find_element("id", "answer").text
        return text if text and not text.startswith("Looking") else None

    return WebDriverWait(browser, 30).until(answer)


def give(browser, event, path):
    browser.execute_script("document.getElementById('answer').textContent = ''")
    browser.execute_script(GIVE, event, path.name, base64.b64encode(path.read_bytes()).decode())
    return wait_for_answer(browser)


def test_a_photo_that_is_chosen_dropped_or_pasted_is_answered(page, head_run):
    browser, _ = page
    cat, dog = ((head_run.parents[1] / f"photos/{name}/000.jpg").resolve() for name in ("cats", "dogs"))
    browser.find_element("id", "choose").send_keys(str(cat))
    assert wait_for_answer(browser) == "cats"
    assert give(browser, "drop", dog) == "dogs"
    assert give(browser, "paste", cat) == "cats"
    rows = [item.text.split("\n") for item in browser.find_elements("css selector", "#classes li")]
    assert [name for name, _ in rows] == ["cats", "dogs"]
    assert sum(float(number.removesuffix(" %")) for _, number in rows) == pytest.approx(100, abs=0.11)
    assert browser.find_element("id", "picture").is_displayed()


def test_what_is_unlike_or_no_photo_is_said(page, tmp_path):
    browser, _ = page
    Image.new("RGB", (30, 20)).save(tmp_path / "black.png")
    assert give(browser, "drop", tmp_path / "black.png") == "None of them"
    assert "unlike the photos" in browser.find_element("id", "note").text
    (tmp_path / "text.png").write_text("no photo")
    assert give(browser, "drop", tmp_path / "text.png") == "This photo cannot be read"
    assert browser.find_element("id", "note").text == "not an image, or damaged"
    assert not browser.find_element("id", "picture").is_displayed()
    assert browser.find_elements("css selector", "#classes li") == []


def test_what_the_network_is_not_sure_between_is_listed_as_text(page):
    browser, _ = page
    answer = {"label": HARMFUL, "prediction_set": [HARMFUL, "קט", "c", "d", "e", "f", "g"], "error": None}
    answer["probabilities"] = {HARMFUL: 0.6, "קט": 0.4}
    browser.execute_script("showAnswer(arguments[0])", answer)
    assert browser.find_element("id", "answer").text == f"{HARMFUL}, קט, c, d or e"
    assert browser.find_element("id", "note").text == "Not sure between these and 2 more."
    assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits(page, width, theme):
    browser, _ = page
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    )
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 800}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    answer = {"label": "a" * 300, "prediction_set": None, "probabilities": {"a" * 300: 1.0}, "error": None}
    browser.execute_script("showAnswer(arguments[0])", answer)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(251, 250, 247)" if theme == "light" else "rgb(20, 23, 26)")


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_blocked(page):
    browser, served = page
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    }
    outside = [url for url in urls if url.startswith(("http", "ws")) and not url.startswith("http://127.0.0.1:")]
    assert outside == []
    assert any(url.endswith(f":{served.port}/page.js") for url in urls)
    ours = [entry["message"] for entry in browser.get_log("browser") if "127.0.0.1" in entry["message"]]
    assert [message for message in ours if "422" not in message] == []


def test_a_server_that_has_ended_is_said(browser, tmp_path):
    weights = save_bare_network(tmp_path / "a.weights.h5", (HARMFUL, "קט"))
    Image.new("RGB", (30, 20)).save(tmp_path / "black.png")
    with serving(tmp_path, "--weights", weights) as served:
        browser.get(f"http://127.0.0.1:{served.port}/")
        assert HARMFUL in browser.find_element("css selector", "main").text
        assert give(browser, "drop", tmp_path / "black.png") in (HARMFUL, "קט")
    assert give(browser, "drop", tmp_path / "black.png") == "No answer"
    browser.get("about:blank")

"""The pages in a browser: nothing is loaded, nothing runs, everything fits, and what is chosen opens."""

import json

import pytest

from image_kit.reports import (
    write_check_report,
    write_comparison_report,
    write_evaluation_report,
    write_seeds_report,
    write_training_report,
)

WRITERS = {
    "training": write_training_report,
    "evaluation": write_evaluation_report,
    "check": write_check_report,
    "comparison": write_comparison_report,
    "seeds": write_seeds_report,
}


@pytest.fixture(scope="module", params=WRITERS)
def opened(request, browser, pages, tmp_path_factory):
    """The browser with a page in it, all that opens open; and what the page asked for."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    WRITERS[request.param](path, pages[request.param])
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(path.as_uri())
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    return browser, path, requests, browser.get_log("browser")


def show(browser, width, theme):
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def test_nothing_comes_from_elsewhere_and_the_console_is_silent(opened):
    _, path, requests, console = opened
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert console == []


def test_names_are_text(opened, request):
    browser, path, _, _ = opened
    assert browser.execute_script("return document.querySelectorAll('img[src=x], [onerror], script').length") == 0
    assert "<img src=x onerror=alert(1)>" in browser.execute_script("return document.body.innerText")
    assert "<img src=x" not in path.read_text(encoding="utf-8")
    pictures = "return [...document.images].map(image => [image.alt, image.complete && image.naturalWidth])"
    shown = browser.execute_script(pictures)
    assert bool(shown) == (request.node.callspec.params["opened"] != "seeds")  # that page has no photos
    assert all(alt and width for alt, width in shown)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits(opened, width, theme):
    browser = opened[0]
    show(browser, width, theme)
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    page, window = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert (window, page <= width) == (width, True)
    assert browser.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches") == (theme == "dark")
    # Text must be told from its background: 4.5 is the least contrast of WCAG 2.
    assert browser.execute_script(CONTRAST) >= 4.5


CONTRAST = """
const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(value => value / 255)
  .map(value => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b };
const paper = light(getComputedStyle(document.body).backgroundColor);
return Math.min(...[...document.querySelectorAll('h1, p, a, th, summary, .name, .mark, .soft')]
  .filter(each => !each.closest('.matrix td'))
  .map(each => light(getComputedStyle(each).color))
  .map(ink => (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05)));
"""


def test_headings_and_landmarks_can_be_walked(opened):
    browser = opened[0]
    levels = browser.execute_script("return [...document.querySelectorAll('h1, h2, h3')].map(each => +each.tagName[1])")
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(levels, levels[1:], strict=False))
    for name in ("header", "nav", "main", "footer"):
        assert browser.execute_script(f"return document.querySelectorAll('{name}').length") == 1
    unscoped = "return [...document.querySelectorAll('th')].filter(each => !each.scope).length"
    assert browser.execute_script(unscoped) == 0
    broken = "return [...document.querySelectorAll('a')].filter(a => !document.querySelector(a.hash)).length"
    assert browser.execute_script(broken) == 0
    twice = "const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.length - new Set(ids).size"
    assert browser.execute_script(twice) == 0


def test_a_cell_of_the_matrix_opens_its_photos(browser, pages, tmp_path):
    path = tmp_path / "report.html"
    write_evaluation_report(path, pages["evaluation"])
    show(browser, 1280, "light")
    browser.get(path.as_uri())
    cell = "document.querySelector('.matrix a[href=\"#cell-0-1\"]')"
    closed = browser.execute_script("return document.getElementById('cell-0-1').closest('details').open")
    count = int(browser.execute_script(f"return {cell}.innerText"))
    browser.execute_script(f"{cell}.click()")
    assert not closed
    browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 0))")
    assert browser.execute_script("return document.getElementById('cell-0-1').closest('details').open")
    listed = "return document.querySelectorAll('#cell-0-1 li').length"
    assert browser.execute_script(listed) == count - 1  # one file is missing: it is named, not shown
    assert "Not shown here: 0 <img" in browser.execute_script("return document.getElementById('cell-0-1').innerText")

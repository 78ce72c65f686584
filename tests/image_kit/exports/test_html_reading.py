"""The one-file classifier for everybody: keyboard, screen reader, both widths, light and dark, all names."""

import numpy as np
import pytest
from PIL import Image


def test_the_keyboard_is_enough_and_the_focus_stays(page, classifier, cat):
    from selenium.webdriver import ActionChains, Keys  # only where there is a browser

    page.open(classifier)
    page.run("""window.asked = 0;  // the dialog itself is the browser's
                files.addEventListener("click", event => { asked++; event.preventDefault(); });""")
    for key in (Keys.TAB, Keys.ENTER, Keys.SPACE):
        ActionChains(page.browser).send_keys(key).perform()
    assert page.run("return [asked, document.activeElement.id]") == [2, "choose"]
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.give(cat)
    assert page.run("return document.activeElement.id") == "choose"


def test_screen_readers_find_their_way(page, classifier, cat):
    page.open(classifier)
    page.give(cat)
    assert page.run("return spoken.getAttribute('aria-live')") == "polite"
    assert page.run("return note.role || document.getElementById('note').getAttribute('role')") == "status"
    for name in ("header", "main", "footer", "h1"):
        assert page.run("return document.querySelectorAll(arguments[0]).length", name) == 1
    nameless = "return [...document.querySelectorAll('button')].filter(each => !each.textContent.trim()).length"
    assert page.run(nameless) == 0
    assert page.run("return document.querySelector('label[for=progress]').textContent") == "Getting ready…"
    assert page.run("return document.documentElement.lang") == "en"


CONTRAST = """
const parts = text => text.match(/[\\d.]+/g).map(Number);
const light = text => { const [r, g, b] = parts(text).map(value => value / 255)
  .map(value => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b };
const behind = each => (parts(getComputedStyle(each).backgroundColor)[3] === 0 ? behind(each.parentElement)
  : getComputedStyle(each).backgroundColor);
return [...document.querySelectorAll('h1, h2, p, button, bdi, .share, summary, strong, label')]
  .filter(each => each.checkVisibility() && each.textContent.trim() && !each.classList.contains('away'))
  .map(each => [light(getComputedStyle(each).color), light(behind(each)), each.outerHTML.slice(0, 60)])
  .map(([ink, paper, what]) => [(Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05), what])
  .sort((a, b) => a[0] - b[0])[0];
"""


@pytest.mark.parametrize("state", ["none", "sure", "unlike", "refused", "wrong"])
def test_it_fits_and_can_be_read(page, with_trust, cat, tmp_path, state):
    """At both widths nothing is cut off, and no text has less than the 4.5 of contrast that WCAG 2 asks for."""
    path = with_trust(most_novelty=-1.0 if state == "unlike" else None)
    if state == "wrong":
        path.write_text(path.read_text(encoding="utf-8").replace('id="data">', 'id="data">AAAA'), encoding="utf-8")
    page.open(path, until=f"return {'!wrong' if state == 'wrong' else 'loading'}.hidden")
    (tmp_path / f"{'a_long_name_' * 15}.jpg").write_bytes(cat.read_bytes() if state != "refused" else b"x")
    if state not in ("none", "wrong"):
        page.give(*tmp_path.glob("a_long*.jpg"), *tmp_path.glob("a_long*.jpg"))
    for width in (360, 1280):
        for theme in ("light", "dark"):
            page.show(width, theme)
            assert page.run("return [innerWidth, document.documentElement.scrollWidth <= innerWidth]") == [width, True]
            contrast, what = page.run(CONTRAST)
            assert contrast >= 4.5, (width, theme, what)


def test_nothing_moves_for_those_who_asked_for_that(page, classifier):
    page.open(classifier)
    script = """document.getElementById("answers").append(new Card(new File([], "x"), true).element);
                document.getElementById("results").hidden = false;
                return getComputedStyle(document.querySelector(".working h2")).animationName"""
    assert page.run(script) == "breathe"
    page.show(**{"prefers-reduced-motion": "reduce"})
    assert page.run(script) == "none"


HOSTILE = ("</script><script>harm=1</script>", "<img src=x onerror=harm=1>", "\u202e" + "very_long_name_" * 14)


@pytest.mark.parametrize("rtl", [False, True])
def test_names_are_text(page, small_run, cat, tmp_path, rtl):
    names = ("قطة", "كلب", "ضفدع") if rtl else HOSTILE

    def rename(header):
        header["class_names"] = names
        header["trust"] |= {"most_nonconformity": 1.0, "most_novelty": None}

    page.open(small_run.write_page(tmp_path / "page.html", rename, class_names=names, title=names[0]))
    (card,) = page.give(cat)
    page.show(360)
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    for name in names:
        shown = name.replace("\u202e", "\\u202e")
        assert shown in card
        assert shown in page.run("return document.querySelector('.lede').innerText")
    assert page.run("return document.title") == names[0]
    assert page.run("return [window.harm === undefined, document.querySelectorAll('img, [onerror]').length]") == [
        True,
        0,
    ]
    # Each name is an island: the words and commas around it keep their places.
    isolated = "return [...document.querySelectorAll('.answer h2 bdi')].map(each => getComputedStyle(each).unicodeBidi)"
    assert page.run(isolated) == ["isolate"] * 3
    assert page.browser.get_log("browser") == []


def test_a_thousand_names(page, small_run, tmp_path):
    names = tuple(f"class {number}" for number in range(1000))
    page.open(small_run.write_page(tmp_path / "page.html", class_names=names))
    lede = page.run("return document.querySelector('.lede').innerText")
    assert lede.endswith("class 0, class 1, class 2, class 3, class 4, class 5 or one of 994 more.")
    assert page.run("return document.querySelectorAll('.classes li').length") == 1000
    words = page.run("""const probabilities = names => Array(1000).fill(0).map((_, i) => i === 7 ? 1 : 0);
        const card = new Card(new File([], "x"), true);
        const predictionSet = [7, ...Array(11).keys()];
        card.showAnswer({probabilities: probabilities(), predictionSet, isKnown: true});
        return [card.words.textContent, card.words.querySelectorAll('.bars li').length]""")
    assert "class 7, class 0, class 1, class 2, class 3 or one of 7 more" in words[0]
    assert words[1] == 5


def test_percentages_are_those_of_predict(page, classifier):
    page.open(classifier)
    drawn = np.random.default_rng(0).random(2000).astype(np.float32)
    values = [float(each) for each in [*drawn, *np.arange(65) / 64, 1e-9, 0.9999]]
    assert page.run("return arguments[0].map(percent)", values) == [f"{value:.1%}" for value in values]


def test_the_picture_is_shown_upright_and_small(page, classifier, tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6  # to be turned by 90 degrees clockwise
    Image.new("RGB", (2400, 1200), "red").save(tmp_path / "turned.jpg", exif=exif)
    page.open(classifier)
    page.give(tmp_path / "turned.jpg")
    size = page.run("const {width, height} = document.querySelector('.picture canvas'); return [width, height]")
    assert size == [500, 1000]

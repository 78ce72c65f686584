"""The one-file classifier in a browser from file:// without a network: what a person sees, in every state."""

import base64
import json
import struct
import zlib

import numpy as np
import pytest

PNG_HEADER = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_nothing_is_asked_of_any_network_and_the_console_is_silent(page, classifier, cat):
    page.open(classifier)
    page.give(cat, cat)
    messages = [json.loads(entry["message"])["message"] for entry in page.browser.get_log("performance")]
    asked = {
        each["params"]["request"]["url"].split(":")[0]
        for each in messages
        if each["method"] == "Network.requestWillBeSent"
    }
    assert asked <= {"file", "blob", "data"}
    assert page.run("return performance.getEntriesByType('resource').filter(e => !/^(blob|data):/.test(e.name))") == []
    assert page.browser.get_log("browser") == []


def test_the_policy_stops_what_a_stranger_adds(page, classifier):
    page.open(classifier)
    stopped = page.browser.execute_async_script("""
        const done = arguments[0], seen = [];
        document.addEventListener("securitypolicyviolation", event => seen.push(event.effectiveDirective));
        const add = (tag, values) => document.body.append(Object.assign(document.createElement(tag), values));
        add("script", {textContent: "window.harm = true"});
        add("div", {innerHTML: "<img src=x onerror='window.harm = true'>"});
        add("img", {src: "https://example.org/x.png"});
        add("style", {textContent: "body { display: none }"});
        // Later, as the driver's own scripts may use eval.
        setTimeout(() => { try { new Function("window.harm = true")(); } catch { seen.push("eval"); } });
        const end = () => done([seen, window.harm === undefined]);
        fetch("https://example.org").catch(() => setTimeout(end, 50));""")
    kinds, is_harmless = stopped
    assert is_harmless
    wanted = {"eval", "script-src-elem", "script-src-attr", "img-src", "style-src-elem", "connect-src"}
    assert wanted <= set(kinds)


def test_no_picture_yet(page, classifier, small_run):
    page.open(classifier)
    assert page.run("return document.querySelector('h1').innerText") == "my_animals"
    assert page.run("return document.querySelector('.lede').innerText") == (
        "Show it a picture, and it says what it sees: cats, dogs or frogs."
    )
    assert page.is_seen("choose")
    assert not page.is_seen("results")
    assert not page.is_seen("old")
    footer = page.run("return document.querySelector('footer').innerText")
    for words in ("stay on this device", "trained on 60 pictures", "of 60 pictures", "for about 95"):
        assert words in footer
    assert page.text("spoken") == "Ready. Choose a picture."
    # The text of the data, megabytes in a real page, is given back.
    assert page.run("return document.getElementById('data')") is None


def test_a_sure_answer(page, with_trust, cat):
    page.open(with_trust(most_nonconformity=0.0, most_novelty=None))
    (card,) = page.give(cat)
    answer = page.run("return told[0]")
    best = max(answer["probabilities"])
    assert np.argmax(answer["probabilities"]) == 0
    assert card.startswith(f"This looks like\n\ncats\n\nIt is {best:.1%} certain.")
    assert page.text("spoken").startswith(f"This looks like cats It is {best:.1%} certain.")
    shares = page.run("return [...document.querySelectorAll('.share')].map(each => each.innerText)")
    assert shares == [f"{each:.1%}" for each in sorted(answer["probabilities"], reverse=True)]
    assert page.run("return document.querySelector('.picture canvas').getAttribute('aria-label')").endswith("000.jpg")


def test_it_is_not_sure_between(page, with_trust, cat):
    page.open(with_trust(most_nonconformity=1.0, most_novelty=None))
    (card,) = page.give(cat)
    first, second, third = (("cats", "dogs", "frogs")[i] for i in page.run("return told[0].predictionSet"))
    assert f"It is not sure between\n\n{first}, {second} or {third}" in card
    assert f"The likeliest is {first}" in card


def test_unlike_what_it_was_shown(page, with_trust, cat):
    page.open(with_trust(most_novelty=-1.0))
    (card,) = page.give(cat)
    assert "This is unlike what it was shown\n\nNone of them\n\nIf it had to choose, it would say cats." in card


def test_without_calibration_the_most_probable_is_named(page, small_run, cat, tmp_path):
    def forget(header):
        header["trust"], header["facts"]["coverage"], header["golden"] = None, None, []

    page.open(small_run.write_page(tmp_path / "page.html", forget))
    (card,) = page.give(cat)
    assert "This looks like\n\ncats" in card
    assert not page.is_seen("coverage")


def test_pictures_that_cannot_be_read(page, classifier, cat, tmp_path):
    size = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    contents = {
        "heic.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "Apple's HEIC format"),
        "broken.jpg": (cat.read_bytes()[:300], "This picture is damaged"),
        "text.jpg": (b"not a picture", "not a picture that can be opened"),
        "empty.png": (b"", "This file is empty"),
        "large.png": (PNG_HEADER + png_chunk(b"IHDR", size), "This picture is too large"),
    }
    for name, (content, _) in contents.items():
        (tmp_path / name).write_bytes(content)
    page.open(classifier)
    cards = page.give(*(tmp_path / name for name in contents), cat)
    for card, (name, (_, words)) in zip(cards, contents.items(), strict=False):
        assert name in card
        assert words in card
    assert "cats" in cards[-1]
    assert "Most Compatible" in cards[0]
    assert "screenshot" in cards[0]
    assert page.browser.get_log("browser") == []


def test_several_at_once_are_answered_each(page, classifier, small_run):
    page.open(classifier)
    files = [small_run.photos / name / "001.jpg" for name in ("dogs", "cats", "frogs")]
    cards = page.give(*files)
    assert [card.splitlines()[0] for card in cards] == ["001.jpg"] * 3
    answers = page.run("return told.map(({probabilities: p}) => p.indexOf(Math.max(...p)))")
    assert answers == [1, 0, 2]


def test_a_hundred_pictures_are_the_most(page, classifier, cat):
    page.open(classifier)
    page.run("""const transfer = new DataTransfer();
                for (let i = 0; i < 120; i++) transfer.items.add(new File([], "x"));
                document.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));""")
    assert page.text("note") == "Only the first 100 of these 120 pictures are answered."
    page.wait("return told.length === 100")


def test_pictures_that_are_chosen_while_it_loads_are_answered(page, classifier, cat):
    page.open(classifier, until="return true")
    (card,) = page.give(cat)
    assert "cats" in card


@pytest.mark.parametrize(
    "event", ["new ClipboardEvent('paste', {clipboardData: it})", "new DragEvent('drop', {dataTransfer: it})"]
)
def test_pasted_and_dropped_pictures(page, classifier, cat, event):
    page.open(classifier)
    fill = "const it = new DataTransfer(); for (const each of arguments[0]) it.items.add("
    fill += "new File([Uint8Array.from(atob(each), letter => letter.charCodeAt(0))], 'cat.jpg'));"
    page.run(f"{fill} document.dispatchEvent({event})", [])
    assert "picture" in page.text("note")
    assert not page.is_seen("results")
    page.run(f"{fill} document.dispatchEvent({event})", [base64.b64encode(cat.read_bytes()).decode()])
    page.wait("return told.length === 1")
    assert "cats" in page.cards()[0]
    assert page.text("note") == ""


def damage(text):
    start = text.index('id="data">') + 600
    return text[:start] + ("AAAA" if text[start : start + 4] != "AAAA" else "BBBB") + text[start + 4 :]


def test_damaged_data_are_not_answered_with(page, small_run, cat, tmp_path):
    path = small_run.write_page(tmp_path / "page.html")
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    page.open(path, until="return !document.getElementById('wrong').hidden")
    assert not page.is_seen("chooser")


def test_a_failed_check_of_itself_refuses_everything(page, small_run, cat, tmp_path):
    def lie(header):
        header["golden"][0]["probabilities"] = header["golden"][0]["probabilities"][::-1]

    page.open(
        small_run.write_page(tmp_path / "page.html", lie), until="return !document.getElementById('wrong').hidden"
    )
    said = page.run("return document.getElementById('wrong').innerText")
    assert said.startswith("This page does not work correctly here")
    assert "golden picture 1" in said
    assert not page.is_seen("chooser")
    page.browser.find_element("id", "files").send_keys(str(cat))
    assert page.cards() == []


@pytest.mark.parametrize(
    "change",
    [
        "delete window.DecompressionStream",
        "delete window.OffscreenCanvas",
        "WebAssembly.validate = () => false",
        "delete window.WebAssembly",
        "delete Array.prototype.findLastIndex",
    ],
)
def test_a_browser_that_is_too_old_is_told_so(page, classifier, change):
    page.open(classifier, before=change, until="return document.readyState === 'complete'")
    assert page.is_seen("old")
    assert not page.is_seen("chooser")
    assert page.browser.get_log("browser") == []


def test_without_scripts_a_line_says_what_to_do(page, classifier):
    page.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.browser.get(classifier.as_uri())
        assert "open it in a browser" in page.browser.find_element("id", "old").text
    finally:
        page.cdp("Emulation.setScriptExecutionDisabled", value=False)

"""The proof of the one-file classifier: its answers in a browser of its own."""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from image_kit.answering import load_classifier
from image_kit.datasets import ImageSet
from image_kit.errors import UserError
from image_kit.exports.formats import FORMATS
from image_kit.exports.held_photos import RunPhotos
from image_kit.exports.html_answer import (
    answer,
    answer_in,
    missing_runtime,
    open_browser,
    read_temperature,
    uncalibrate,
)
from image_kit.exports.proof import Reference, prove


def test_the_page_answers_as_the_classifier(browser, small_run, tmp_path):
    """`browser` is not used: without Chromium, it skips this test as it does others."""
    classifier = load_classifier(small_run.source.path)
    images = np.random.default_rng(0).integers(0, 256, (60, *classifier.preprocessing.image_shape), np.uint8)
    images[1] //= 8
    page = small_run.write_page(tmp_path / "classifier.html")
    assert read_temperature(page) == pytest.approx(small_run.source.trust.calibration.temperature)
    found, expected = answer(page, images), classifier.uncalibrated(images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_calibration_is_undone():
    probabilities = np.array([[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3]])
    calibrated = np.exp(np.log(probabilities) / 1.7)
    calibrated /= calibrated.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(uncalibrate(calibrated, 1.7), probabilities, atol=1e-6)


def test_without_selenium_a_line_says_what_to_install(small_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "selenium", None)
    with pytest.raises(UserError, match=r"^needs selenium, .*pip install selenium"):
        answer(small_run.write_page(tmp_path / "page.html"), np.zeros((1, 16, 16, 3), np.uint8))


def test_without_chromium_a_line_says_what_to_install(small_run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="needs Chromium and its driver"):
        answer(small_run.write_page(tmp_path / "page.html"), np.zeros((1, 16, 16, 3), np.uint8))


def test_another_file_is_refused(tmp_path):
    (tmp_path / "page.html").write_text("<p>hello")
    with pytest.raises(UserError, match="is not a page that"):
        read_temperature(tmp_path / "page.html")


def test_a_page_that_is_wrong_gives_no_answers(browser, small_run, tmp_path):
    def lie(header):
        header["golden"][0]["probabilities"] = header["golden"][0]["probabilities"][::-1]

    with pytest.raises(UserError, match=r"refuses to answer.*golden picture 1"):
        answer_in(browser, small_run.write_page(tmp_path / "page.html", lie), np.zeros((1, 16, 16, 3), np.uint8))


@pytest.mark.parametrize(
    ("program", "missing"),
    [(None, "needs Chromium and its driver"), ("exit 127", "needs Chromium, which does not start here (")],
)
def test_without_a_browser_the_page_is_written_and_said_to_be_unproven(
    tmp_path, small_run, monkeypatch, program, missing
):
    for name in ("chromium", "chromedriver") if program else ():
        (tmp_path / name).write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / name).chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    chosen = FORMATS["html"]
    chosen.refuse_missing_packages()
    chosen.write(small_run.source, tmp_path / "a.html", None)
    classifier = load_classifier(small_run.source.path)
    images = np.zeros((1, *classifier.preprocessing.image_shape), np.uint8)
    photos = RunPhotos(ImageSet(images, np.zeros(1, int), ["a"]), images, "a photo", False)
    reference = Reference(classifier, photos, classifier.probabilities(images))
    proof = prove(chosen, tmp_path / "a.html", small_run.source, reference)
    assert (proof.n, proof.largest_difference, proof.accuracy) == (0, None, None)
    assert proof.sentence().startswith(f"not proven here, since that {missing}")
    assert proof.sentence().endswith("; it checks itself whenever it is used")


@pytest.mark.parametrize("letters", [0, 60], ids=["short", "too long for a socket"])
def test_the_browser_leaves_nothing_behind(monkeypatch, letters):
    """Chromium leaves the folder of its socket in the folder for temporary files each time that it is ended."""
    if missing := missing_runtime():
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(suffix="x" * letters) as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)

        def made():
            places = [Path("/tmp" if letters else folder), Path(folder)]
            return [path for place in places for path in place.glob(f".tmp-*-{os.getpid():x}-*/org.chromium*")]

        with open_browser() as browser:
            browser.get("about:blank")
            assert made()
        assert made() == os.listdir(folder) == []


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        (lambda browser: browser.service.process.kill(), r"Chromium has ended \(.*\); try again"),
        (lambda browser: browser.close(), r"Chromium has ended \(invalid session id\); try again"),
        (lambda browser: browser.get("chrome://crash"), r"Chromium has ended \(.*crash.*\); try again"),
        (lambda browser: browser.execute_script("throw Error('no x')"), r"the page failed \(javascript error: no x\)"),
        (lambda browser: browser.find_element("id", "x"), r"the page failed \(no such element: .*\)"),
    ],
    ids=["driver", "window", "tab", "script", "element"],
)
def test_a_browser_that_ends_and_a_page_that_fails_are_one_line(fail, said):
    if missing := missing_runtime():
        pytest.skip(missing)

    def end_it():
        with open_browser() as browser:
            fail(browser)
            browser.execute_script("return 1")

    with pytest.raises(UserError, match=f"^the proof of html: {said}$"):
        end_it()

"""The Pixabay client against a server on this machine that speaks the same protocol."""

import os
import time

import pytest

from image_kit.errors import UserError
from image_kit.photo_sets.pixabay import PixabayClient


def test_answers_older_than_a_day_are_asked_for_again(server, bring, tmp_path):
    server.totals["cars"] = 9
    bring("cars", 5)
    (cached,) = (tmp_path / "out" / ".cache").iterdir()
    for count, age, asked in ((6, 23.9, 1), (7, 24.1, 2)):
        then = time.time() - age * 3600
        os.utime(cached, (then, then))
        assert bring("cars", count).photos == count
        assert len(server.api) == asked


def test_a_damaged_cache_is_asked_for_again(server, bring, tmp_path):
    server.totals["cars"] = 2
    bring("cars", 1)
    (cached,) = (tmp_path / "out" / ".cache").iterdir()
    cached.write_text("{")
    assert bring("cars", 2).photos == 2
    assert len(server.api) == 2


def test_the_key_is_stored_nowhere(server, bring, tmp_path, tree):
    server.totals["cars"] = 2
    bring("cars", 2)
    for name, content in tree(tmp_path).items():
        assert "secret" not in name
        assert b"secret" not in content


def test_waits_when_no_request_remains(server, bring, slept):
    server.totals["cars"], server.remaining, server.reset_seconds = 400, 0, 10_000  # far more than the test takes
    bring("cars", 200)
    assert slept == []
    server.totals["elephants"] = 400
    bring("elephants", 250)
    assert len(slept) == 1, "before the second page only"
    assert 0 < slept[0] <= 10_000


def test_too_many_requests_waits_as_long_as_the_server_says(server, bring, slept):
    server.totals["cars"], server.failures["api"] = 2, [429, 429]
    assert bring("cars", 2).photos == 2
    assert slept == [7, 7]


def test_a_failing_server_is_tried_again_with_growing_pauses(server, bring, slept):
    server.totals["cars"] = 2
    server.failures = {"api": [500, 503], 1000: [502], 1001: [None, None]}
    assert bring("cars", 2).photos == 2
    assert slept == [1, 2, 1, 1, 2]


def test_a_photo_that_breaks_off_is_asked_for_again(server, bring, slept, tmp_path):
    server.totals["cars"], server.failures[1000] = 1, ["half", "half"]
    assert bring("cars", 1).photos == 1
    assert slept == [1, 2]
    assert (tmp_path / "out/cars/1000_640.jpg").read_bytes() == server.photo(1000)


def test_a_server_that_stays_down_is_one_error(server, bring, slept, tmp_path):
    server.totals["cars"], server.failures["api"] = 2, [500] * 9
    with pytest.raises(UserError, match=r"query 'cars': Pixabay refused: HTTP status 500; try again later"):
        bring("cars", 2)
    assert slept == [1, 2, 4]
    assert not (tmp_path / "out").exists()


def test_a_refused_key_is_not_tried_again_and_not_shown(server, bring, slept):
    with pytest.raises(UserError) as error:
        bring("cars", 2, key="wrong-secret")
    assert server.invalid_key in str(error.value)
    assert "--key" in str(error.value)
    assert "wrong-secret" not in str(error.value)
    assert (len(server.api), slept) == (1, [])


def test_an_address_that_is_not_a_web_address_is_not_opened(tmp_path):
    client = PixabayClient("key", tmp_path)
    with pytest.raises(Exception, match="not a valid http or https address"):
        client.fetch("file:///etc/passwd")

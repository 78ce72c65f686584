"""The photos of a query and their record, from a server on this machine; and the command."""

import csv
import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import pytest

from image_kit.errors import UserError
from image_kit.photo_sets.pixabay_photos import CSV_FIELDS, class_folder
from tests.conftest import ROOT
from tests.fixtures.disk_log import STRACE


def rows(output):
    with (output / "photos.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_brings_photos_and_records_their_authors(server, bring, tmp_path):
    server.totals["polar bear"] = 5
    brought = bring("polar bear", 3)
    assert (brought.class_name, brought.photos, brought.new, brought.left_out) == ("polar_bear", 3, 3, 0)
    folder = tmp_path / "out" / "polar_bear"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        f"{number}_640.jpg": server.photo(number) for number in (1000, 1001, 1002)
    }
    assert rows(tmp_path / "out") == [
        {
            "class": "polar_bear",
            "file": f"polar_bear/{number}_640.jpg",
            "page_url": f"https://pixabay.com/photos/{number}/",
            "author": f'Ann, "the {number}"',
            "source_id": str(number),
        }
        for number in (1000, 1001, 1002)
    ]
    (question,) = server.questions
    assert question == {
        "key": server.key,
        "q": "polar bear",
        "image_type": "photo",
        "safesearch": "true",
        "per_page": "200",
        "page": "1",
    }


def test_asks_for_pages_as_needed_and_never_beyond_500(server, bring):
    server.totals["cars"] = 9000
    assert bring("cars", 200).photos == 200
    assert server.api == [("cars", 1)]
    assert bring("cars", 201).new == 1
    assert server.api == [("cars", 1), ("cars", 2)]
    assert bring("cars", 500).photos == 500
    assert server.api == [("cars", 1), ("cars", 2), ("cars", 3)]
    assert max(Counter(server.photos).values()) == 1


def test_fewer_than_asked_are_said(server, bring, capsys):
    server.totals["cars"] = 4
    assert bring("cars", 10).photos == 4
    assert "query 'cars': Pixabay has only 4 of the 10 photos asked for" in capsys.readouterr().err
    assert bring("unicorn", 10).photos == 0
    assert "'unicorn': Pixabay has only 0" in capsys.readouterr().err


def test_a_second_run_asks_for_nothing(server, bring, tmp_path, tree):
    server.totals["cars"] = 5
    bring("cars", 5)
    before = tree(tmp_path)
    server.api.clear(), server.photos.clear()
    again = bring("cars", 5)
    assert (again.photos, again.new) == (5, 0)
    assert (server.api, server.photos) == ([], [])
    assert tree(tmp_path) == before


def test_broken_and_missing_photos_are_named_and_the_next_take_their_place(server, bring, tmp_path, capsys):
    server.totals["cars"] = 6
    server.bytes_of = {1000: b"no photo", 1001: server.photo(1)[:300], 1002: b""}
    server.failures = {1003: [404]}
    brought = bring("cars", 2)
    assert (brought.photos, brought.new, brought.left_out) == (2, 2, 4)
    assert sorted(path.name for path in (tmp_path / "out" / "cars").iterdir()) == ["1004_640.jpg", "1005_640.jpg"]
    assert [row["source_id"] for row in rows(tmp_path / "out")] == ["1004", "1005"]
    messages = capsys.readouterr().err
    assert "cars/1000_640.jpg: left out: not an image, or damaged" in messages
    for number in (1001, 1002):
        assert f"cars/{number}_640.jpg: left out: " in messages


def test_goes_on_after_a_broken_connection(server, bring, tmp_path, tree):
    server.totals["cars"] = 6
    server.failures[1003] = [None] * 4
    with pytest.raises(UserError, match=r"127\.0\.0\.1:\d+: no answer: .*; check the connection and run again"):
        bring("cars", 6)
    assert server.photos == [1000, 1001, 1002]
    assert [row["source_id"] for row in rows(tmp_path / "out")] == ["1000", "1001", "1002"]
    brought = bring("cars", 6)
    assert (brought.photos, brought.new) == (6, 3)
    assert server.photos == [1000, 1001, 1002, 1003, 1004, 1005]
    assert [row["source_id"] for row in rows(tmp_path / "out")] == [str(number) for number in range(1000, 1006)]
    assert len(server.api) == 1
    assert not [name for name in tree(tmp_path) if "tmp-" in name]


def test_a_photo_without_its_row_and_half_a_row_are_repaired(server, bring, tmp_path):
    """What a run leaves that is killed between the photo and its row, or within a row."""
    server.totals["cars"] = 3
    bring("cars", 3)
    record = tmp_path / "out" / "photos.csv"
    whole = record.read_text()
    record.write_text(whole[:-20])
    assert bring("cars", 3).new == 0
    assert record.read_text() == whole
    record.unlink()
    assert bring("cars", 3).new == 0
    assert record.read_text() == whole
    assert server.photos == [1000, 1001, 1002]


def test_a_photo_of_two_queries_stays_in_the_first_class(server, bring, tmp_path, capsys):
    """Otherwise `split` would find the same photo in two classes."""
    server.totals = {"cars": 3}
    bring("cars", 3)
    server.totals = {"vans": 5}  # the same ids
    brought = bring("vans", 2)
    assert (brought.photos, brought.left_out) == (2, 3)
    assert "vans/1000_640.jpg: left out: it is already a photo of class cars" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out" / "vans").iterdir()) == ["1003_640.jpg", "1004_640.jpg"]


def test_another_csv_is_not_overwritten(server, bring, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "photos.csv").write_text("name,price\n")
    with pytest.raises(UserError, match=f"photos.csv: its first line is not {','.join(CSV_FIELDS)}"):
        bring("cars", 1)
    assert (tmp_path / "out" / "photos.csv").read_text() == "name,price\n"


@pytest.mark.parametrize(
    ("query", "folder"),
    [
        ("cars", "cars"),
        ("polar bear", "polar_bear"),
        ("../../etc", "etc"),
        ("__pycache__", "pycache"),
        (".cache", "cache"),
        ("t-rex", "t-rex"),
        ("Käfer & Co.", "Käfer_Co"),
    ],
)
def test_the_query_names_a_folder(query, folder):
    assert class_folder(query) == folder


@pytest.mark.parametrize("query", ["", "  ", "...", "___", "x" * 101])
def test_a_query_without_a_name_is_refused(query):
    with pytest.raises(UserError, match="query"):
        class_folder(query)


# ---- the command ----


def test_the_command_brings_every_query_ready_for_split(server, prepare, tmp_path):
    server.totals = {"cars": 4, "polar bear": 3}
    out = tmp_path / "out"
    options = ["--output", out, "--base-url", server.url]
    done = prepare("pixabay", "cars", "polar bear", "--count", 3, *options, PIXABAY_KEY=server.key)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "cars: 3 photos, 3 new, 0 left out\npolar_bear: 3 photos, 3 new, 0 left out\n"
    assert server.key not in done.stderr
    done = prepare("split", out, "--output", tmp_path / "set", "--counts", 1, 1, 1)
    assert done.returncode == 0, done.stderr
    assert "6 copied" in done.stdout


def test_the_command_refuses(server, refused, tmp_path):
    server.totals["cars"], key = 4, server.key
    options = ["--output", tmp_path / "out", "--base-url", server.url]
    refused(["pixabay", "cars", *options], "PIXABAY_KEY", "--key")
    refused(["pixabay", "cars", "--key", "wrong", *options], "Invalid or missing API key", "--key")
    refused(["pixabay", "cars", "--key", key, "--count", 501, *options], "--count 501", "1 to 500")
    refused(["pixabay", "cars", "--key", key, "--count", 0, *options], "--count 0")
    refused(["pixabay", "a b", "A_b", "--key", key, *options], "'a b'", "'A_b'", "one class folder")
    refused(["pixabay", "...", "--key", key, *options], "'...'")
    refused(["pixabay", "cars", "--key", key, "--base-url", "pixabay.com"], "--base-url pixabay.com", "http")
    assert not (tmp_path / "out").exists()


def test_no_network_is_one_line_without_the_key(prepare, tmp_path):
    """Port 9 answers nothing; the real pauses, 7 seconds in all, are part of it."""
    done = prepare(
        "pixabay", "cars", "--key", "secret", "--output", tmp_path / "out", "--base-url", "http://127.0.0.1:9/"
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("prepare.py: error: 127.0.0.1:9: no answer: ")
    assert "secret" not in line
    assert not (tmp_path / "out").exists()


APPENDS = """
import sys
from pathlib import Path
from image_kit.photo_sets.pixabay_photos import Record
record = Record(Path(sys.argv[1]))
for number in ("1", "2"):
    record.add("cars", f"{number}_640.jpg", {"id": number, "pageURL": "", "user": "Ann"})
    sys.stdout.write(number)
    sys.stdout.flush()
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_a_row_is_on_the_disk_before_the_next_photo_is_asked_for(tmp_path):
    record, log = tmp_path / "photos.csv", tmp_path / "log"
    command = [*STRACE, "-o", str(log), sys.executable, "-c", APPENDS, str(record)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    found = re.findall(r"(write|fsync)\((\d+)<([^>]*)>", log.read_text())
    calls = [(call, path) for call, number, path in found if path.startswith(str(tmp_path)) or number == "1"]
    row, folder = [("write", str(record)), ("fsync", str(record))], [("fsync", str(tmp_path))]
    (_, out), (_, again) = [each for each in calls if each[1] not in (str(record), str(tmp_path))]
    assert calls == [*row, *folder, ("write", out), *row, ("write", again)]

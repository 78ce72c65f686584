"""From what a user points at to photos: files, folders, patterns, pipes."""

import io
import os
import sys
from pathlib import Path

import pytest

from image_kit.photos import sources as photo_sources
from image_kit.photos.sources import PhotoSource, find_photos


def file(path: str) -> PhotoSource:
    return PhotoSource(path, Path(path))


@pytest.fixture
def here(tmp_path, photo, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.jpg", "a.png", "deep/er/c.jpg", "deep/.hidden/d.jpg", "odd[1].jpg", "-"):
        photo(tmp_path / name, **({"format": "PNG"} if name == "-" else {}))
    (tmp_path / "deep/notes.txt").write_text("no photo")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_files_folders_and_patterns_in_their_order(here):
    found = find_photos(["b.jpg", "deep", "*.[jp][pn]g", "b.jpg"])
    assert found == [file(path) for path in ("b.jpg", "deep/er/c.jpg", "a.png", "b.jpg", "odd[1].jpg", "b.jpg")]


def test_a_pattern_may_go_deep_and_may_mean_folders(here):
    assert find_photos(["**/c.*"]) == [file("deep/er/c.jpg")]
    assert find_photos(["d*"]) == [file("deep/er/c.jpg")]


def test_a_pattern_gives_no_photo_twice(here):
    assert find_photos(["deep/**"]) == [file("deep/er/c.jpg")]
    assert find_photos(["de*/**/c.jpg", "deep/er"]) == [file("deep/er/c.jpg")] * 2  # each argument for itself


def test_a_pattern_means_its_photos_and_other_files_only_where_there_are_none(here):
    assert find_photos(["deep/*"]) == find_photos(["[de]*"]) == [file("deep/er/c.jpg")]
    assert find_photos(["deep/*.txt"]) == [file("deep/notes.txt")]
    assert find_photos(["e*"]) == [PhotoSource("empty", error="contains no photo")]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(here):
    assert find_photos(["odd[1].jpg"]) == [file("odd[1].jpg")]


def test_any_file_that_is_named_is_tried(here):
    assert find_photos(["deep/notes.txt", "none.jpg", "./-"]) == [
        file(p) for p in ("deep/notes.txt", "none.jpg", "./-")
    ]


def test_nothing_found_is_an_error_of_its_own(here):
    assert find_photos(["x*.jpg", "empty"]) == [
        PhotoSource("x*.jpg", error="matches no file"),
        PhotoSource("empty", error="contains no photo"),
    ]


@pytest.fixture
def without_roots_rights(here):
    """Root may read every folder, so a test as root runs as nobody."""
    root = os.geteuid() == 0
    here.chmod(0o755)
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other rights")
def test_a_folder_that_may_not_be_read_is_an_error_and_the_others_count(here, request):
    (here / "deep/er").chmod(0)
    request.getfixturevalue("without_roots_rights")
    refused, other = find_photos(["deep", "b.jpg"])
    assert refused == PhotoSource(
        "deep",
        error="deep/er: cannot be read (Permission denied); make it readable, or move it out of the folder",
    )
    assert other == file("b.jpg")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other rights")
@pytest.mark.parametrize("pattern", ["**/*.jpg", "*/*/*.jpg"])
def test_a_folder_that_a_pattern_cannot_look_into_is_named(here, request, pattern):
    (here / "deep/er").chmod(0)
    request.getfixturevalue("without_roots_rights")
    *others, refused = find_photos([pattern])
    assert refused.name == "deep/er"
    assert refused.error.startswith("Permission denied; ")
    assert others == ([file("b.jpg"), file("odd[1].jpg")] if pattern == "**/*.jpg" else [])


def test_a_list_on_standard_input_means_what_its_lines_mean(here):
    text = "b.jpg\n\ndeep\r\nnone.jpg\n*.png\n"
    found = find_photos(["a.png", "-"], io.BytesIO(text.encode()))
    assert found == [file(path) for path in ("a.png", "b.jpg", "deep/er/c.jpg", "none.jpg", "a.png")]


def test_zero_bytes_separate_a_list_too(here):
    (here / "two\nlines.jpg").touch()
    names = ["none.jpg", "b.jpg", "two\nlines.jpg"]
    for end in (b"\0", b"\0\n"):
        found = find_photos(["-"], io.BytesIO(b"none.jpg\0b.jpg\0two\nlines.jpg" + end))
        assert found == [file(name) for name in names]
    assert find_photos(["-"], io.BytesIO(b"*.png\0deep\0")) == [file("a.png"), file("deep/er/c.jpg")]


def test_in_a_list_a_dash_is_a_file(here):
    assert find_photos(["-"], io.BytesIO(b"-\n")) == [file("-")]


def test_names_that_are_not_text_survive_a_list(here):
    name = os.fsdecode(b"caf\xe9.jpg")
    assert find_photos(["-"], io.BytesIO(b"caf\xe9.jpg\n")) == [file(name)]


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0c", "\x1c"])
def test_a_list_is_split_at_line_ends_only(mark):
    names = [f"a{mark}b.jpg", "c.jpg"]
    assert find_photos(["-"], io.BytesIO("\r\n".join(names).encode())) == [file(name) for name in names]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".bmp", ".webp", ".tiff", ".ppm"])
def test_an_image_on_standard_input_is_recognised_by_its_content(tmp_path, photo, suffix):
    content = photo(tmp_path / f"a{suffix}").read_bytes()
    assert find_photos(["-"], io.BytesIO(content)) == [PhotoSource("-", content)]


@pytest.mark.parametrize("content", [b"\xff\0\n\0", b".\0-\0", b"\xff\xd8\xff\x10\0b.jpg\0", b"gone.jpg\0"])
def test_binary_data_that_is_not_an_image_is_not_taken_for_names(here, content):
    assert find_photos(["-"], io.BytesIO(content)) == [PhotoSource("-", content)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("form", ["{}\r\n", '"{}"\n', "'{}'\r\n", "  {}  \n"])
def test_a_list_in_any_form_on_standard_input(tmp_path, encoding, form):
    names = [str(tmp_path / name) for name in ("é 1.jpg", "b.png", "it's.jpg")]
    for name in names:
        Path(name).touch()
    listed = "".join(map(form.format, names)).encode(encoding)
    assert [source.name for source in find_photos(["-"], io.BytesIO(listed))] == names


@pytest.mark.skipif(sys.platform == "darwin", reason="both forms are one file there")
def test_a_list_with_accents_in_another_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("k\u00e4fer.jpg", "vo\u0308gel.jpg"):
        (tmp_path / name).touch()
    listed = "ka\u0308fer.jpg\n'v\u00f6gel.jpg'\ngro\u00df.jpg\n".encode()
    names = ["k\u00e4fer.jpg", "vo\u0308gel.jpg", "gro\u00df.jpg"]
    assert [source.name for source in find_photos(["-"], io.BytesIO(listed))] == names


def test_a_name_with_quotes_or_spaces_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('"a.jpg"', "a.jpg", " b.jpg "):
        (tmp_path / name).touch()
    listed = b'"a.jpg"\n b.jpg \n"gone.jpg"\n'
    assert [source.name for source in find_photos(["-"], io.BytesIO(listed))] == ['"a.jpg"', " b.jpg ", '"gone.jpg"']


@pytest.mark.parametrize("stdin", [None, io.BytesIO(b""), io.BytesIO(b"\n\n")])
def test_nothing_on_standard_input_is_reported(stdin):
    (source,) = find_photos(["-"], stdin)
    assert source.error == "standard input is empty; pipe an image's bytes or a list of paths into it"


def test_standard_input_is_bounded(monkeypatch):
    monkeypatch.setattr(photo_sources, "MAX_STDIN", 10)
    assert find_photos(["-"], io.BytesIO(b"123456789a"))[0].error is None
    assert find_photos(["-"], io.BytesIO(b"123456789ab"))[0].error == "standard input has more than 10 bytes"


def test_folders_before_a_pattern_may_have_brackets(tmp_path, photo, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo(Path("trip [2024]/a*b/1.jpg"))
    photo(Path("trip 2/1.jpg"))
    for start in ("", f"{tmp_path}/"):
        for pattern in ("trip [2024]/a*b/*.jpg", "trip [2024]/*/1.jpg", "trip [2024]/**/*.jpg"):
            assert [each.name for each in find_photos([start + pattern])] == [f"{start}trip [2024]/a*b/1.jpg"]
    assert [each.name for each in find_photos(["trip [23]/*.jpg"])] == ["trip 2/1.jpg"]

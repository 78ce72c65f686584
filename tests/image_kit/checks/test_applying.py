import os
import shutil
import sys

import pytest
from PIL import Image

from image_kit.checks.applying import Cleaned, apply_findings
from image_kit.checks.findings_file import Accepted
from image_kit.errors import UserError

FILES = ("cats/1.jpg", "cats/old/2.jpg", "dogs/1.jpg", "dogs/3.jpg")


@pytest.fixture
def folder(tmp_path):
    """Files with a photo's name; their content says where they were."""
    for file in FILES:
        for part in ("plain", "parts/train", "parts/test"):
            path = tmp_path / part / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file, encoding="utf-8")
    return tmp_path / "plain"


def accepted(*dropped, **moved):
    return Accepted(frozenset(dropped), dict(moved), 0)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_photos_are_dropped_and_moved_and_the_folder_stays(folder, tmp_path):
    before = contents(folder)
    done = apply_findings(accepted("dogs/3.jpg", **{"cats/1.jpg": "dogs"}), folder, tmp_path / "new")
    assert done == Cleaned(copied=3, moved=1, dropped=1)
    assert contents(tmp_path / "new") == {
        "cats/old/2.jpg": "cats/old/2.jpg",
        "dogs/1.jpg": "dogs/1.jpg",  # the photo that was there keeps its name
        "dogs/1-1.jpg": "cats/1.jpg",
    }
    assert contents(folder) == before


def test_a_photo_stays_in_its_part(folder, tmp_path):
    parts = tmp_path / "parts"
    apply_findings(accepted(**{"test/cats/old/2.jpg": "dogs"}), parts, tmp_path / "new")
    found = contents(tmp_path / "new")
    assert found["test/dogs/old/2.jpg"] == found["train/cats/old/2.jpg"] == "cats/old/2.jpg"
    assert len(found) == len(contents(parts))


def test_a_photo_moves_in_a_folder_that_lies_deeper(folder, tmp_path):
    (tmp_path / "parts").rename(folder / "parts")
    for name in ("cats", "dogs"):
        shutil.rmtree(folder / name)
    apply_findings(accepted(**{"parts/test/cats/old/2.jpg": "dogs"}), folder, tmp_path / "new")
    found = contents(tmp_path / "new")
    assert found["parts/test/dogs/old/2.jpg"] == "cats/old/2.jpg"
    assert len(found) == len(FILES) * 2


@pytest.mark.parametrize(
    ("wanted", "output", "message"),
    [
        (accepted(), "plain", "exists and is never overwritten"),
        (accepted(), "plain/new", "must be outside"),
        (accepted("cats/9.jpg"), "new", "cats/9.jpg: is not in"),
        (accepted(**{"../x.jpg": "dogs"}), "new", "../x.jpg: is not in"),
        (accepted(**{"cats/1.jpg": "../dogs"}), "new", "cannot move to '../dogs', which is no class"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(folder, tmp_path, wanted, output, message):
    before = contents(tmp_path)
    with pytest.raises(UserError) as error:
        apply_findings(wanted, folder, tmp_path / output)
    assert message in str(error.value)
    assert contents(tmp_path) == before


@pytest.mark.skipif(sys.platform == "win32", reason="pipes in folders and links without rights are those of POSIX")
def test_links_are_copied_as_photos_and_nothing_private_or_endless_is(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    Image.new("RGB", (8, 8)).save(outside / "photo.png")
    (outside / "secret").write_text("password", encoding="utf-8")
    (outside / "secret.jpg").write_text("password", encoding="utf-8")
    links = {"linked.png": "photo.png", "key.jpg": "secret", "gone.jpg": "gone"}
    for name, target in links.items():
        (folder / "cats" / name).symlink_to(outside / target)
    (folder / "cats/zero.jpg").symlink_to("/dev/zero")
    (folder / "cats/inside.jpg").symlink_to(folder / "dogs/1.jpg")
    (folder / "dogs/far").symlink_to(outside)
    os.mkfifo(folder / "dogs/pipe.jpg")
    os.link(folder / "dogs/1.jpg", folder / "dogs/hard.jpg")
    done = apply_findings(accepted(**{"cats/key.jpg": "dogs", "cats/linked.png": "dogs"}), folder, tmp_path / "new")
    found = {path.relative_to(tmp_path / "new").as_posix() for path in (tmp_path / "new").rglob("*.*")}
    photos = {"cats/inside.jpg", "dogs/linked.png", "dogs/far/photo.png", "dogs/hard.jpg", *FILES}
    assert found == photos
    assert not any(
        path.is_symlink() or "password" in path.read_text("latin-1")
        for path in map(tmp_path.joinpath("new").joinpath, found)
    )
    left_out = ("cats/gone.jpg", "cats/key.jpg", "cats/zero.jpg", "dogs/far/secret.jpg", "dogs/pipe.jpg")
    assert done == Cleaned(copied=len(photos), moved=1, dropped=0, left_out=left_out)
    (tmp_path / "new/dogs/hard.jpg").write_text("changed", encoding="utf-8")
    assert (folder / "dogs/1.jpg").read_text(encoding="utf-8") == "dogs/1.jpg"


@pytest.mark.skipif(sys.platform == "darwin", reason="these are one name there")
@pytest.mark.parametrize("action", [{"dropped": ["cats/\xe9.jpg"]}, {"moved": {"cats/\xe9.jpg": "dogs"}}])
def test_a_row_that_means_two_photos_is_refused(folder, tmp_path, action):
    """Both would be dropped, also where each is the only copy of the other."""
    for name in ("\xe9.jpg", "e\u0301.jpg"):
        (folder / "cats" / name).write_text(name, encoding="utf-8")
    row = accepted(*action.get("dropped", ()), **action.get("moved", {}))
    with pytest.raises(UserError, match=r"'cats/e\\u0301\.jpg' and 'cats/\\xe9\.jpg' are one name in a table; rename"):
        apply_findings(row, folder, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert apply_findings(accepted("dogs/3.jpg"), folder, tmp_path / "new").copied == 5

"""A run of a head that is not complete, whose groups or backbone have moved: found by --resume, and told by content."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.fixtures.heads import bytes_of

BACKBONE = "kept/net.weights.h5"
RUN = "runs/cut"


@pytest.fixture
def cut(tmp_path, coloured_photos, heads, fit_here):
    """tmp_path, with the run "cut" that was killed just before its end, and its results as they ought to be."""
    coloured_photos(tmp_path / "photos", {"cats": 8, "dogs": 8})
    rows = [f"{name}/{number:03}.jpg,{name}{number // 2}" for name in ("cats", "dogs") for number in range(8)]
    (tmp_path / "shops.csv").write_text("\n".join(["file,group", *rows, ""]))
    (tmp_path / "kept").mkdir()
    shutil.copy(heads[0] / "runs/first/best.weights.h5", tmp_path / BACKBONE)
    status, _, err = fit_here(tmp_path, "photos", "--groups", "shops.csv", "--backbone", BACKBONE, "--run", "cut")
    assert status == 0, err
    (tmp_path / RUN / "metrics.json").unlink()
    return tmp_path, bytes_of(tmp_path / RUN)


@pytest.mark.slow
def test_groups_and_backbone_are_found_elsewhere_and_others_refused(cut, fit_here, refused_here):
    folder, whole = cut
    settings = (folder / RUN / "settings.json").read_bytes()
    other = folder / "other.csv"
    other.write_text((folder / "shops.csv").read_text().replace("cats3", "cats2"))
    message = f"--groups: does not say the same groups as the file that {RUN} began with; give that one, or start"
    refused_here(folder, message, "--resume", RUN, "--groups", other)
    message = f"--backbone: is another network than the one that {RUN} began with; give that one, or start a new run"
    refused_here(folder, message, "--resume", RUN, "--backbone", "lite0")
    (folder / "elsewhere").mkdir()
    groups = folder / "elsewhere/groups of shops.csv"
    header, *rows = (folder / "shops.csv").read_text().splitlines()
    groups.write_text("\r\n".join([header, *rows[::-1]]))  # saved again by another program: the same groups
    (folder / "shops.csv").unlink()
    advice = f"no such file; give the place where that of {RUN} is now: python train.py --resume {RUN}"
    refused_here(folder, f"--groups {folder}/shops.csv: {advice} --groups FILE", "--resume", RUN)
    (folder / BACKBONE).rename(folder / "elsewhere/net.weights.h5")
    where = ("--resume", RUN, "--groups", groups)
    refused_here(folder, f"--backbone {folder}/{BACKBONE}: {advice} --backbone FILE", *where)
    assert bytes_of(folder / RUN) == whole
    assert (folder / RUN / "settings.json").read_bytes() == settings  # another place is not kept
    # From another working folder, too.
    (folder / "elsewhere/runs").symlink_to(folder / "runs")
    status, _, err = fit_here(folder / "elsewhere", *where, "--backbone", "net.weights.h5")
    assert status == 0, err
    again = bytes_of(folder / RUN)
    again["answers.csv"] = again["answers.csv"].replace(f"{folder}/".encode(), b"")  # paths as seen from there
    assert again == whole
    settings = json.loads((folder / RUN / "settings.json").read_text())  # the new one is
    assert settings["groups"] == str(groups)
    assert settings["recipe"]["backbone"] == f"{folder}/elsewhere/net.weights.h5"


@pytest.mark.slow
def test_a_run_that_has_none_is_given_none(heads, tmp_path, refused_here):
    (tmp_path / "runs/head").mkdir(parents=True)
    settings = json.loads((heads[0] / "runs/first/settings.json").read_text())
    (tmp_path / "runs/head/settings.json").write_text(json.dumps(settings))
    (tmp_path / "a.csv").touch()
    resume = ("--resume", "runs/head", "--groups", "a.csv")
    refused_here(tmp_path, "--groups: runs/head began without groups; leave it out, or start a new run", *resume)
    settings["recipe"]["backbone"] = ""
    (tmp_path / "runs/head/settings.json").write_text(json.dumps(settings))
    refused_here(tmp_path, "--groups: is for the preset pretrained", *resume)


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="pipes have no names here")
def test_groups_may_come_from_a_pipe(tmp_path, coloured_photos, fit_here):
    """As a shell's <(command) gives them: its name leads nowhere once it is resolved."""
    coloured_photos(tmp_path / "photos", {"cats": 4, "dogs": 4})
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as table:
        table.writelines(f"{name}/{number:03}.jpg,{number % 2}\n" for name in ("cats", "dogs") for number in range(4))
    status, _, err = fit_here(tmp_path, "photos", "--groups", f"/dev/fd/{reading}")
    os.close(reading)
    assert (status, "groups: 2;" in err) == (0, True), err

"""check.py as a user runs it: what it prints, what it leaves, how a cleaned copy comes about, and what it refuses."""

import csv
import json
import shutil

import pytest

from image_kit.checks.summary import MOST_LINES


@pytest.fixture(scope="module")
def pets(tmp_path_factory, coloured_photos):
    """photos/: 12 cats, 12 dogs; cats/000.jpg is among the dogs too, cats/001.jpg twice, dogs/bad.jpg is no photo."""
    folder = tmp_path_factory.mktemp("check")
    coloured_photos(folder / "photos", {"cats": 12, "dogs": 12})
    shutil.copy(folder / "photos/cats/000.jpg", folder / "photos/dogs/x.jpg")
    shutil.copy(folder / "photos/cats/001.jpg", folder / "photos/cats/y.jpg")
    (folder / "photos/dogs/bad.jpg").write_bytes(b"no photo")
    return folder


@pytest.fixture(scope="module")
def checked(pets, run_command):
    """The completed process of a check of the pets; its results are in checks/photos-1/."""
    return run_command(pets, "check.py", "photos")


def read_rows(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_a_check_prints_a_screen_and_leaves_its_files(pets, checked):
    assert checked.returncode == 1, checked.stderr
    lines = checked.stdout.splitlines()
    assert len(lines) <= MOST_LINES
    assert lines[0].startswith("photos: 26 photos of 2 classes; a classifier names ")
    assert "tensorflow" not in checked.stderr.lower()
    assert checked.stderr.splitlines()[-1] == "All findings, and a report with the photos, are in checks/photos-1/"
    left = {path.name for path in (pets / "checks/photos-1").iterdir()}
    assert left == {"findings.csv", "check.json", "report.html", "groups.csv"}
    found = {(row["finding"], row["file"]) for row in read_rows(pets / "checks/photos-1/findings.csv")}
    assert ("unreadable", "dogs/bad.jpg") in found
    assert ("copy", "cats/y.jpg") in found or ("copy", "cats/001.jpg") in found
    assert {file for kind, file in found if kind == "contradiction"} <= {"cats/000.jpg", "dogs/x.jpg"}
    assert "contradiction" in {kind for kind, _ in found}


def test_accuracy_stands_beside_the_share_of_the_largest_class(tmp_path, coloured_photos, run_command):
    coloured_photos(tmp_path / "photos", {"cats": 60, "dogs": 3})
    line, *_ = run_command(tmp_path, "check.py", "photos").stdout.splitlines()
    assert line.startswith("photos: 63 photos of 2 classes; a classifier names ")
    assert line.endswith("; always answering cats is 95.2 % correct")


def test_what_is_accepted_makes_a_copy_in_which_it_is_not_found_again(pets, checked, run_command):
    table = pets / "checks/photos-1/findings.csv"
    rows = read_rows(table)
    wanted = {"unreadable", "copy", "contradiction"}
    with open(pets / "accepted.csv", "w", newline="", encoding="utf-16") as file:  # as a spreadsheet may save it
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(("accept", "file", "action"))
        writer.writerows(("yes" if row["finding"] in wanted else "", row["file"], row["action"]) for row in rows)
    apply = ("data/prepare.py", "apply", "accepted.csv", "--photos", "photos", "--output", "clean")
    assert run_command(pets, *apply).returncode == 0
    again = run_command(pets, "check.py", "clean", "--json", "--groups", pets / "groups.csv")
    assert again.returncode == 2  # there is no such file yet
    files = sorted(path.relative_to(pets / "clean").as_posix() for path in (pets / "clean").rglob("*.jpg"))
    assert len(files) == 24
    (pets / "groups.csv").write_text("".join(f"{file},{number}\n" for number, file in enumerate(files)))
    again = run_command(pets, "check.py", "clean", "--json", "--groups", pets / "groups.csv", "--output", "out")
    result = json.loads(again.stdout)
    assert result == json.loads((pets / "out/check.json").read_text(encoding="utf-8"))
    assert (result["photos"], result["classes"], result["unreadable"]) == (24, {"cats": 12, "dogs": 12}, {})
    assert not wanted & set(result["counts"])
    assert again.returncode == any(each["severity"] != "low" for each in result["findings"])


def test_the_groups_file_of_a_check_is_what_train_takes(pets, checked, run_command):
    shutil.copytree(pets / "photos", pets / "same")
    (pets / "same/dogs/x.jpg").unlink()  # the photo with two labels, which train.py would leave out
    text = (pets / "checks/photos-1/groups.csv").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("dogs/x.jpg,")]
    (pets / "same.csv").write_text("\n".join(kept), encoding="utf-8")
    trained = run_command(pets, "train.py", "same", "--groups", "same.csv")
    assert trained.returncode == 0, trained.stderr
    assert "groups: " in trained.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "none: no such folder; give a folder of photos"),
        (["photos/cats"], "photos/cats: has no photo in any class folder"),
        (["photos", "--output", "photos"], "--output: photos exists and is never overwritten; choose another name"),
        (["photos", "--backbone", "vgg"], "--backbone: must be lite0, lite1, lite2, the path of a"),
        (["broken"], "broken: none of its 2 photos can be read, such as broken/a/0.jpg (not an image, or damaged)"),
    ],
)
def test_what_cannot_be_checked_gets_one_line_and_leaves_nothing(pets, run_command, arguments, message):
    for name in "ab":
        (pets / "broken" / name).mkdir(parents=True, exist_ok=True)
        (pets / "broken" / name / "0.jpg").write_bytes(b"no photo")
    before = sorted(pets.rglob("*"))
    done = run_command(pets, "check.py", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"check.py: error: {message}" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(pets.rglob("*")) == before


def test_a_wrong_groups_file_does_not_wait_for_features(pets, run_command):
    options = ("photos", "--groups", "none.csv")
    done = run_command(pets, "check.py", *options, IMAGE_CLASSIFICATION_KIT_CACHE=str(pets / "cache"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("check.py: error: none.csv: cannot be read (No such file or directory)")
    assert not (pets / "cache").exists()

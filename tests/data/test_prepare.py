"""`demo` and `split` as a user runs them: their results, their refusals."""

import json
import os
import shutil

import pytest


@pytest.fixture
def source(tmp_path, draw_photo):
    """Class folders cars and elephants with 10 different photos each, in sub-folders too."""
    for number in range(10):
        draw_photo(tmp_path / "source" / "cars" / f"{number}.png", number)
        draw_photo(tmp_path / "source" / "elephants" / ("calves" if number < 4 else "") / f"{number}.png", 100 + number)
    return tmp_path / "source"


def test_help_shows_examples(prepare):
    for command in ([], ["demo"], ["split"], ["apply"], ["pixabay"]):
        done = prepare(*command, "--help")
        assert done.returncode == 0
        assert "examples:\n  python data/prepare.py" in done.stdout


def test_demo_draws_what_is_asked(prepare, tmp_path, tree):
    done = prepare("demo", "--output", tmp_path / "demo", "--per-class", 2, 1, 0, "--seed", 3)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'demo'}: 6 pictures\n")
    assert sorted(tree(tmp_path / "demo")) == [
        "train/cars/0000.jpg",
        "train/cars/0001.jpg",
        "train/elephants/0000.jpg",
        "train/elephants/0001.jpg",
        "validation/cars/0000.jpg",
        "validation/elephants/0000.jpg",
    ]


def test_demo_refuses(refused, tmp_path, tree):
    (tmp_path / "demo").mkdir()
    few = ("--per-class", 1, 1, 1)
    refused(["demo", "--output", tmp_path / "demo", *few], tmp_path / "demo", "already exists")
    refused(["demo", "--output", tmp_path / "new", "--seed", -1, *few], "--seed -1", "must not be negative")
    refused(["demo", "--output", tmp_path / "new", "--per-class", 0, 1, 1], "--per-class 0 1 1", "at least 1")
    refused(["demo", "--output", "/dev/null/demo", *few], "/dev/null/demo", "cannot be written")
    assert tree(tmp_path) == {}


def test_split_prints_and_copies_the_counts(prepare, source, tmp_path, tree):
    before = tree(source)
    done = prepare("split", source, "--output", tmp_path / "set", "--counts", 5, 2, 3)
    assert done.returncode == 0, done.stderr
    *table, last = done.stdout.splitlines()
    assert [line.split() for line in table] == [
        ["class", "train", "validation", "test"],
        ["cars", "5", "2", "3"],
        ["elephants", "5", "2", "3"],
        ["total", "10", "4", "6"],
    ]
    assert last == "20 copied, 0 there already; left out: 0 duplicates, 0 unreadable"
    copies = tree(tmp_path / "set")
    assert tree(source) == before
    assert sorted(copies.values()) == sorted(before.values())
    assert {name.rsplit("/", 1)[0] for name in copies} == {
        f"{part}/{name}" for part in ("train", "validation", "test") for name in ("cars", "elephants")
    }


def test_split_keeps_the_time_of_a_photo(prepare, source, tmp_path):
    os.utime(source / "cars" / "0.png", (1_000_000_000, 1_000_000_000))
    assert prepare("split", source, "--output", tmp_path / "set").returncode == 0
    (copy,) = (tmp_path / "set").glob("*/cars/0.png")
    assert copy.stat().st_mtime == 1_000_000_000


def test_json_says_what_was_left_out_and_stderr_names_the_unreadable(prepare, source, tmp_path):
    shutil.copy(source / "cars" / "3.png", source / "cars" / "copy of 3.png")
    (source / "cars" / "broken.jpg").write_bytes(b"no photo")
    whole = (source / "elephants" / "9.png").read_bytes()
    (source / "elephants" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (source / "elephants" / "notes.txt").write_text("no photo, and none by name")
    done = prepare("split", source, "--output", tmp_path / "set", "--fractions", 0.6, 0.2, 0.2, "--json")
    assert done.returncode == 0
    sizes = {"train": 6, "validation": 2, "test": 2}
    assert json.loads(done.stdout) == {
        "counts": {"cars": sizes, "elephants": sizes},
        "copied": 20,
        "present": 0,
        "duplicates": 1,
        "unreadable": 2,
    }
    broken, cut = done.stderr.splitlines()
    assert broken == f"{source / 'cars' / 'broken.jpg'}: left out: not an image, or damaged"
    assert cut.startswith(f"{source / 'elephants' / 'cut.png'}: left out: ")


def test_a_second_run_copies_only_what_is_missing(prepare, source, tmp_path, tree):
    arguments = ("split", source, "--output", tmp_path / "set", "--counts", 5, 2, 3, "--json")
    assert prepare(*arguments).returncode == 0
    first = tree(tmp_path / "set")
    report = json.loads(prepare(*arguments).stdout)
    assert (report["copied"], report["present"]) == (0, 20)
    lost = sorted(first)[:7]
    for name in lost:
        (tmp_path / "set" / name).unlink()
    report = json.loads(prepare(*arguments).stdout)
    assert (report["copied"], report["present"]) == (7, 13)
    assert tree(tmp_path / "set") == first


def test_a_class_may_be_added_to_a_split(prepare, source, tmp_path, draw_photo, tree):
    arguments = ("split", source, "--output", tmp_path / "set", "--counts", 5, 2, 3)
    prepare(*arguments)
    before = tree(tmp_path / "set")
    for number in range(10):
        draw_photo(source / "tigers" / f"{number}.png", 200 + number)
    assert prepare(*arguments).returncode == 0
    after = tree(tmp_path / "set")
    assert before.items() < after.items()
    assert len(after) == 30


def test_photos_with_equal_names_are_all_copied(prepare, tmp_path, draw_photo, tree):
    for seed in range(4):
        draw_photo(tmp_path / "source" / "cars" / str(seed) / "photo.png", seed)
        draw_photo(tmp_path / "source" / "elephants" / f"{seed}.PNG", 10 + seed)
    arguments = ("split", tmp_path / "source", "--output", tmp_path / "set", "--counts", 4, 0, 0)
    assert prepare(*arguments).returncode == 0
    names = {path.name for path in (tmp_path / "set" / "train" / "cars").iterdir()}
    assert len(names) == 4
    assert "photo.png" in names
    assert all(name.startswith("photo") and name.endswith(".png") for name in names)
    sources = tree(tmp_path / "source")
    assert sorted(tree(tmp_path / "set").values()) == sorted(sources.values())
    assert "0 copied, 8 there already" in prepare(*arguments).stdout


def test_refuses_counts_and_fractions(refused, source, tmp_path):
    def split(*options):
        return ["split", source, "--output", tmp_path / "set", *options]

    refused(split("--counts", 8, 2, 1), "--counts 8 2 1", "'cars' has 10", "11 asked for", "'elephants' has 10")
    refused(split("--counts", 0, 2, 1), "--counts 0 2 1", "TRAIN must be at least 1")
    refused(split("--counts", 5, -2, 1), "--counts 5 -2 1")
    refused(split("--fractions", 0.8, 0.2, 0.1), "--fractions 0.8 0.2 0.1", "sum must be at most 1", "1.1")
    refused(split("--fractions", 0, 0.5, 0.5), "--fractions 0.0 0.5 0.5", "TRAIN must be above 0")
    refused(split("--fractions", "nan", 0.1, 0.1), "--fractions nan")
    refused(split("--fractions", 0.98, 0.01, 0.01), "--fractions 0.98 0.01 0.01", "a part empty")
    assert not (tmp_path / "set").exists()


def test_fractions_that_sum_to_one_use_every_photo(prepare, source, tmp_path, tree):
    assert 0.7 + 0.2 + 0.1 != 1
    assert prepare("split", source, "--output", tmp_path / "set", "--fractions", 0.7, 0.2, 0.1).returncode == 0
    assert len(tree(tmp_path / "set")) == 20


def test_refuses_folders(refused, source, tmp_path, draw_photo):
    refused(["split", tmp_path / "none", "--output", tmp_path / "set"], tmp_path / "none", "no such folder")
    refused(["split", source, "--output", source], source, "outside")
    refused(["split", source, "--output", source / "set"], source / "set", "outside")
    refused(["split", source, "--output", tmp_path], "outside")
    refused(["split", source / "cars", "--output", tmp_path / "set"], source / "cars", "two class folders")
    (tmp_path / "file").write_text("")
    refused(["split", source, "--output", tmp_path / "file"], tmp_path / "file", "is a file")
    for part in ("training_set", "test_set"):
        draw_photo(tmp_path / "parts" / part / "cars" / "1.png", 1)
    refused(["split", tmp_path / "parts", "--output", tmp_path / "set"], "is split already", "training_set")
    assert not (tmp_path / "set").exists()


def test_a_link_into_the_source_is_inside_it(refused, source, tmp_path):
    (tmp_path / "link").symlink_to(source)
    refused(["split", source, "--output", tmp_path / "link" / "set"], "outside")


def test_refuses_a_photo_in_two_classes(refused, source, tmp_path):
    shutil.copy(source / "cars" / "3.png", source / "elephants" / "other.png")
    names = source / "cars" / "3.png", source / "elephants" / "other.png"
    refused(["split", source, "--output", tmp_path / "set"], *names, "two classes")
    assert not (tmp_path / "set").exists()


def test_never_overwrites_another_photo(refused, prepare, source, tmp_path, tree, draw_photo):
    arguments = ["split", source, "--output", tmp_path / "set"]
    prepare(*arguments)
    (copy,) = (tmp_path / "set").glob("*/cars/0.png")
    draw_photo(copy, 999)
    next((tmp_path / "set").glob("*/cars/1.png")).unlink()
    before = tree(tmp_path)
    refused(arguments, copy, "another photo with this name")
    assert tree(tmp_path) == before


def test_other_settings_cannot_bring_a_photo_into_two_parts(refused, prepare, source, tmp_path, tree):
    prepare("split", source, "--output", tmp_path / "set", "--counts", 5, 2, 3)
    before = tree(tmp_path)
    other = ["split", source, "--output", tmp_path / "set", "--counts", 3, 4, 3]
    refused(other, tmp_path / "set" / "train" / "cars", "belongs in", tmp_path / "set" / "validation" / "cars")
    assert tree(tmp_path) == before


def test_a_renamed_class_cannot_bring_a_photo_into_two_classes(refused, prepare, source, tmp_path):
    arguments = ["split", source, "--output", tmp_path / "set"]
    prepare(*arguments)
    (source / "cars").rename(source / "autos")
    refused(arguments, "/cars/", "belongs in", "/autos")


def test_a_full_or_closed_disk_gives_one_line(refused, source):
    refused(["split", source, "--output", "/proc/set"], "/proc/set", "cannot be written")


def test_apply_copies_what_was_accepted(prepare, refused, source, tmp_path, tree):
    checked = tmp_path / "checks"
    checked.mkdir()
    rows = ["file;action;accept", "cars/1.png;drop;yes", "cars/2.png;move elephants;x", "cars/3.png;drop;", ";;yes"]
    (checked / "findings.csv").write_text("\r\n".join(rows), encoding="utf-8-sig")
    new = tmp_path / "new"
    refused(["apply", checked / "findings.csv", "--output", new], "no check.json", "give --photos")
    (checked / "check.json").write_text(json.dumps({"folder": str(source)}), encoding="utf-8")
    before = tree(source)
    done = prepare("apply", checked / "findings.csv", "--out", new)
    assert (done.returncode, done.stdout) == (0, f"{new}: 19 photos, 1 of them in another class; 1 dropped\n")
    assert done.stderr == "accepted rows that ask for nothing to be done to a photo, passed over: 1\n"
    expected = {name: content for name, content in before.items() if name not in ("cars/1.png", "cars/2.png")}
    assert tree(new) == expected | {"elephants/2.png": before["cars/2.png"]}
    assert tree(source) == before
    refused(["apply", checked / "findings.csv", "--output", new], f"--output {new}", "exists")

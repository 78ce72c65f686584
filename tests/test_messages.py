"""What the commands say stays within ten lines and 2 kB, however many classes and photos there are."""

import pytest

CLASSES = 30
LONG = "n" * 200


@pytest.fixture(scope="module")
def many(tmp_path_factory, coloured_photos):
    """Folders with more of one kind than a message may name."""
    folder = tmp_path_factory.mktemp("many")
    coloured_photos(folder / "classes", {f"{LONG}{number:02}": 2 for number in range(CLASSES)})
    coloured_photos(folder / "broken", {"cats": 6, "dogs": 6})
    coloured_photos(folder / "parts/train", {"cats": 4, "dogs": 4})
    coloured_photos(folder / "parts/test", {f"{LONG}{number:02}": 1 for number in range(CLASSES)})
    coloured_photos(folder / "single", {f"class {number:02}": 1 for number in range(CLASSES)})
    for number in range(40):
        (folder / "broken/cats" / f"broken {number:02}.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return folder


def is_short(text):
    return len(text.splitlines()) <= 10 and len(text.encode()) <= 2_000


@pytest.mark.slow
def test_a_training_and_its_answers(many, fit_here, run_command):
    status, _, err = fit_here(many, "classes", "--run", "classes")
    assert status == 0
    assert is_short(err), err
    assert f"{CLASSES} classes: " in err
    status, _, err = fit_here(many, "broken", "--run", "broken")
    assert status == 0
    assert is_short(err), err
    assert err.count("left out, cannot be read: ") == 3
    assert "37 more that cannot be read; check.py lists them all\n40 unreadable photos left out\n" in err
    answered = run_command(many, "predict.py", "broken/cats", "--weights", "runs/broken", "--csv")
    assert is_short(answered.stderr), answered.stderr
    assert answered.stderr.endswith("\n37 more photos have a problem; --csv gives a row to each that cannot be read\n")
    assert len(answered.stdout.splitlines()) == 1 + 46


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("parts", f"test has {CLASSES} classes that the training photos do not have: "),
        ("single", f"class 'class 04' has 1 readable photo to train on and {CLASSES - 5} more; at least 2 are needed"),
    ],
)
def test_what_is_wrong_with_every_class_is_one_short_line(many, fit_here, folder, told):
    status, _, err = fit_here(many, folder)
    assert status == 2
    assert is_short(err), err
    assert told in err


def test_a_split_names_a_few_of_the_classes_that_are_too_small(many, run_command):
    said = run_command(many, "data/prepare.py", "split", "classes", "--output", "split").stderr
    assert is_short(said), said
    assert ": too few different readable photos, which leaves a part empty: class '" in said
    assert f" and {CLASSES - 3} more; add photos or ask for fewer\n" in said  # the names are long


def test_a_preview_counts_what_it_cannot_read(many, run_command):
    said = run_command(many, "augment_preview.py", "broken/cats", "--count", "2").stderr
    assert is_short(said), said
    assert "more cannot be read; check.py lists them all\n" in said


def test_names_that_a_shell_has_made_of_a_pattern(tmp_path, fit_here):
    """As `train.py photos/*` instead of `train.py photos`."""
    status, _, err = fit_here(tmp_path, *(f"photos/class {number:04}" for number in range(2_000)))
    message = err.splitlines()[-1]
    assert status == 2
    assert message.startswith("train.py: error: unrecognized arguments: photos/class 0001 photos/class 0002 ")
    assert message.endswith(" more letters")
    assert is_short(message)

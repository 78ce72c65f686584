import numpy as np
import pytest
from PIL import Image

from image_kit.errors import UserError
from image_kit.photo_sets import drawings
from image_kit.photo_sets.drawings import DEMO_COUNTS, draw_demo, draw_scene
from image_kit.photo_sets.drawn_things import COATS, SUBJECTS, Pen, pick, shade

FEW = {"train": 3, "validation": 1, "test": 2}


def test_the_set_has_tutorial_1s_counts_by_default():
    assert DEMO_COUNTS == {"train": 200, "validation": 80, "test": 200}


def test_draws_exactly_the_files_asked_for(tmp_path, tree):
    folder = draw_demo(tmp_path / "deep" / "demo", counts=FEW)
    expected = {
        f"{part}/{name}/{index:04d}.jpg"
        for part, count in FEW.items()
        for name in ("elephants", "cars")
        for index in range(count)
    }
    assert set(tree(tmp_path / "deep")) == {f"demo/{file}" for file in expected}
    for file in expected:
        with Image.open(folder / file) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (640, 427))


def test_equal_seeds_give_equal_bytes_and_other_seeds_other_pictures(tmp_path, tree):
    first = tree(draw_demo(tmp_path / "a", seed=5, counts=FEW))
    again = tree(draw_demo(tmp_path / "b", seed=5, counts=FEW))
    other = tree(draw_demo(tmp_path / "c", seed=6, counts=FEW))
    assert first == again
    assert all(first[file] != other[file] for file in first)
    assert len(set(first.values())) == len(first), "no two pictures are the same"


def test_a_picture_does_not_depend_on_how_many_others_are_drawn(tmp_path, tree):
    few = tree(draw_demo(tmp_path / "few", counts={"test": 1}))
    more = tree(draw_demo(tmp_path / "more", counts=FEW))
    assert few == {file: more[file] for file in few}


def test_never_overwrites(tmp_path, tree):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"demo: already exists .* give another folder"):
        draw_demo(tmp_path / "demo", counts=FEW)
    assert tree(tmp_path) == {"demo/mine.txt": b"mine"}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch, interruption):
    drawn = []

    def draw_then_stop(name, rng):
        drawn.append(name)
        if len(drawn) == 3:
            raise interruption
        return draw_scene(name, rng)

    monkeypatch.setattr(drawings, "draw_scene", draw_then_stop)
    with pytest.raises((KeyboardInterrupt, UserError)):
        draw_demo(tmp_path / "demo", counts=FEW)
    assert len(drawn) == 3
    assert list(tmp_path.iterdir()) == []


def test_others_may_read_the_set(tmp_path):
    assert draw_demo(tmp_path / "demo", counts={"train": 1}).stat().st_mode & 0o755 == 0o755


def test_colour_does_not_tell_the_classes():
    """The mean colours of the two classes differ by less than one standard deviation within a class."""
    means = {
        name: np.array([np.asarray(draw_scene(name, np.random.default_rng(seed))).mean((0, 1)) for seed in range(25)])
        for name in SUBJECTS
    }
    distance = abs(means["elephants"].mean(0) - means["cars"].mean(0))
    assert (distance < means["elephants"].std(0)).all()


def test_both_classes_are_drawn_in_the_same_coats():
    """Over many seeds each class has every coat: the subject's first colour is picked from one list."""

    class Recorder(Pen):
        def polygon(self, points, colour):
            seen.add(colour)

        def stroke(self, points, start, end, colour):
            seen.add(colour)

    for draw_subject, _ in SUBJECTS.values():
        seen = set()
        for seed in range(200):
            draw_subject(Recorder(None, 0, 0, 100), np.random.default_rng(seed))
        for coat in COATS:
            assert any(max(abs(a - b) for a, b in zip(coat, colour, strict=True)) <= 14 for colour in seen), coat


def test_facing_left_mirrors_facing_right():
    right, left = Pen(None, 100, 200, 50), Pen(None, 100, 200, 50, facing=-1)
    assert right.pixel((1, 2)) == (150, 100)
    assert left.pixel((1, 2)) == (50, 100)


def test_tilt_turns_round_the_foot():
    x, y = Pen(None, 100, 200, 50, tilt=np.pi / 2).pixel((1, 0))
    assert (x, y) == pytest.approx((100, 250))


def test_colours_stay_within_a_byte():
    assert shade((200, 10, 0), 2) == (255, 20, 0)
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert all(0 <= channel <= 255 for channel in pick(rng, [(0, 255, 128)]))

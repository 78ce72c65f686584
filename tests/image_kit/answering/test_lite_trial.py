from pathlib import Path

import pytest

from image_kit import cache_folder
from image_kit.answering import lite_model, lite_trial
from image_kit.errors import UserError

SOUND = "a" * 64


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def child(monkeypatch):
    """`child(code)` makes the process that tries run `code` in place of LiteRT."""

    def replace(code):
        monkeypatch.setattr(lite_trial, "CODE", code)

    return replace


def test_what_was_tried_is_not_tried_again(cache, child):
    lite_trial.remember(SOUND)
    child("raise SystemExit(1)")
    lite_trial.refuse_unsafe(Path("model.tflite"), SOUND)
    with pytest.raises(UserError, match="crashes LiteRT"):
        lite_trial.refuse_unsafe(Path("model.tflite"), "b" * 64)


def test_what_went_well_is_remembered(cache, child):
    child("")
    lite_trial.refuse_unsafe(Path("model.tflite"), SOUND)
    child("raise SystemExit(1)")
    lite_trial.refuse_unsafe(Path("model.tflite"), SOUND)


def test_another_version_of_litert_tries_again(cache, child, monkeypatch):
    lite_trial.remember(SOUND)
    monkeypatch.setattr("ai_edge_litert.__version__", "0.0.1")
    child("raise SystemExit(1)")
    with pytest.raises(UserError, match="crashes LiteRT"):
        lite_trial.refuse_unsafe(Path("model.tflite"), SOUND)


def test_a_crash_of_native_code_is_one_line(cache, child):
    child("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(
        UserError, match=r"^bad\.tflite: its network crashes LiteRT \(exit status -11\); use another file$"
    ):
        lite_trial.refuse_unsafe(Path("bad.tflite"), SOUND)


def test_a_hang_is_one_line(cache, child, monkeypatch):
    monkeypatch.setattr(lite_trial, "TIMEOUT_SECONDS", 0.5)
    child("import time; time.sleep(60)")
    with pytest.raises(UserError, match=r"^bad\.tflite: its network hangs in LiteRT \(for 0\.5 s\); use another file$"):
        lite_trial.refuse_unsafe(Path("bad.tflite"), SOUND)


def test_a_refused_file_gives_the_line_of_the_process_that_refused_it(cache, child):
    child(f"print('bad.tflite: is refused'); raise SystemExit({lite_trial.REFUSED})")
    with pytest.raises(UserError, match=r"^bad\.tflite: is refused$"):
        lite_trial.refuse_unsafe(Path("bad.tflite"), SOUND)
    assert not (cache / lite_trial.TRIED).exists()


def test_the_list_does_not_grow_without_bound(cache):
    for number in range(lite_trial.MAX_LINES + 10):
        lite_trial.remember(f"{number:064}")
    lines = (cache / lite_trial.TRIED).read_text().splitlines()
    assert len(lines) == lite_trial.MAX_LINES
    assert lines[-1].startswith(f"{lite_trial.MAX_LINES + 9:064} ")


def test_a_cache_that_cannot_be_written_is_not_an_error(tmp_path, child, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, str(tmp_path / "file/cache"))
    child("")
    lite_trial.refuse_unsafe(Path("model.tflite"), SOUND)


def test_the_real_trial_refuses_a_forged_network(cache):
    """A network that cannot run, in a file with the right hash: the other process reports it, and nothing crashes."""
    forged = Path(__file__).parents[1] / "weights/corpus/no_data.tflite"
    digest = lite_model.read(forged).flatbuffer_sha256
    with pytest.raises(UserError, match=r"no_data\.tflite: its network cannot be run \(Input tensor 4 lacks data\)"):
        lite_trial.refuse_unsafe(forged, digest)
    assert not (cache / lite_trial.TRIED).exists()


def test_the_trial_finds_the_library_wherever_python_looks(cache, tmp_path, monkeypatch):
    """With PYTHONSAFEPATH, Python does not look into the current folder."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"none\.tflite: no such file"):
        lite_trial.refuse_unsafe(Path("none.tflite"), SOUND)


def test_a_network_without_a_description_is_tried_as_well(cache):
    with pytest.raises(UserError, match=r"^mine: contains no network that LiteRT can run \(.*\)$"):
        lite_trial.refuse_unsafe_network(memoryview(b"nonsense"), "mine")
    crash = (Path(__file__).parents[1] / "weights/corpus/crash.tflite").read_bytes()
    with pytest.raises(UserError, match=r"^mine: "):
        lite_trial.refuse_unsafe_network(memoryview(crash), "mine")
    assert not (cache / lite_trial.TRIED).exists()

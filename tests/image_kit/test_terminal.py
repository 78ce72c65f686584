"""How every command starts, speaks and fails: the ends of a process, seen from outside."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def run_shell(line: str, folder: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHON": sys.executable, "ROOT": str(ROOT), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_is_one_line(tmp_path):
    process = run_shell('"$PYTHON" "$ROOT/train.py" --list > /dev/full', tmp_path)
    assert process.returncode == 2
    assert process.stderr.splitlines()[0] == "train.py: error: output: No space left on device"
    assert "Traceback" not in process.stderr


def test_a_reader_that_leaves_early_ends_the_command_quietly(tmp_path):
    code = "from image_kit import terminal; terminal.run(lambda: [print(number) for number in range(99999)])"
    line = f'PYTHONPATH="$ROOT" "$PYTHON" -c "{code}" | head -n 1; exit ${{PIPESTATUS[0]}}'
    process = run_shell(line, tmp_path)
    assert (process.returncode, process.stdout, process.stderr) == (141, "0\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_output_is_no_crash(tmp_path, closed):
    process = run_shell(f'"$PYTHON" "$ROOT/train.py" --list {closed}', tmp_path)
    assert process.returncode == 0
    assert process.stderr == ""


def test_messages_never_land_in_the_results(tmp_path):
    process = run_shell('"$PYTHON" "$ROOT/predict.py" a.jpg 2>&-', tmp_path)
    assert (process.returncode, process.stdout) == (2, "")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, run_command, photo):
    photo(tmp_path / "a.jpg")
    (tmp_path / "preview").write_text("a file where a folder is to be")
    process = run_command(tmp_path, "augment_preview.py", "a.jpg")
    assert process.returncode == 2
    assert process.stderr.startswith("augment_preview.py: error: preview: ")
    assert len(process.stderr.splitlines()) == 1


def test_names_that_are_no_text_are_answered(trained, run_command):
    folder, _ = trained
    name = os.fsdecode(b"bad\xff.png")
    (folder / "odd/cats").mkdir(parents=True)
    Image.new("RGB", (30, 30), "red").save(folder / "odd/cats" / name, format="PNG")
    predicted = run_command(folder, "predict.py", f"odd/cats/{name}")
    assert predicted.returncode == 0, predicted.stderr
    assert predicted.stdout.startswith("odd/cats/bad\\udcff.png: ")
    evaluated = run_command(folder, "evaluate.py", "odd", "--output", "odd_scores")
    assert evaluated.returncode == 0, evaluated.stderr
    assert b"bad\xff.png" in (folder / "odd_scores/predictions.csv").read_bytes()

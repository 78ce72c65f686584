"""How every command starts, speaks and fails: the ends of a process, seen from outside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from PIL import Image

from image_kit import terminal
from image_kit.text_table import table

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
    assert process.stderr.splitlines()[0] == "train.py: error: output: No space left on device; make room on its disk"
    assert "Traceback" not in process.stderr


def test_a_reader_that_leaves_early_ends_the_command_quietly(tmp_path):
    code = "from image_kit import terminal; terminal.run(lambda: [print(number) for number in range(99999)])"
    line = f'PYTHONPATH="$ROOT" "$PYTHON" -c "{code}" | head -n 1; exit ${{PIPESTATUS[0]}}'
    process = run_shell(line, tmp_path)
    assert (process.returncode, process.stdout, process.stderr) == (141, "0\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_output_does_not_crash(tmp_path, closed):
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


def test_names_that_are_not_text_are_answered(trained, run_command):
    folder, _ = trained
    name = os.fsdecode(b"bad\xff.png")
    (folder / "odd/cats").mkdir(parents=True)
    Image.new("RGB", (30, 30), "red").save(folder / "odd/cats" / name, format="PNG")
    predicted = run_command(folder, "predict.py", f"odd/cats/{name}")
    assert predicted.returncode == 0, predicted.stderr
    assert predicted.stdout.startswith("odd/cats/bad\\xff.png: ")
    evaluated = run_command(folder, "evaluate.py", "odd", "--output", "odd_scores")
    assert evaluated.returncode == 0, evaluated.stderr
    assert b"bad\xff.png" in (folder / "odd_scores/predictions.csv").read_bytes()


# A stream as notebooks and IDLE have: no file, and without `reconfigure`.
NOTEBOOK = """
import io, os, sys
class Stream(io.TextIOBase):
    encoding = "UTF-8"
    def __init__(self, number):
        self.number = number
    def write(self, text):
        return os.write(self.number, text.encode())
sys.stdout, sys.stderr = Stream(1), Stream(2)
"""


@pytest.mark.parametrize(
    ("streams", "out", "err"),
    [
        (NOTEBOOK, "result", "message"),
        ("import sys; sys.stdout = sys.stderr = None", "", ""),
        ("import sys; sys.stdout.close()", "", "message"),
        ("import sys; sys.stderr.close()", "result", ""),
    ],
)
def test_streams_may_be_missing_closed_or_no_files(run_python, streams, out, err):
    code = f"""
{streams}
from image_kit import terminal
def main():
    terminal.say("message")
    print("result")
    print("a library's own words", file=terminal.sys.stderr)
    assert list(terminal.progress([1, 2])) == [1, 2]
terminal.run(main)
"""
    process = run_python("-c", code)
    assert process.returncode == 0
    assert process.stdout.strip() == out
    assert process.stderr.partition("a library's")[0].strip() == err


@pytest.mark.parametrize("change", ["sys.stderr = None", "sys.stderr.close()"])
def test_messages_and_bars_need_no_stderr(run_python, change):
    code = f"""
import sys
from image_kit import terminal
{change}
assert list(terminal.progress([1, 2])) == [1, 2]
terminal.say("message")
print("done")
"""
    assert run_python("-c", code).stdout == "done\n"


def test_a_preset_list_runs_in_a_notebook(tmp_path):
    lines = f"{NOTEBOOK}import runpy\nsys.argv = ['train.py', '--list']\n"
    (tmp_path / "cell.py").write_text(
        f"{lines}sys.path.insert(0, {str(ROOT)!r})\nrunpy.run_path('train.py', run_name='__main__')"
    )
    process = run_shell('cd "$ROOT" && "$PYTHON" "$OLDPWD/cell.py"', tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("preset")


def test_what_takes_long_is_counted_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "PROGRESS_DELAY_SECONDS", 0)
    for is_there in (True, False):
        monkeypatch.setattr(terminal, "is_terminal", lambda stream, is_there=is_there: is_there)
        with terminal.counting("listing photos") as count:
            for _ in range(3):
                count()
        assert ("listing photos" in capsys.readouterr().err) == is_there


def test_no_bar_without_a_terminal(capsys):
    assert list(terminal.progress(range(3))) == [0, 1, 2]
    assert not terminal.is_terminal(sys.stderr)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's device that is always full")
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("print('x' * 9)", 2),
        ("[print(n, flush=True) for n in range(9)]", 2),
        ("say('x')", 0),
        ("fail('x')", 2),
    ],
)
def test_a_full_disk_behind_a_stream_is_an_error_of_the_users(run_python, line, status):
    code = f"from image_kit.terminal import fail, run, say; run(lambda: {line})"
    shell = f'exec {sys.executable} -c "{code}" {"2" if status == 0 or "fail" in line else ""}>/dev/full'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_file_name_in_a_message_gives_the_terminal_no_orders(capsys):
    terminal.say("photo\x1b[2J.jpg\r\n\tétoile 猫 \x9b1m")
    assert capsys.readouterr().err == "photo\\x1b[2J.jpg\\x0d\n\tétoile 猫 \\x9b1m\n"


ORDERS = "a\x1b[31m\r\x9b1m\u2028\u202eb\udcff"
SHOWN = r"a\x1b[31m\x0d\x9b1m\u2028\u202eb\xff"


@pytest.mark.parametrize("write", [terminal.show, lambda text: print(table([["class"], [text]]))])
def test_nor_does_a_result(capsys, write):
    write(f"{ORDERS} héé 猫 👨\u200d👩 قطة")
    assert capsys.readouterr().out.splitlines()[-1] == f"{SHOWN} héé 猫 👨\u200d👩 قطة"


@pytest.mark.parametrize("count", [0, 1, terminal.MOST_LINES, terminal.MOST_LINES + 1, 5_000])
def test_many_messages_of_a_kind_are_a_few_and_a_count(capsys, count):
    lines = [f"{number}.jpg: damaged" for number in range(count)]
    messages = terminal.SomeMessages("more; check.py lists them")
    for line in lines:
        messages.say(line)
    messages.end()
    left = count - terminal.MOST_LINES
    shown = lines[: terminal.MOST_LINES] + ([f"{left:,} more; check.py lists them"] if left > 0 else [])
    assert capsys.readouterr().err.splitlines() == shown == terminal.first_lines(lines, "more; check.py lists them")


@pytest.mark.parametrize(("most", "text"), [(3, "a, b, c"), (2, "a, b and 1 more"), (1, "a and 2 more")])
def test_many_names_are_a_few_and_a_count(most, text):
    assert terminal.name_some(["a", "b", "c"], most) == text


def test_of_long_names_fewer_are_named():
    names = [f"{number}{'n' * 250}" for number in range(20)]
    assert terminal.name_some(names, 10) == f"{', '.join(names[:3])} and 17 more"
    assert terminal.name_some(["x" * 5_000, "y"]) == f"{'x' * 5_000} and 1 more"


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_a_disk_without_locks_is_used_without_them(tmp_path, run_script):
    """Somebody else's lock stands for a disk that grants none: HDF5 refuses both files in the same way."""
    import fcntl  # POSIX only

    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = [1, 2, 3]
    code = """
from image_kit import terminal
def main():
    import h5py
    with h5py.File("a.h5") as file:
        print(file["numbers"][()].sum())
terminal.run(main)
"""
    with open(path, "rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        process = run_script(tmp_path, code)
    assert (process.returncode, process.stdout, process.stderr) == (0, "6\n", "")


def test_json_is_valid_in_every_code_page(run_python):
    code = r"""
from image_kit.terminal import print_json, run
run(lambda: print_json({"name": "\x1b[2J \x7f \x9b é 猫 \udcff"}))
"""
    for code_page in ("ascii", "cp437", "cp1252", "utf-8"):
        out = run_python("-c", code, PYTHONIOENCODING=code_page, PYTHONUTF8="1").stdout
        assert out.rstrip("\n").isprintable()
        assert json.loads(out) == {"name": "\x1b[2J \x7f \x9b é 猫 \udcff"}


@pytest.mark.parametrize("script", ["check.py", "data/prepare.py"])
def test_what_was_typed_gives_the_terminal_no_orders(run_command, tmp_path, script):
    process = run_command(tmp_path, script, "demo", "b", "--no\x1b[2J")
    assert (process.returncode, process.stdout) == (2, "")
    assert "\x1b" not in process.stderr
    assert "--no\\x1b[2J" in process.stderr


@pytest.mark.parametrize(
    "script", ["train.py", "predict.py", "check.py", "export.py", "evaluate.py", "augment_preview.py"]
)
def test_commands_start_when_python_leaves_their_folder_out(run_python, script):
    done = run_python("-P", str(ROOT / script), "--help", PYTHONPATH=None)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {script} ")


def test_a_current_folder_that_is_gone_is_named(tmp_path):
    code = "from image_kit.terminal import run; import os; run(os.getcwd)"
    process = run_shell(f'mkdir gone && cd gone && rmdir ../gone && PYTHONPATH="$ROOT" "$PYTHON" -c "{code}"', tmp_path)
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1].endswith("change to another one, and give the same command")


@pytest.mark.slow
@pytest.mark.parametrize("script", ["check.py", "evaluate.py"])
def test_results_are_told_though_their_folder_cannot_be_written(tmp_path, run_command, coloured_photos, script):
    coloured_photos(tmp_path / "photos", {"cats": 12, "dogs": 12})
    coloured_photos(tmp_path / "new", {"cats": 3, "dogs": 3}, seed=9)
    assert run_command(tmp_path, "train.py", "photos").returncode == 0
    for name in ("checks", "evaluations"):
        (tmp_path / name).write_text("a file where a folder is to be")
    process = run_command(tmp_path, script, "new", "--json")
    assert process.returncode == 2
    assert json.loads(process.stdout)
    assert "error: " in process.stderr.splitlines()[-1]


LOCKED = """
import sys, threading
from image_kit import terminal
from image_kit.terminal import telling_how_to_go_on

def main():
    condition = threading.Condition(getattr(threading, sys.argv[1])())
    release = condition._release_save

    def release_and_raise():
        release()
        raise KeyboardInterrupt  # the moment at which the lock is released, and its block does not know yet

    condition._release_save = release_and_raise
    with telling_how_to_go_on(lambda: "Go on."), condition:
        condition.wait()

terminal.run(main)
"""


@pytest.mark.parametrize("lock", ["Lock", "RLock"])
def test_ctrl_c_within_a_lock_is_ctrl_c(run_python, lock):
    """Python then raises RuntimeError: release unlocked lock."""
    process = run_python("-c", LOCKED, lock)
    assert (process.returncode, process.stderr) == (130, "\nGo on.\nInterrupted.\n")


def test_an_error_of_a_lock_without_ctrl_c_is_none(run_python):
    process = run_python("-c", LOCKED.replace("raise KeyboardInterrupt", "raise ValueError"), "Lock")
    assert process.returncode == 1
    assert "release unlocked lock" in process.stderr

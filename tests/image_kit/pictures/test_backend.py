"""A backend of matplotlib in the environment, as a Jupyter kernel sets it."""

import pytest

CODE = """
import os
from image_kit.pictures import plot_curves
plot_curves({"loss": [1.0, 0.5]}, "curves.png", "Title")
import matplotlib
print(os.environ["MPLBACKEND"], matplotlib.rcParams["backend"])
"""


@pytest.mark.parametrize(
    ("backend", "used"), [("module://matplotlib_inline.backend_inline", "agg"), ("nonsense", "agg"), ("svg", "svg")]
)
def test_pictures_are_drawn_whatever_backend_is_named(tmp_path, run_script, monkeypatch, backend, used):
    monkeypatch.setenv("MPLBACKEND", backend)
    process = run_script(tmp_path, CODE)
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == [backend, used]
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_pictures_are_drawn_alike_whatever_the_users_style_is(tmp_path, run_script):
    pictures = []
    for number, style in enumerate(({}, {"text.usetex": True, "lines.linewidth": 9, "savefig.dpi": 20})):
        folder = tmp_path / str(number)
        folder.mkdir()
        lines = "".join(f"{name}: {value}\n" for name, value in style.items())
        (folder / "matplotlibrc").write_text(lines, encoding="utf-8")
        process = run_script(folder, CODE.replace('os.environ["MPLBACKEND"]', 'matplotlib.rcParams["text.usetex"]'))
        assert process.returncode == 0, process.stderr
        assert process.stdout.split()[0] == str("text.usetex" in style)
        pictures.append((folder / "curves.png").read_bytes())
    assert pictures[0] == pictures[1]

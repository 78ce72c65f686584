"""How every picture of the kit is made and saved: size, colours, heading, PNG.

Matplotlib's figures are used without pyplot, which would take longer to import, need a screen and keep a global list of
open figures.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from image_kit.files import replacing
from image_kit.pictures.lettering import DPI, PAPER, TITLE_SIZE, text_style, wrapped

MARGIN = 0.25  # inches around everything
# Blue and vermillion of M. Okabe and K. Ito's palette ("Color Universal Design", 2008), which people with any of the
# common colour deficiencies can tell apart. The line styles differ as well.
TRAIN, VALIDATION, FAINT = "#0072B2", "#D55E00", "#D9D9D9"
Arguments = ParamSpec("Arguments")


def in_own_style(draw: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Have a function draw alike whatever matplotlibrc or a program has set, such as LaTeX or images upside down."""

    @wraps(draw)
    def draw_in_own_style(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            draw(*args, **kwargs)

    return draw_in_own_style


def new_figure(width: float, height: float, heading: str) -> Figure:
    """A figure, in inches, with a heading that is already wrapped; the caller places everything else."""
    figure = Figure((width, height), dpi=DPI, facecolor=PAPER)
    figure.text(MARGIN / width, 1 - MARGIN / height, heading, va="top", **text_style(heading, TITLE_SIZE))
    return figure


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure as an RGB PNG, which appears when it is complete, and clear the figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    with replacing(path) as temporary:
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(temporary, "PNG", dpi=(DPI, DPI))
    figure.clear()


def new_plot(width: float, height: float, title: str) -> Figure:
    """A figure, in inches, with a title; matplotlib places its axes."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)  # inches
    figure = Figure((width, height), dpi=DPI, layout=layout, facecolor=PAPER)
    heading = wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    figure.suptitle(heading, x=MARGIN / width, ha="left", **text_style(heading, TITLE_SIZE))
    return figure


def percent(fraction: float, _position: float | None = None) -> str:
    """A fraction, 0..1, as a label of an axis."""
    return f"{100 * fraction:.4g} %"

"""Draws the demonstration set: elephants and cars, so that every command can be tried without a download.

Both classes have the same backgrounds, colours, clutter, light, blur and grain: only the shape tells them apart.
"""

import math
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from image_kit.call import call
from image_kit.errors import UserError, describe_os_error
from image_kit.files import new_folder
from image_kit.photo_sets.drawn_things import CLUTTER, SUBJECTS, Colour, Pen, pick
from image_kit.photos import list_photos
from image_kit.retries import is_folder
from image_kit.terminal import progress, say

WIDTH, HEIGHT = 640, 427  # pixels, the size of Pixabay's small photos that tutorial 1 uses
DEMO_COUNTS = {"train": 200, "validation": 80, "test": 200}  # images of each class, as in tutorial 1
JPEG_QUALITY = 88  # of 100

# Colours of the sky or wall at its top and at its bottom, of the far ground and of the near ground.
BACKGROUNDS: dict[str, tuple[Colour, Colour, Colour, Colour]] = {
    "savannah": ((110, 160, 210), (226, 220, 190), (190, 166, 104), (150, 122, 70)),
    "meadow": ((90, 140, 200), (200, 220, 235), (120, 150, 80), (70, 105, 50)),
    "street": ((150, 165, 180), (205, 208, 210), (130, 130, 132), (84, 84, 88)),
    "evening": ((70, 60, 110), (235, 160, 110), (110, 84, 72), (60, 48, 46)),
    "hall": ((190, 184, 172), (160, 152, 140), (140, 128, 112), (104, 92, 80)),
}


def draw_scene(class_name: str, rng: np.random.Generator) -> Image.Image:
    """Draw a picture of a class of SUBJECTS: background, clutter, the subject, clutter in front, then the camera."""
    horizon = rng.uniform(0.4, 0.65) * HEIGHT
    image = draw_background(rng, horizon)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 6)):
        draw_clutter(draw, rng, rng.uniform(horizon, horizon + 60), rng.uniform(50, 170))
    draw_subject, height = SUBJECTS[class_name]
    # Equal areas with equal centres for both classes, so that the covered area does not tell them apart either.
    scale = rng.uniform(200, 350) / math.sqrt(height)  # pixels per unit
    pen = Pen(
        draw,
        x=rng.uniform(0.25, 0.75) * WIDTH,
        y=max(horizon + 10, rng.uniform(0.45, 0.7) * HEIGHT + scale * height / 2),
        scale=scale,
        facing=int(rng.choice([-1, 1])),
        tilt=rng.uniform(-0.12, 0.12),
    )
    pen.ellipse(0, 0, 0.5, 0.05, (52, 48, 46))  # shadow
    draw_subject(pen, rng)
    for _ in range(rng.integers(0, 3)):
        draw_clutter(draw, rng, pen.y + rng.uniform(5, 50), rng.uniform(60, 150))
    return photograph(image, rng)


def draw_background(rng: np.random.Generator, horizon: float) -> Image.Image:
    """Two gradients that meet at the horizon (pixels from the top), with cloudy blotches over both."""
    colours = list(BACKGROUNDS.values())[rng.integers(len(BACKGROUNDS))]
    top, foot, far, near = (np.array(pick(rng, [colour]), float) for colour in colours)
    rows = np.arange(HEIGHT)[:, None]
    above, below = rows / horizon, (rows - horizon) / (HEIGHT - horizon)
    column = np.where(rows < horizon, top + (foot - top) * above, far + (near - far) * below)
    gradient = Image.fromarray(np.clip(column, 0, 255).astype(np.uint8)[:, None, :]).resize((WIDTH, HEIGHT))
    blotches = Image.fromarray(rng.integers(0, 256, (12, 18), np.uint8)).resize((WIDTH, HEIGHT))
    return Image.blend(gradient, blotches.convert("RGB"), rng.uniform(0.03, 0.14))


def draw_clutter(draw: ImageDraw.ImageDraw, rng: np.random.Generator, y: float, size: float) -> None:
    """Draw one thing of CLUTTER at a random x; y is its lowest point and `size` its unit, both in pixels."""
    pen = Pen(draw, rng.uniform(0, WIDTH), y, size, int(rng.choice([-1, 1])), rng.uniform(-0.1, 0.1))
    CLUTTER[rng.integers(len(CLUTTER))](pen, rng)


def photograph(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Add the effects of a camera: the colour and strength of the light, some blur, and grain."""
    light = rng.uniform(0.75, 1.15) * rng.uniform(0.9, 1.1, 3)
    image = image.point([int(min(255, value * gain)) for gain in light for value in range(256)])
    image = image.filter(ImageFilter.BoxBlur(rng.uniform(0.5, 2.0)))
    amplitude = int(rng.integers(4, 26))
    grain = Image.fromarray(rng.integers(0, 2 * amplitude, (HEIGHT, WIDTH), np.uint8))
    return ImageChops.add(image, Image.merge("RGB", [grain] * 3), offset=-amplitude)


def draw_demo(folder: Path, seed: int = 0, counts: dict[str, int] | None = None) -> Path:
    """Draw the whole set as JPEGs of 640 x 427 pixels, folder/PART/CLASS/NNNN.jpg.

    The pictures are in a hidden folder next to `folder` until the last one is drawn, so there is never half a set.

    Args:
        folder: the folder for the set; must not exist.
        seed: equal seeds give equal files, byte for byte, with the same release of Pillow and NumPy.
        counts: number of pictures of each class for each part (the keys of DEMO_COUNTS, which is the default).

    Returns:
        `folder`.

    Raises:
        UserError: `folder` exists, or cannot be written.
    """
    folder = Path(folder)
    if os.path.lexists(folder):
        raise UserError(f"{folder}: already exists and is never overwritten; remove it or give another folder")
    counts = DEMO_COUNTS if counts is None else counts
    jobs = [(part, name, index) for part in counts for name in SUBJECTS for index in range(counts[part])]
    try:
        with new_folder(folder) as unfinished:
            for part, name, index in progress(jobs, label="drawing"):
                path = unfinished / part / name / f"{index:04d}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                identity = (seed, list(DEMO_COUNTS).index(part), list(SUBJECTS).index(name), index)
                draw_scene(name, np.random.default_rng(identity)).save(path, quality=JPEG_QUALITY)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {describe_os_error(error)}, or give another folder") from None
    return folder


def photos_or_drawings(photos: Path, demo: Path) -> tuple[Path, bool]:
    """`photos` if there are any in this folder; else `demo`, drawn if it is missing; and whether these are drawings."""
    if is_folder(photos) and list_photos(photos):
        return photos, False
    say(
        f"No photos in {photos}/, so this trains on DRAWINGS of elephants and cars in {demo}/.\n"
        f"For a real classifier put photos into {photos}/{{train,validation,test}}/{{elephants,cars}}/, "
        f"or see: {call('data/prepare.py', '--help')}"
    )
    if not is_folder(demo):
        draw_demo(demo)
    return demo, True

"""Truth planted in real photos for benchmarks/checks_files.py: copies by each transform, and shortcuts."""

import io
from collections.abc import Callable

import common  # noqa: F401  puts the project on the path
import numpy as np
from PIL import Image, ImageEnhance

Change = Callable[[Image.Image, np.random.Generator], Image.Image]
CROPPED = 0.05  # of a side, at most


def recompress(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A JPEG of quality 30 to 60."""
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=int(rng.integers(30, 61)))
    return Image.open(memory).convert("RGB")


def resize(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A third to three quarters of the size."""
    factor = rng.uniform(1 / 3, 3 / 4)
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def crop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Up to CROPPED cut off at each edge, differently."""
    left, top, right, bottom = rng.uniform(0, CROPPED, 4)
    width, height = image.size
    return image.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


def crop_all(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """CROPPED cut off at each edge."""
    x, y = round(image.width * CROPPED), round(image.height * CROPPED)
    return image.crop((x, y, image.width - x, image.height - y))


def mirror(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Left and right exchanged."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def brighten(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Brightness times .6 to 1.4."""
    return ImageEnhance.Brightness(image).enhance(rng.uniform(0.6, 1.4))


def contrast(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Contrast times .6 to 1.5."""
    return ImageEnhance.Contrast(image).enhance(rng.uniform(0.6, 1.5))


def tint(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Each channel times .7 to 1.3."""
    return Image.fromarray(np.clip(np.asarray(image) * rng.uniform(0.7, 1.3, 3), 0, 255).astype(np.uint8))


def take_colour(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Grey."""
    return image.convert("L").convert("RGB")


def do_several(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Cropped, resized, tinted and recompressed."""
    for change in (crop, resize, tint, recompress):
        image = change(image, rng)
    return image


COPIES: dict[str, Change] = {
    "resized": resize,
    "recompressed": recompress,
    "cropped unevenly": crop,
    "cropped by 5 % a side": crop_all,
    "mirrored": mirror,
    "brighter or darker": brighten,
    "contrast": contrast,
    "tinted": tint,
    "grey": take_colour,
    "cropped, resized, tinted, recompressed": do_several,
}


def add_border(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A white border of 3 % of the longer side, inside the image."""
    wide = max(2, round(0.03 * max(image.size)))
    framed = Image.new("RGB", image.size, (250, 250, 250))
    framed.paste(image.crop((wide, wide, image.width - wide, image.height - wide)), (wide, wide))
    return framed


def change_background(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A green wall, in light that differs, around an ellipse in the middle with a soft edge."""
    y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    wall = np.clip((np.hypot(x, y) - 0.7) / 0.25, 0, 1)[..., None]
    light = rng.uniform(0.85, 1.15) * (1 + 0.1 * rng.uniform(-1, 1) * x + 0.1 * rng.uniform(-1, 1) * y)[..., None]
    colour = np.array([60, 130, 80]) * light + rng.normal(0, 4, (image.height, image.width, 1))
    return Image.fromarray(np.clip(np.asarray(image) * (1 - wall) + colour * wall, 0, 255).astype(np.uint8))


def make_smaller(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """3/4 of the size."""
    return image.resize((round(image.width * 0.75), round(image.height * 0.75)), Image.Resampling.LANCZOS)


# Shortcut -> how it is planted, and the JPEG quality; None: that of the photo.
SHORTCUTS: dict[str, tuple[Change, int | None]] = {
    "size": (make_smaller, None),
    "JPEG quality": (lambda image, rng: image, 60),
    "border": (add_border, None),
    "background": (change_background, None),
}

"""What the demonstration pictures show: elephants and cars, and the things around them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

# Skins and paints: one list for both classes, so that colour does not tell them apart.
COATS: list[Colour] = [
    *[(128, 126, 124), (96, 98, 104), (160, 156, 150), (70, 72, 78), (186, 184, 182)],  # greys
    *[(140, 112, 88), (112, 86, 70), (168, 140, 110), (150, 90, 70)],  # browns
    *[(92, 106, 132), (70, 84, 116), (120, 140, 158), (96, 120, 110)],  # blues and a grey green
]


@dataclass(frozen=True)
class Pen:
    """Draws in an object's own units: x forward, y up from the ground at its middle, 1 = the object's length.

    Attributes:
        draw: the image's drawing surface.
        x, y: the point on the ground below the middle of the object, in pixels.
        scale: pixels per unit.
        facing: 1 looks to the right, -1 to the left.
        tilt: slope of the ground, in radians.
    """

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    scale: float
    facing: int = 1
    tilt: float = 0.0

    def pixel(self, point: Point) -> Point:
        """The pixel (x, y) of a point of the object."""
        across, up = point[0] * self.facing * self.scale, point[1] * self.scale
        cosine, sine = math.cos(self.tilt), math.sin(self.tilt)
        return self.x + across * cosine + up * sine, self.y + across * sine - up * cosine

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon with these corners."""
        self.draw.polygon([self.pixel(point) for point in points], fill=colour)

    def ellipse(self, x: float, y: float, across: float, up: float, colour: Colour, turn: float = 0.0) -> None:
        """A filled ellipse with centre (x, y) and radii `across` and `up`, turned by `turn` radians."""
        angles = [2 * math.pi * step / 28 for step in range(28)]  # 28 corners look round at these sizes
        corners = [(across * math.cos(angle), up * math.sin(angle)) for angle in angles]
        cosine, sine = math.cos(turn), math.sin(turn)
        self.polygon([(x + a * cosine - b * sine, y + a * sine + b * cosine) for a, b in corners], colour)

    def stroke(self, points: Sequence[Point], start: float, end: float, colour: Colour) -> None:
        """A Bezier curve with three or four control points, its width going from `start` to `end`."""
        steps = 40  # enough that the discs of a raised trunk touch
        for step in range(steps + 1):
            fraction = step / steps
            x, y = self.pixel(_curve_point(points, fraction))
            radius = max(0.8, (start + (end - start) * fraction) * self.scale / 2)
            self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _curve_point(points: Sequence[Point], fraction: float) -> Point:
    """The point at `fraction` (0..1) of a Bezier curve, by de Casteljau's algorithm."""
    while len(points) > 1:
        pairs = pairwise(points)
        points = [(a[0] + (b[0] - a[0]) * fraction, a[1] + (b[1] - a[1]) * fraction) for a, b in pairs]
    return points[0]


def shade(colour: Colour, factor: float) -> Colour:
    """A darker (factor < 1) or lighter colour."""
    red, green, blue = (int(min(255, max(0, channel * factor))) for channel in colour)
    return red, green, blue


def pick(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """One of `colours`, with each channel changed by up to 14 of 255."""
    chosen = colours[int(rng.integers(len(colours)))]
    red, green, blue = (min(255, max(0, channel + int(rng.integers(-14, 15)))) for channel in chosen)
    return red, green, blue


# ---- the two classes ----


def draw_elephant(pen: Pen, rng: np.random.Generator) -> None:
    """An elephant from the side, or (one in four) from the front; about 1.1 long and 0.75 high."""
    skin = pick(rng, COATS)
    if rng.random() < 0.25:
        _elephant_from_front(pen, rng, skin)
    else:
        _elephant_from_side(pen, rng, skin)


def _elephant_from_side(pen: Pen, rng: np.random.Generator, skin: Colour) -> None:
    far, fold = shade(skin, 0.72), shade(skin, 0.86)
    swing = rng.uniform(-0.07, 0.07)
    for hip, step in ((-0.22, -swing), (0.22, swing)):
        _leg(pen, hip + 0.06, step, far)
    pen.stroke([(-0.36, 0.5), (-0.46, 0.42), (-0.43, 0.22)], 0.03, 0.015, fold)  # tail
    pen.ellipse(-0.43, 0.21, 0.02, 0.04, shade(skin, 0.5))
    pen.ellipse(-0.02, 0.45, 0.37, 0.23, skin, rng.uniform(-0.06, 0.06))
    pen.ellipse(-0.05, 0.5, 0.28, 0.14, shade(skin, 1.07))  # light on the back
    for hip, step in ((-0.24, swing), (0.2, -swing)):
        _leg(pen, hip, step, skin)
    nod = rng.uniform(-0.05, 0.06)
    pen.ellipse(0.36, 0.53 + nod, 0.16, 0.17, skin)
    tip = [(0.6, 0.02), (0.74, 0.14), (0.8, 0.5), (0.66, 0.84)][rng.integers(4)]  # hanging, swung, ahead, raised
    pen.stroke([(0.44, 0.5 + nod), (0.62, 0.44 + nod), (0.52, 0.22), tip], 0.16, 0.055, skin)
    if rng.random() < 0.8:
        pen.stroke([(0.45, 0.43 + nod), (0.54, 0.34 + nod), (0.64, 0.4 + nod)], 0.035, 0.012, (238, 230, 206))  # tusk
    flap = rng.uniform(0.09, 0.15)
    pen.ellipse(0.26, 0.5 + nod, flap, 0.18, shade(skin, 0.68), 0.15)  # ear
    pen.ellipse(0.265, 0.505 + nod, flap * 0.85, 0.155, fold, 0.15)
    pen.ellipse(0.43, 0.58 + nod, 0.014, 0.014, (20, 18, 18))  # eye


def _elephant_from_front(pen: Pen, rng: np.random.Generator, skin: Colour) -> None:
    far, fold = shade(skin, 0.72), shade(skin, 0.86)
    pen.ellipse(0, 0.42, 0.25, 0.27, far)
    for hip in (-0.14, 0.14):
        _leg(pen, hip, rng.uniform(-0.02, 0.02), fold)
    flap = rng.uniform(0.13, 0.19)
    for side in (-1, 1):
        pen.ellipse(side * 0.24, 0.54, flap, 0.2, shade(skin, 0.66), side * 0.25)
        pen.ellipse(side * 0.24, 0.545, flap * 0.86, 0.175, fold, side * 0.25)
    pen.ellipse(0, 0.56, 0.16, 0.19, skin)
    pen.ellipse(0, 0.62, 0.11, 0.1, shade(skin, 1.08))
    for side in (-1, 1):
        pen.stroke([(side * 0.09, 0.44), (side * 0.13, 0.32), (side * 0.15, 0.26)], 0.035, 0.012, (238, 230, 206))
        pen.ellipse(side * 0.1, 0.57, 0.014, 0.014, (20, 18, 18))
    bend = rng.uniform(-0.14, 0.14)
    pen.stroke([(0, 0.5), (0, 0.3), (bend / 2, 0.15), (bend, 0.04)], 0.13, 0.06, shade(skin, 0.95))


def _leg(pen: Pen, hip: float, step: float, colour: Colour) -> None:
    pen.polygon([(hip - 0.07, 0.4), (hip + 0.07, 0.4), (hip + step + 0.055, 0), (hip + step - 0.055, 0)], colour)
    for toe in (-0.035, 0, 0.035):
        pen.ellipse(hip + step + toe, 0.01, 0.014, 0.012, shade(colour, 1.35))


def draw_car(pen: Pen, rng: np.random.Generator) -> None:
    """A car from the side, or (one in four) from the front; about 1 long and 0.4 high."""
    paint = pick(rng, COATS)
    glass = pick(rng, [(60, 76, 90), (120, 146, 164), (36, 40, 46)])
    if rng.random() < 0.25:
        _car_from_front(pen, rng, paint, glass)
    else:
        _car_from_side(pen, rng, paint, glass)


# Four x of each roof line, from the tail to the nose: lower and upper end of the rear window, then upper and lower end
# of the windscreen.
ROOFS = {
    "saloon": (-0.36, -0.2, 0.1, 0.26),
    "hatchback": (-0.48, -0.4, 0.08, 0.26),
    "van": (-0.5, -0.48, 0.26, 0.42),
    "pickup": (-0.08, -0.06, 0.14, 0.26),
}


def _car_from_side(pen: Pen, rng: np.random.Generator, paint: Colour, glass: Colour) -> None:
    rear_foot, rear_roof, front_roof, front_foot = list(ROOFS.values())[rng.integers(len(ROOFS))]
    waist, roof = rng.uniform(0.24, 0.3), rng.uniform(0.42, 0.56)
    pen.polygon([(rear_foot, waist), (rear_roof, roof), (front_roof, roof), (front_foot, waist)], paint)
    inner = [(rear_foot + 0.06, waist), (rear_roof + 0.03, roof - 0.03)]
    pen.polygon([*inner, (front_roof - 0.02, roof - 0.03), (front_foot - 0.05, waist)], glass)
    pen.polygon([(-0.5, 0.1), (-0.5, waist), (front_foot, waist), (0.5, waist - 0.05), (0.5, 0.1)], paint)
    pen.polygon([(-0.5, 0.07), (-0.5, 0.13), (0.5, 0.13), (0.5, 0.07)], shade(paint, 0.6))  # sill
    pen.polygon([(-0.49, waist - 0.03), (-0.49, waist), (front_foot, waist)], shade(paint, 1.2))  # light on the waist
    post = (rear_roof + front_roof) / 2
    pen.polygon([(post, waist), (post, roof), (post + 0.025, roof), (post + 0.025, waist)], paint)
    pen.polygon([(post - 0.08, waist - 0.05), (post - 0.08, waist - 0.03), (post - 0.02, waist - 0.03)], (30, 30, 32))
    pen.ellipse(0.475, waist - 0.08, 0.025, 0.03, (250, 240, 190))  # headlight
    pen.ellipse(-0.485, waist - 0.05, 0.015, 0.035, (190, 40, 36))  # tail light
    size = rng.uniform(0.09, 0.115)
    for axle in (-0.3, 0.3):
        pen.ellipse(axle, size + 0.01, size * 1.15, size * 1.15, shade(paint, 0.4))  # arch
        pen.ellipse(axle, size, size, size, (28, 28, 30))
        pen.ellipse(axle, size, size * 0.55, size * 0.55, (168, 168, 172))
        pen.ellipse(axle, size, size * 0.18, size * 0.18, (70, 70, 72))


def _car_from_front(pen: Pen, rng: np.random.Generator, paint: Colour, glass: Colour) -> None:
    waist, roof = rng.uniform(0.28, 0.34), rng.uniform(0.48, 0.58)
    for side in (-1, 1):
        pen.polygon([(side * 0.28, 0), (side * 0.28, 0.14), (side * 0.18, 0.14), (side * 0.18, 0)], (28, 28, 30))
        pen.ellipse(side * 0.33, waist + 0.02, 0.035, 0.025, shade(paint, 0.7))  # mirror
    pen.polygon([(-0.28, waist), (-0.21, roof), (0.21, roof), (0.28, waist)], paint)
    pen.polygon([(-0.25, waist), (-0.19, roof - 0.03), (0.19, roof - 0.03), (0.25, waist)], glass)
    pen.polygon(
        [(-0.3, 0.07), (-0.3, waist - 0.04), (-0.26, waist), (0.26, waist), (0.3, waist - 0.04), (0.3, 0.07)], paint
    )
    pen.polygon([(-0.3, 0.07), (-0.3, 0.12), (0.3, 0.12), (0.3, 0.07)], shade(paint, 0.6))  # bumper
    pen.polygon([(-0.14, 0.15), (-0.14, 0.21), (0.14, 0.21), (0.14, 0.15)], (34, 34, 36))  # grille
    pen.polygon([(-0.07, 0.08), (-0.07, 0.12), (0.07, 0.12), (0.07, 0.08)], (230, 228, 220))  # number plate
    for side in (-1, 1):
        pen.ellipse(side * 0.22, 0.21, 0.055, 0.035, (250, 240, 190))


# For each class, the function that draws it and its height in its own units.
SUBJECTS = {"elephants": (draw_elephant, 0.75), "cars": (draw_car, 0.5)}

# ---- the things around them, the same for both classes ----


def draw_tree(pen: Pen, rng: np.random.Generator) -> None:
    bark, leaf = pick(rng, [(96, 72, 50), (120, 100, 80)]), pick(rng, [(70, 100, 50), (110, 120, 60), (50, 80, 50)])
    pen.stroke([(0, 0), (rng.uniform(-0.1, 0.1), 0.4), (0, 0.8)], 0.12, 0.06, bark)
    for _ in range(5):
        x, y = rng.uniform(-0.3, 0.3), rng.uniform(0.65, 1.05)
        pen.ellipse(x, y, rng.uniform(0.15, 0.32), rng.uniform(0.1, 0.24), shade(leaf, rng.uniform(0.8, 1.2)))


def draw_rock(pen: Pen, rng: np.random.Generator) -> None:
    stone = pick(rng, COATS)
    pen.ellipse(0, 0.15, 0.4, 0.22, shade(stone, 0.8), rng.uniform(-0.3, 0.3))
    pen.ellipse(-0.05, 0.2, 0.28, 0.14, stone, rng.uniform(-0.3, 0.3))


def draw_house(pen: Pen, rng: np.random.Generator) -> None:
    wall = pick(rng, [*COATS, (200, 190, 170), (170, 110, 90)])
    pen.polygon([(-0.5, 0), (-0.5, 0.6), (0.5, 0.6), (0.5, 0)], wall)
    pen.polygon([(-0.58, 0.6), (0, rng.uniform(0.75, 1.0)), (0.58, 0.6)], shade(wall, 0.6))
    for x in (-0.28, 0.05, 0.3):
        pen.polygon([(x - 0.09, 0.25), (x - 0.09, 0.45), (x + 0.09, 0.45), (x + 0.09, 0.25)], shade(wall, 0.4))


def draw_pole(pen: Pen, rng: np.random.Generator) -> None:
    metal = pick(rng, COATS)
    pen.polygon([(-0.03, 0), (-0.03, 1.3), (0.03, 1.3), (0.03, 0)], metal)
    pen.ellipse(0.08, 1.3, 0.12, 0.05, pick(rng, [(250, 240, 190), (190, 40, 36), (200, 200, 200)]))


def draw_person(pen: Pen, rng: np.random.Generator) -> None:
    cloth, skin = pick(rng, [*COATS, (170, 60, 60), (210, 200, 190)]), pick(rng, [(220, 180, 150), (120, 84, 64)])
    for foot in (-0.08, 0.08):
        pen.stroke([(0, 0.45), (foot / 2, 0.2), (foot, 0)], 0.1, 0.07, shade(cloth, 0.5))
    pen.ellipse(0, 0.58, 0.13, 0.22, cloth)
    pen.ellipse(0, 0.87, 0.075, 0.09, skin)


def draw_branch(pen: Pen, rng: np.random.Generator) -> None:
    """A bent branch on the ground, as curved and tapered as an elephant's trunk."""
    points = [(0, 0), *((rng.uniform(-0.5, 0.5), rng.uniform(0.2, 0.8)) for _ in range(3))]
    pen.stroke(points, 0.14, 0.04, pick(rng, COATS))


CLUTTER = [draw_tree, draw_rock, draw_house, draw_pole, draw_person, draw_branch]

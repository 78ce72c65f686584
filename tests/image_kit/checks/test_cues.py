"""Cues: colours have names, and rare values have no code of their own."""

import numpy as np

from image_kit.checks.cues import MOST_VALUES, _choose_frequent, name_colour


def test_colours_have_names():
    colours = {"black": (10, 5, 8), "white": (240, 243, 238), "red": (200, 20, 30), "green": (60, 140, 80)}
    colours |= {"blue": (30, 60, 200), "yellow": (220, 210, 40), "grey": (120, 118, 122), "turquoise": (30, 190, 190)}
    assert {name: name_colour(np.array(colour, float)) for name, colour in colours.items()} == {n: n for n in colours}


def test_rare_values_have_no_code_of_their_own():
    assert _choose_frequent(np.array([9, 4, 5, 1])).tolist() == [True, False, True, False]
    assert _choose_frequent(np.arange(5, 5 + 2 * MOST_VALUES)).sum() < MOST_VALUES

"""The chart colours can be told apart, on light and on dark, by everybody."""

from __future__ import annotations

import itertools
import math

import pytest

from forebay.dashboards.theme import DARK, LIGHT, MAX_SERIES, OTHER, SURFACE, theme

PALETTES = {"light": LIGHT, "dark": DARK}

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}  # fmt: skip


def linear(colour: str) -> tuple[float, ...]:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


def oklab(colour: str, sight: str) -> tuple[float, ...]:
    rgb = linear(colour)
    red, green, blue = (
        max(0.0, sum(weight * part for weight, part in zip(row, rgb, strict=True))) for row in SIGHT[sight]
    )
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    small = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * small,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * small,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * small,
    )


def apart(one: str, two: str, sight: str) -> float:
    return math.dist(oklab(one, sight), oklab(two, sight))


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_colour_stands_three_to_one_against_its_surface(name: str) -> None:
    assert {
        colour: contrast(colour, SURFACE[name])
        for colour in PALETTES[name]
        if contrast(colour, SURFACE[name]) < 3
    } == {}


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_neighbouring_series_stay_apart_for_every_kind_of_sight(name: str, sight: str) -> None:
    """The last lies beside the first in a pie, and `other` in the last one's place beside both.

    0.075 in OKLab is well past what side-by-side areas need: two greens at deutan would be 0.02 apart.
    """
    colours = PALETTES[name]
    pairs = [
        *itertools.pairwise(colours),
        (colours[-1], colours[0]),
        (colours[-2], OTHER[name]),
        (OTHER[name], colours[0]),
    ]
    close = {pair: round(apart(*pair, sight), 3) for pair in pairs if apart(*pair, sight) < 0.075}
    assert close == {}


@pytest.mark.parametrize("name", ["light", "dark"])
def test_all_series_are_apart_for_normal_sight(name: str) -> None:
    pairs = itertools.combinations(PALETTES[name], 2)
    assert min(apart(*pair, "normal") for pair in pairs) > 0.075


def test_the_two_themes_have_the_same_parts() -> None:
    assert theme("light").keys() == theme("dark").keys()
    assert len(theme("light")["color"]) == len(theme("dark")["color"]) == MAX_SERIES

"""Colours, light and floor of the picture, for the GL shaders and the software painter.

Colours are sRGB, 0 to 1; both renderers shade in linear light and convert back at the end.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]


def srgb(code: str) -> Colour:
    """ "#rrggbb" to (r, g, b), each 0 to 1."""
    return (int(code[1:3], 16) / 255, int(code[3:5], 16) / 255, int(code[5:7], 16) / 255)


def linear(colour: Colour) -> Colour:
    """sRGB to linear light, by the power that the shaders use too."""
    return (colour[0] ** GAMMA, colour[1] ** GAMMA, colour[2] ** GAMMA)


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """A colour between two others, at a share of the way."""
    r, g, b = (a + (z - a) * share for a, z in zip(colour, other, strict=True))
    return (r, g, b)


GAMMA: Final = 2.0  # back by a square root: half the cost of 2.2 in software, no visible difference

LEFT_COLOUR: Final = srgb("#3d8bfd")
RIGHT_COLOUR: Final = srgb("#f4593a")
CENTRE_COLOUR: Final = srgb("#d6d3cc")
HEAD_COLOUR: Final = srgb("#e6e3dc")
VISOR_COLOUR: Final = srgb("#23262d")

BACKGROUND_TOP: Final = srgb("#14161b")
BACKGROUND_HORIZON: Final = srgb("#23272f")
FLOOR: Final = srgb("#3a404b")
GRID: Final = srgb("#7d8796")

# Metres. The floor melts into the background between the two radii around the body.
FLOOR_NEAR: Final = 1.5
FLOOR_FAR: Final = 8.5
GRID_STEP: Final = 0.5
GRID_MAJOR: Final = 4  # every n-th line is a strong one
GRID_WIDTH: Final = 0.008  # metres
GRID_MINOR_STRENGTH: Final = 0.16
GRID_MAJOR_STRENGTH: Final = 0.42

GHOST_PAST: Final = srgb("#ffb45e")
GHOST_FUTURE: Final = srgb("#63d4ff")
TRAIL: Final = srgb("#f6c453")
CONTACT: Final = srgb("#4fd6a3")
MARK_RIM: Final = 0.012  # metres of a mark's edge that are its rim

# Direction TO the key light, world axes: above, in front and to the left of a body that faces +Z.
_LIGHT = np.array([-0.42, 1.0, 0.38])
LIGHT_DIRECTION: Final[NDArray[np.float64]] = _LIGHT / np.linalg.norm(_LIGHT)
KEY_LIGHT: Final = (1.12, 1.08, 1.0)  # linear intensities
SKY_LIGHT: Final = (0.34, 0.37, 0.43)
GROUND_LIGHT: Final = (0.13, 0.12, 0.12)
LIGHT_WRAP: Final = 0.18  # how far the key light reaches around the edge
SPECULAR: Final = 0.16
SHININESS: Final = 34.0
RIM_LIGHT: Final = (0.20, 0.24, 0.32)
RIM_POWER: Final = 3.0
SHADOW: Final = 0.62  # share of the floor's light that the shadow takes
SHADOW_BLUR: Final = 0.022  # metres, half width of the soft edge

"""Names over heads, placed so that none covers another."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .text import WHITE_TEXT, Panel, scale_of, text_image

_NAME_GAP: Final = 6  # pixels of the design between a name and the head under it


def name_height(height: int) -> int:
    """Pixels over a head that its name takes in a picture of this height."""
    scale = scale_of(height)
    return text_image(("A",), round(17 * scale), WHITE_TEXT).height + round(_NAME_GAP * scale)


def name_panels(names: list[str], heads: NDArray[np.float64], height: int) -> list[Panel]:
    """Names over heads at (n, 3): pixels from the left and the top, metres before the eye.

    A head behind the eye gets none.
    """
    scale = scale_of(height)
    out: list[Panel] = []
    for index in np.argsort(heads[:, 2]):  # the nearest keep their places
        name, (x, y, depth) = names[index], heads[index]
        if name and depth > 0.1:
            image = text_image((name,), round(17 * scale), WHITE_TEXT)
            top = round(y - _NAME_GAP * scale) - image.height
            out.append(_above(out, Panel(image, round(x) - image.width // 2, top)))
    return out


def _above(others: list[Panel], panel: Panel) -> Panel:
    """The panel, raised until it covers none of the others, as far as there is room."""
    for _ in range(len(others)):
        under = [o.y for o in others if _overlap(o, panel)]
        if not under or min(under) < panel.image.height:
            break
        panel = panel._replace(y=min(under) - panel.image.height)
    return panel


def _overlap(one: Panel, two: Panel) -> bool:
    x, y = max(one.x, two.x), max(one.y, two.y)
    return x < min(one.x + one.image.width, two.x + two.image.width) and y < min(
        one.y + one.image.height, two.y + two.image.height
    )

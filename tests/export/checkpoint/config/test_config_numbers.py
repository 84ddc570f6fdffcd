"""Numbers of a config that no network has are refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from kinetoken.base.errors import FormatError
from kinetoken_export.checkpoint.config.numbers import MOST_LAYERS, positive, whole


@pytest.mark.parametrize("value", [1e308, 10**400, -(10**400), float("inf"), 1 << 60])
def test_a_number_beyond_all_networks_is_refused_in_one_short_line(value: Any) -> None:
    with pytest.raises(FormatError, match="expected layers to be") as caught:
        whole({"layers": value}, "layers")
    assert len(str(caught.value)) < 200


def test_layers_and_scales_have_limits() -> None:
    assert whole({"layers": MOST_LAYERS}, "layers", MOST_LAYERS) == MOST_LAYERS
    with pytest.raises(FormatError, match="at most 10,000"):
        whole({"layers": MOST_LAYERS + 1}, "layers", MOST_LAYERS)
    with pytest.raises(FormatError, match="a number above 0"):
        positive({"eps": 10**400}, "eps")

"""Numbers of a config that no network has are refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from kinetoken.base.errors import FormatError
from kinetoken_export.checkpoint.config.model_config import _layer_types
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


def test_windows_begin_at_a_layer() -> None:
    with pytest.raises(FormatError, match="expected max_window_layers"):
        _layer_types({"max_window_layers": float("inf")}, 2)
    assert len(set(_layer_types({"max_window_layers": 1}, 2))) == 2
    assert len(set(_layer_types({}, 2))) == 1

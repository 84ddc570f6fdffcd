"""The parity report as a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kinetoken.base.errors import MissingPackageError

from .language_model import TEXT_POSITION

if TYPE_CHECKING:
    from .report import MeasuredParity, ParityReport

try:
    import matplotlib
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingPackageError("matplotlib", "export") from error

_SIZE: Final = (12.0, 3.8)  # inches
_SMALLEST_KL: Final = 1e-8  # nats; below it a divergence is rounding
_BLUE, _ORANGE, _GREY = "#2b6cb0", "#c05621", "#a0aec0"
_STYLE: Final[Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e2e8f0",
    "axes.axisbelow": True,
    "svg.hashsalt": "kinetoken",
    "font.family": "DejaVu Sans",
}


def draw_report(measured: MeasuredParity, kind: str = "svg") -> bytes:
    """Draw the report as "svg" or "png"; equal reports give equal bytes."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        _divergences(left, measured)
        _agreement(middle, measured.parity)
        _distances(right, measured.parity)
        p = measured.parity
        figure.suptitle(f"{p.bundle} ({p.quantization}) against {p.against}", fontsize=11)
        out = io.BytesIO()
        figure.savefig(
            out, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None
        )
    return out.getvalue()


def _divergences(axes: Any, measured: MeasuredParity) -> None:
    """Share of positions below each divergence."""
    rows = measured.rows
    for name, chosen, colour in (
        ("text", rows.kind == TEXT_POSITION, _BLUE),
        ("motion", rows.kind != TEXT_POSITION, _ORANGE),
    ):
        kl = np.sort(np.maximum(rows.kl[chosen], _SMALLEST_KL))
        axes.plot(
            kl, np.arange(1, len(kl) + 1) / len(kl), label=f"{name} ({len(kl):,})", color=colour
        )
    axes.set(
        xscale="log",
        ylim=(0, 1.02),
        title="Next token: divergence",
        xlabel="KL from source to bundle, nats",
    )
    axes.set_ylabel("share of positions below")
    axes.legend(frameon=False, loc="upper left")


def _agreement(axes: Any, parity: ParityReport) -> None:
    """Share of positions with the same most probable token."""
    shares = {"text": parity.text.top1} | {
        f"level {q}": level.top1 for q, level in enumerate(parity.levels)
    }
    colours = [_BLUE] + [_ORANGE] * len(parity.levels)
    bars = axes.bar(
        list(shares), [100 * share for share in shares.values()], color=colours, width=0.65
    )
    axes.bar_label(bars, fmt="%.1f", padding=2)
    axes.set(
        ylim=(0, 112),
        yticks=range(0, 101, 20),
        title="Same most probable token",
        ylabel="% of positions",
    )
    axes.grid(visible=False, axis="x")


def _distances(axes: Any, parity: ParityReport) -> None:
    """Mean joint distance as the clips go on."""
    curves = (
        ("two answers of the source", parity.apart, _GREY),
        ("sampled, equal draws", parity.sampled, _BLUE),
        ("greedy", parity.greedy, _ORANGE),
    )
    for name, clips, colour in curves:
        seconds = (
            np.arange(1, len(clips.curve_mm) + 1) * parity.seconds / max(1, len(clips.curve_mm))
        )
        axes.plot(seconds, clips.curve_mm, label=f"{name}: {clips.mean_mm:.0f} mm", color=colour)
    axes.set(
        title="Joints of bundle and source", xlabel="seconds of motion", ylabel="mean distance, mm"
    )
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper left")

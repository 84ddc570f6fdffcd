"""Reports: a page, the figures as JSON, a picture."""

from __future__ import annotations

import io
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machine import describe

if TYPE_CHECKING:
    from kinetoken import Generator

COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#805ad5", "#a0aec0", "#b83280")
STYLE: Any = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e2e8f0",
    "axes.axisbelow": True, "svg.hashsalt": "kinetoken", "font.family": "DejaVu Sans",
}  # fmt: skip
Points = Sequence[tuple[float, float]]


def heading(title: str, *said: str) -> list[str]:
    """First lines of a page: title, machine and command."""
    return [f"# {title}", "", f"{describe()}. `python {command()}`", *said, ""]


def examples_of(generator: Generator) -> tuple[str, ...]:
    """The prompts that a bundle names as its examples; ends the program if it names none."""
    examples = generator.manifest.examples
    if not examples:
        name = generator.manifest.name
        raise SystemExit(
            f"expected a bundle that names examples, and {name} has none: "
            "write some into kinetoken.json beside the checkpoint and export it again"
        )
    return examples


def command() -> str:
    """This run's command line, without folders."""
    return shlex.join(
        part if not Path(part).is_absolute() else Path(part).name for part in sys.argv
    )


def table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A Markdown table with numbers on the right."""
    numeric = [
        all(isinstance(row[i], int | float) or _is_number(str(row[i])) for row in rows)
        for i in range(len(names))
    ]
    lines = [
        "| " + " | ".join(names) + " |",
        "|" + "|".join("---:" if n else "---" for n in numeric) + "|",
    ]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows), ""]


def _is_number(text: str) -> bool:
    return text[:1].isdigit() or text in ("", "-")


def write(
    out: Path | None, lines: Sequence[str], record: Mapping[str, Any], picture: bytes | None = None
) -> None:
    """Print the page; with OUT, write OUT.md, OUT.json and OUT.svg."""
    if out is not None and picture is not None:
        lines = [*lines, f"![{out.stem}]({out.stem}.svg)", ""]
    page = "\n".join(lines)
    print(page)
    if out is None:
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".md").write_text(page, encoding="utf-8")
    whole = {"machine": describe(), "command": command(), **record}
    out.with_suffix(".json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    if picture is not None:
        out.with_suffix(".svg").write_bytes(picture)


def curves(
    lines: Mapping[str, Points],
    xlabel: str,
    ylabel: str,
    title: str = "",
    *,
    log: bool = False,
    line_at: float | None = None,
) -> bytes | None:
    """Lines over a number, both scales logarithmic or neither; None without matplotlib."""

    def draw(axes: Any) -> None:
        for (name, points), colour in zip(lines.items(), COLOURS * 9, strict=False):
            axes.plot(
                *zip(*points, strict=True), marker="o", markersize=3, label=name, color=colour
            )
        if log:
            axes.set(xscale="log", yscale="log")
        else:
            axes.set_ylim(bottom=0)
        if line_at is not None:
            axes.axhline(line_at, color="#1a202c", linewidth=1, linestyle="--")
        axes.legend(frameon=False)

    return _svg(draw, xlabel, ylabel, title)


def bars(values: Mapping[str, float], xlabel: str, title: str = "") -> bytes | None:
    """A bar for each name, the first on top; None without matplotlib."""

    def draw(axes: Any) -> None:
        found = axes.barh(
            list(values)[::-1], list(values.values())[::-1], color=COLOURS[0], height=0.6
        )
        axes.bar_label(
            found, fmt=lambda value: f"{value:,.0f}" if value >= 100 else f"{value:.3g}", padding=3
        )
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.15)

    return _svg(draw, xlabel, "", title)


def _svg(draw: Any, xlabel: str, ylabel: str, title: str) -> bytes | None:
    """SVG; equal figures give equal bytes."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 3.6), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()

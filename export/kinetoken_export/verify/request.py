"""The options of `kinetoken verify`, parsed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..checkpoint.sources import Source

DEFAULT_SECONDS: Final = 4.0
"""Length of each clip, if the model holds as much."""


@dataclass(frozen=True)
class VerifyRequest:
    """One comparison of a bundle with what it was made from."""

    bundle: Path
    against: Source
    """The checkpoint."""
    prompts: tuple[str, ...]
    codec: Source | None = None
    """None: the bundle's decoder is taken as right."""
    seconds: float | None = None
    """Length of each clip; None: DEFAULT_SECONDS, or what the model holds."""
    trust_code: bool = False
    """Whether the codec's own Python file may run."""
    codec_adapter: Path | None = None
    """Python file that the codec was exported with."""
    out: Path | None = None
    """Folder of the report; None: the bundle."""
    reference: str | None = None
    """"transformers" or "own"; None: transformers where it can be."""
    json: bool = False
    """Whether the report is printed as JSON."""
    adapter: Path | None = None
    """The LoRA that was merged into the checkpoint."""

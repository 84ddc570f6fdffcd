"""How a bundle is loaded, as a caller asks for it: as one object, or by keyword."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Final, TypedDict

from ..base.errors import InputError
from ..manifest.sampling_numbers import is_number

AUTO_PROVIDER: Final = "auto"
PROVIDERS: Final = (AUTO_PROVIDER, "cpu", "cuda", "tensorrt")
"""ONNX Runtime's providers that a caller may ask for."""
DEFAULT_TIMEOUT: Final = 60.0  # seconds
_WHOLE_OR_TEXT: Final = {
    "lookahead": Integral, "gpu_layers": Integral, "engine": str, "engine_kind": str, "engine_model": str,
}  # fmt: skip


def check_provider(asked: str | None) -> str:
    """The provider that is asked for. InputError if there is none of this name."""
    if asked not in (None, *PROVIDERS):
        raise InputError(f"provider: expected {', '.join(PROVIDERS)}, got {asked!r}")
    return asked or AUTO_PROVIDER


class LoadKeywords(TypedDict, total=False):
    """The fields of `LoadOptions`, by keyword."""

    threads: int | None
    lookahead: int | None
    gpu_layers: int | None
    provider: str | None
    engine: str | None
    engine_kind: str | None
    engine_model: str | None
    engine_timeout: float | None
    exact: bool


@dataclass(frozen=True)
class LoadOptions:
    """How a bundle is loaded; None leaves the choice to the bundle or the engine."""

    threads: int | None = None
    """Threads of each engine; None: $KINETOKEN_THREADS, else the engine's choice."""
    lookahead: int | None = None
    """Latent frames that the decoder waits for, 0 to the codec's own.

    Fewer bring the pose sooner and cost what the manifest's `lookahead_errors` say.
    """
    gpu_layers: int | None = None
    """Layers of a GGUF model on the graphics card; None: all."""
    provider: str | None = None
    """ONNX Runtime's provider: "cpu", "cuda", "tensorrt"; None or "auto": CUDA if present."""
    engine: str | None = None
    """URL of a server that runs the language model (docs/servers.md).

    The bundle's own model is then neither loaded nor needed.
    """
    engine_kind: str | None = None
    """Kind of server: "llama-server", "llama-cpp-python", "vllm" or "openai"; None: ask it."""
    engine_model: str | None = None
    """The server's name for the model; needed if it has several."""
    engine_timeout: float | None = None
    """Seconds of silence after which the server is given up; None: DEFAULT_TIMEOUT."""
    exact: bool = False
    """Compute the language model so that the same seed gives the same tokens on every processor.

    Slower, and for fused ONNX bundles only (docs/same-seed.md).
    """

    def __post_init__(self) -> None:
        check_provider(self.provider)
        for name, kind in _WHOLE_OR_TEXT.items():
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, kind)):
                expected = "a whole number" if kind is Integral else "text"
                raise InputError(f"{name.replace('_', '-')}: expected {expected}, got {value!r}")
        if self.engine_timeout is not None and not is_number(self.engine_timeout, Real):
            raise InputError(f"engine-timeout: expected seconds, got {self.engine_timeout!r}")
        if not isinstance(self.exact, bool):
            raise InputError(f"exact: expected True or False, got {self.exact!r}")
        if self.engine is not None:
            return
        for name in ("engine_kind", "engine_model", "engine_timeout"):
            if getattr(self, name) is not None:
                option = name.replace("_", "-")
                raise InputError(f"{option} describes the server that engine names; give both")


def one_set_of_load_options(options: LoadOptions | None, keywords: LoadKeywords) -> LoadOptions:
    """The options, given as an object or by keyword. InputError for both, or an unknown keyword."""
    if not isinstance(options, LoadOptions | None):
        raise InputError(f"options: expected a LoadOptions, got {options!r:.60}")
    if options is not None and keywords:
        raise InputError("give options as one LoadOptions or by keyword, not both")
    known = [field.name for field in fields(LoadOptions)]
    if unknown := sorted(set(keywords) - set(known)):
        raise InputError(f"unknown option {unknown[0]!r}; known are {', '.join(known)}")
    return options or LoadOptions(**keywords)

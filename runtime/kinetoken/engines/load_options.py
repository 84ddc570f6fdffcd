"""How a bundle is loaded, as a caller asks for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoadOptions:
    """How a bundle is loaded; None leaves the choice to the bundle or the engine."""

    threads: int | None = None
    """Of the engines; None: $KINETOKEN_THREADS, else the engine's choice."""
    lookahead: int | None = None
    """Latent frames that the decoder waits for; fewer bring the pose sooner, as the manifest's lookahead_errors say."""
    gpu_layers: int | None = None
    """Layers of a GGUF model on the graphics card; None: all."""
    provider: str | None = None
    """Of ONNX Runtime: "cpu", "cuda", "tensorrt"; None or "auto": CUDA where it is there."""
    engine: str | None = None
    """URL of a server that runs the language model instead; the bundle's own is then neither loaded nor needed."""
    engine_kind: str | None = None
    """What that server is, where it does not say so itself: "llama-server", "llama-cpp-python", "vllm" or "openai"."""
    engine_model: str | None = None
    """Its name for the model, where it has several."""
    engine_timeout: float | None = None
    """Seconds of silence after which it is given up; None: 60."""

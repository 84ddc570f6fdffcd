"""ONNX Runtime's sessions; the only file that knows it."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...base.errors import EngineError, MissingPackageError
from ...base.foreign_calls import stoppable
from ...manifest.schema import LanguageModelInfo
from ..threads import requested_threads
from .providers import (
    CARD_PROVIDERS,
    CPU,
    OPTION_OF_PROVIDER,
    DeviceBuffer,
    fallback_warning,
    provider_chain,
    with_provider_options,
)

# Releases of 2026 report to their maker that they run, on Linux too, and keep an id for that. They
# read these variables once, when they are loaded.
for _switch in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):
    os.environ.setdefault(_switch, "1")
try:
    import onnxruntime as ort
except ImportError as error:
    raise MissingPackageError("onnxruntime") from error

WARNING, FATAL = 2, 4  # of ONNX Runtime's log
DECODER_SECONDS = 60.0
"""Seconds that the decoder may take for one latent frame; it needs a few milliseconds."""
MODEL_SECONDS, SECONDS_A_TOKEN = 60.0, 10.0
"""What a pass of the language model may take; the slowest machine that was seen needs 1 s a token."""
OrtSession: TypeAlias = Any
"""The library's own session."""


def warn_of_two_packages() -> None:
    """Warn if onnxruntime and onnxruntime-gpu are both installed.

    They own the same files: which of them runs is then an accident.
    """
    if all(map(_is_installed, ("onnxruntime", "onnxruntime-gpu"))):
        advice = "pip uninstall -y onnxruntime onnxruntime-gpu, then install the one you want"
        warnings.warn(
            f"onnxruntime and onnxruntime-gpu are both installed: {advice}",
            RuntimeWarning,
            stacklevel=2,
        )


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def open_ort_session(
    path: Path, thread_count: int | None = None, provider: str | None = "cpu"
) -> OrtSession:
    """A session on the processor, or where `provider` says; warns if a lesser provider is used.

    EngineError for a file that is not a graph.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = requested_threads(thread_count)
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised, and need not be printed too
    # Spinning threads would burn the cores that the viewer and the codec need between two tokens.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    available = ort.get_available_providers()
    session, failed = _best(path, options, provider_chain(provider, available))
    told = fallback_warning(
        provider, available, session.get_providers(), Path(ort.__file__).parent / "capi", failed
    )
    if told is not None:
        warnings.warn(
            told, RuntimeWarning, stacklevel=1
        )  # from one place: said once, not for every graph
    return session


def _best(path: Path, options: ort.SessionOptions, wanted: list[str]) -> tuple[OrtSession, str]:
    """A session on the first provider that starts, and the error of the one before it."""
    failed = ""
    while True:
        try:
            return _create(path, options, wanted), failed
        except Exception as error:  # the library's exceptions share no public base
            if len(wanted) == 1:
                advice = "export the bundle again"
                raise EngineError(
                    f"ONNX Runtime cannot load {path}: {first_line(error)}; {advice}"
                ) from error
            wanted, failed = wanted[1:], failed or first_line(error)


def _create(path: Path, options: ort.SessionOptions, wanted: list[str]) -> OrtSession:
    """A session on these providers.

    ONNX Runtime writes to standard error what a provider cannot do; the warning says it better.
    """
    if wanted == [CPU]:
        with _stoppable_loading(options):
            return ort.InferenceSession(str(path), options, providers=wanted)
    ort.set_default_logger_severity(FATAL)
    try:
        if hasattr(ort, "preload_dlls"):
            with contextlib.redirect_stdout(io.StringIO()):  # which may be where motion goes
                ort.preload_dlls()  # the loader does not look where pip put CUDA and cuDNN
        with _stoppable_loading(options):
            return ort.InferenceSession(
                str(path),
                options,
                providers=with_provider_options(wanted, _compiled()),
                enable_fallback=0,
            )
    finally:
        ort.set_default_logger_severity(WARNING)


def _stoppable_loading(options: ort.SessionOptions) -> contextlib.AbstractContextManager[Any]:
    """Let Ctrl-C end the loading of a graph."""
    return stoppable("the loading of a graph", lambda: options.set_load_cancellation_flag(True))


def session_device(session: OrtSession) -> str:
    """The device on which a session computes: "cpu" or "cuda"."""
    return "cuda" if session.get_providers()[0] in CARD_PROVIDERS else "cpu"


def session_provider(session: OrtSession) -> str:
    """The provider that a session got, as an option for others beside it."""
    return OPTION_OF_PROVIDER[str(session.get_providers()[0])]


@contextlib.contextmanager
def ort_run(name: str, limit: float | None = None) -> Iterator[Any]:
    """Run options for one run, which Ctrl-C can end. EngineError if it fails.

    `name`: what runs, as in "the decoder". `limit`: seconds that it may take; None: any.
    """
    options = ort.RunOptions()
    options.log_severity_level = FATAL  # what fails is raised
    with stoppable(name, lambda: setattr(options, "terminate", True), limit) as call:
        try:
            yield options
        except Exception as error:  # the library's exceptions share no public base
            if call.overdue:
                raise EngineError(
                    f"{name} was stopped after {limit:g} s without a result: does it loop for "
                    "ever? Export the bundle again"
                ) from error
            raise EngineError(f"ONNX Runtime failed in {name}: {first_line(error)}") from error


def model_run(tokens: int, device: str) -> contextlib.AbstractContextManager[Any]:
    """`ort_run` of the language model over so many tokens; a graphics card may compile first."""
    limit = MODEL_SECONDS + SECONDS_A_TOKEN * tokens if device == "cpu" else None
    return ort_run("the language model", limit)


class OnnxSession:
    """A graph with one input and one output: the codec's decoder."""

    def __init__(
        self, path: Path, thread_count: int | None = None, provider: str | None = "cpu"
    ) -> None:
        self._session = open_ort_session(path, thread_count, provider)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise EngineError(
                f"{path}: expected one input and one output, got {len(inputs)} and {len(outputs)}"
            )
        self._input, self._outputs = inputs[0].name, [outputs[0].name]
        on_card = session_device(self._session) != "cpu"  # which may compile for minutes
        self._limit = None if on_card else DECODER_SECONDS

    def run(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """One forward pass. EngineError if it fails."""
        feeds = {self._input: value}
        with ort_run("the decoder", self._limit) as options:
            result: NDArray[np.float32] = self._session.run(self._outputs, feeds, options)[0]
        return result


def engine_version() -> str:
    """Name and version of the library."""
    return f"onnxruntime {ort.__version__}"


def onnx_fingerprint(
    info: LanguageModelInfo, cache_type: type[np.floating[Any]], graph: str, device: str
) -> str:
    """Identity of what a run's state depends on beside the model's file."""
    shape = f"{2 * info.layers}x{info.kv_heads}x{info.head_dim}"
    return f"{engine_version()} {graph} {device} {np.dtype(cache_type).name} {shape}"


def array_type(value: Any) -> type[np.floating[Any]]:
    """The numpy type of a float input or output."""
    return np.float16 if value.type == "tensor(float16)" else np.float32


def ort_value(array: NDArray[Any]) -> Any:
    """The array as the engine takes it, without a copy."""
    return ort.OrtValue.ortvalue_from_numpy(array)


def first_line(error: Exception) -> str:
    """The library's message of an exception, short."""
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__


def make_buffer(shape: Sequence[int], kind: type[np.floating[Any]], device: str) -> DeviceBuffer:
    """An array that the engine reads and writes in place: of zeros, or of anything on a card."""
    return DeviceBuffer(ort.OrtValue, shape, kind, device)


def _compiled() -> Path | None:
    """The user's folder for what TensorRT compiled; None for a user without a home."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None
    return Path(home) / "kinetoken" / "tensorrt"

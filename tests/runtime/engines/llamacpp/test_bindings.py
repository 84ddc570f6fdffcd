"""The package that brings llama.cpp: which one is used, and the layouts of a prebuilt library's structs."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from kinetoken.base.errors import EngineError, InputError, MissingPackageError
from kinetoken.engines.llamacpp.bindings import packages, processor
from kinetoken.engines.llamacpp.bindings.prebuilt import (
    PrebuiltLlama,
    PrebuiltMtmd,
    load_prebuilt,
)
from kinetoken.engines.llamacpp.bindings.struct_layouts import (
    CONTEXT_PARAMS,
    MODEL_PARAMS,
    MTMD_PARAMS,
    RESERVE,
    SOME,
    Layout,
)

HERE = Path(__file__).parent
LAYOUTS = [*MODEL_PARAMS, *CONTEXT_PARAMS, *MTMD_PARAMS]


def defaults(layout: Layout) -> bytearray:
    """A struct of a layout with its defaults, as a library gives it."""
    params = layout.struct()()
    for name, kind, default in layout.fields:
        if default is SOME:
            setattr(params, name, 0x7F00_1234_5678)
        elif default is not None:
            setattr(params, name, kind(default).value)
    return bytearray(params)


def misfit(layout: Layout, data: bytes) -> str | None:
    return layout.misfit(layout.struct().from_buffer_copy(data.ljust(RESERVE, b"\0")))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_fits_its_own_defaults_and_no_other(layout: Layout) -> None:
    data = bytes(defaults(layout))
    assert misfit(layout, data) is None
    for other in LAYOUTS:
        assert other is layout or misfit(other, data)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("width", [4, 8])
def test_a_field_more_or_less_is_seen_by_values_or_size(layout: Layout, width: int) -> None:
    """Only a null among nulls cannot be told by values: then the size differs."""
    data, struct = bytes(defaults(layout)), layout.struct()
    places = [getattr(struct, name).offset for name, _, _ in layout.fields]
    seen = 0
    for at in places:
        longer = misfit(layout, data[:at] + bytes(width) + data[at:-width])
        shorter = misfit(layout, data[:at] + data[at + width :])
        seen += (longer is not None) + (shorter is not None)
        assert max(layout.sizes()) + width not in layout.sizes()
        assert min(layout.sizes()) - width not in layout.sizes()
    assert seen > len(places), "most places are told by values alone"


def test_the_package_that_is_named_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in (("llama-cpp-python", "llama_cpp"), ("xllamacpp", "xllamacpp")):
        monkeypatch.setenv(packages.LLAMA_VARIABLE, name)
        found = packages.find_llama_package()
        assert (found is None) == (find_spec(module) is None)
        assert found is None or found.name == name
    monkeypatch.setenv(packages.LLAMA_VARIABLE, "llama")
    with pytest.raises(InputError, match="expected llama-cpp-python or xllamacpp, got 'llama'"):
        packages.find_llama_package()


def test_the_extra_of_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("llama_cpp", "xllamacpp"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=r"llama\.cpp.*\[llama\].*\[llama-wheel\]"):
        packages.require_llama_package()
    monkeypatch.setenv(packages.LLAMA_VARIABLE, "xllamacpp")
    with pytest.raises(MissingPackageError, match=r"xllamacpp.*\[llama-wheel\]"):
        packages.require_llama_package()


def test_a_processor_without_the_kernels_is_refused_before_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    old, new, silent = (tmp_path / name for name in ("old", "new", "silent"))
    old.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 avx f16c\nbugs\t\t: avx2\n")
    new.write_text("flags\t\t: avx avx2 f16c fma bmi2 avx512bw avx512_vnni\n")
    with pytest.raises(EngineError, match=r"has no AVX2, FMA, BMI2, which xllamacpp 1 is built"):
        processor.check_kernels("xllamacpp 1", old)
    processor.check_kernels("xllamacpp 1", new)
    processor.check_kernels("xllamacpp 1", silent)
    told = "CPU : AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | BMI2 = 1 | REPACK = 1 | "
    assert processor.missing_kernels(told, new) == ("AVX512", "AVX512_VNNI")
    assert processor.missing_kernels(told, old) == processor.missing_kernels(told, silent) == ()


def test_weights_are_not_reordered_for_kernels_that_crash() -> None:
    told = "CPU : AVX512 = 1 | AVX512_VNNI = 1 | {} | LLAMAFILE = 1 | REPACK = 1 | "
    assert not processor.may_reorder_weights(told.format("AMX_INT8 = 1"))
    assert processor.may_reorder_weights(told.format("AMX_INT8 = 0"))
    assert processor.may_reorder_weights(told.format("AVX512_BF16 = 1"))


@pytest.fixture
def prebuilt(monkeypatch: pytest.MonkeyPatch) -> packages.LlamaPackage:
    pytest.importorskip("xllamacpp", reason='needs xllamacpp: pip install ".[llama-wheel]"')
    monkeypatch.setenv(packages.LLAMA_VARIABLE, "xllamacpp")
    return packages.require_llama_package()


def test_the_library_is_bound(prebuilt: packages.LlamaPackage) -> None:
    library = load_prebuilt(prebuilt)
    llama = PrebuiltLlama(library)
    params = llama.llama_context_default_params()
    assert (params.n_ctx, params.n_batch, params.no_perf, params.swa_full) == (512, 2048, 1, 1)
    assert llama.llama_model_default_params().n_gpu_layers == -1
    assert b"CPU" in llama.llama_print_system_info()
    mtmd = PrebuiltMtmd(library)
    marker = ctypes.string_at(mtmd.mtmd_context_params_default().media_marker)
    assert marker == mtmd.mtmd_default_marker()


def test_a_library_without_the_functions_is_one_sentence() -> None:
    with pytest.raises(EngineError, match=r"no llama_batch_get_one: in the clone.*pip install"):
        PrebuiltLlama(ctypes.CDLL(None))


def test_the_engine_passes_its_tests_with_the_prebuilt_library_too(
    prebuilt: packages.LlamaPackage,
) -> None:
    """In a process of its own: one process loads one library."""
    pytest.importorskip("llama_cpp", reason="the whole run uses the prebuilt library already")
    files = [str(HERE / name) for name in ("test_llamacpp.py", "test_narrow_head.py")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files],
        cwd=HERE.parents[3],
        env=os.environ | {packages.LLAMA_VARIABLE: prebuilt.name},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout

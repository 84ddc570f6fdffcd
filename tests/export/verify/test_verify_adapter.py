"""verify with an adapter: PEFT computes it, and a bundle that was made without it is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
transformers = pytest.importorskip("transformers", reason="needs transformers beside the project")
peft = pytest.importorskip("peft", reason="needs peft beside the project")

from codec_states import residual_state, write_statistics
from kinetoken.cli.main import main
from kinetoken_export.checkpoint.sources import find_model
from kinetoken_export.verify.report import ParityReport, verify
from kinetoken_export.verify.request import VerifyRequest
from tiny_families import build_family

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "attention": ("qwen2", {"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}),
    "head of a tied model": (
        "qwen3_tied",
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    ),
    "new tokens": ("qwen3_tied", {"target_modules": ["down_proj"]}),
}


def made(folder: Path, case: str) -> None:
    """A base model, an adapter of random numbers, a codec, and the bundle of all three."""
    name, fields = CASES[case]
    base = build_family(folder / "base", name)
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(base, torch_dtype=torch.float32)
    if case == "new tokens":
        model.resize_token_embeddings(model.config.vocab_size + 5)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=7, **fields)
    model = peft.get_peft_model(model, config)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder / "adapter")
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(4, 16)}, folder / "codec" / "net.tar")
    words = ["export", str(base), "--codec", str(folder / "codec"), "--quant", "fp32"]
    words += ["--context", "256", "-o"]
    assert main([*words, str(folder / "plain")]) == 0
    assert main([*words, str(folder / "bundle"), "--adapter", str(folder / "adapter")]) == 0


def compared(folder: Path, bundle: str, reference: str = "transformers") -> ParityReport:
    request = VerifyRequest(
        folder / bundle,
        find_model(str(folder / "base")),
        ("a person walks",),
        seconds=0.4,
        reference=reference,
        adapter=folder / "adapter",
    )
    return verify(request).parity


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_peft_is_the_reference(case: str, tmp_path: Path) -> None:
    made(tmp_path, case)
    for reference in ("transformers", "own"):
        parity = compared(tmp_path, "bundle", reference)
        assert ("peft" in parity.reference) == (reference == "transformers")
        assert not parity.findings
        assert parity.text.kl_p99 < 1e-6
        assert parity.motion.kl_p99 < 1e-6
    if case != "new tokens":  # the plain bundle has fewer rows
        found = compared(tmp_path, "plain")
        assert any("was meant" in line or "read" in line for line in found.findings)

"""The README's two commands are the ones that the gate runs; links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["play", "test"])
def test_each_of_the_two_commands_is_one_line_that_the_gate_runs(name: str) -> None:
    block = re.search(rf"<!-- ci: {name} -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert block
    assert len(block[1].strip().splitlines()) == 1
    assert f"readme_command {name} | bash" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_links_inside_the_project_lead_somewhere() -> None:
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("*/README.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "export" / "checkpoints" / "demo" / "README.md",
    ]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_the_prompts_that_it_offers_are_examples_of_the_demo() -> None:
    from kinetoken.generation.bundle import DEMO_BUNDLE
    from kinetoken.manifest.manifest_file import read_manifest

    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    offered = re.findall(
        r'`"([a-z ,]+)"`', text.partition("More prompts:")[2].partition("It knows")[0]
    )
    assert len(offered) >= 4
    assert set(offered) <= set(read_manifest(DEMO_BUNDLE).examples)

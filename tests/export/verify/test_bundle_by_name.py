"""kinetoken verify hf:OWNER/NAME: measured in the cache, where no report is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_hub import serving_hub
from kinetoken.cli import main as cli
from tiny_bundle import build_tiny_bundle


def test_a_bundle_of_the_hub_keeps_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    against = ("--against", str(tmp_path / "nothing"))
    with serving_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hub.publish("some/walker", build_tiny_bundle(tmp_path / "tiny"))
        assert cli.main(["verify", "hf:some/walker", *against]) == 2
        assert "stays as the hub has it: name a folder for the report" in capsys.readouterr().err
        assert hub.asked == []
        assert cli.main(["verify", "hf:some/walker", *against, "-o", str(tmp_path)]) == 2
        assert "found nothing at" in capsys.readouterr().err
        assert hub.sent > 0

"""--bundle hf:OWNER/NAME and --compare bundle=hf:...: pulled before anything opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from called import play
from fake_hub import FakeHub, serving_hub
from kinetoken.base.errors import DownloadError

pytestmark = pytest.mark.usefixtures("own_folder")
SHORT = ("--seconds", "0.6", "--size", "96x64", "--max-thought", "2", "--seed", "1")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A hub and an empty cache, which the environment names."""
    with serving_hub() as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.endpoint)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield fake


def test_a_prompt_is_answered_by_a_bundle_of_the_hub(hub: FakeHub, tiny_bundle: Path) -> None:
    hub.publish("some/walker", tiny_bundle)
    assert play("walk", "--film", "a.png", "--bundle", "hf:some/walker", *SHORT) == 0
    with Image.open("a.png") as image:
        assert image.size == (96, 64)


def test_bundles_of_the_hub_are_compared(
    hub: FakeHub, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.publish("some/walker", tiny_bundle)
    hub.publish("some/runner", tiny_bundle)
    names = "bundle=hf:some/walker,hf:some/runner"
    assert play("walk", "--compare", names, "--film", "a.gif", *SHORT) == 0
    assert "walker, runner -> a.gif" in capsys.readouterr().out


def test_what_the_hub_does_not_have_is_told_before_anything_opens(hub: FakeHub) -> None:
    for more in (["--bundle", "hf:some/nothing"], ["--compare", "bundle=hf:a/b,hf:c/d"]):
        with pytest.raises(DownloadError, match="or it is private"):
            play("walk", "--film", "a.gif", *more, *SHORT)
    assert not Path("a.gif").exists()

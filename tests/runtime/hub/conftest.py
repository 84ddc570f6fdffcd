"""A fake hub, and a store and an environment of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fake_hub import FakeHub, serving_hub
from kinetoken.hub.bundle_name import BundleName
from kinetoken.hub.bundle_store import BundleStore
from kinetoken.hub.hub_client import HubClient
from kinetoken.hub.pull import Pulled, pull_bundle

Pull = Callable[..., Pulled]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """An empty hub, which the environment names."""
    with serving_hub() as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield fake


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BundleStore:
    """The user's store, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return BundleStore.of_user()


@pytest.fixture
def pull(hub: FakeHub, store: BundleStore) -> Pull:
    """Pull by name, without long waits."""

    def call(text: str, token: str | None = None, waits: tuple[float, ...] = (0.0,) * 3) -> Pulled:
        return pull_bundle(
            BundleName.parse(text), hub=HubClient(hub.endpoint, token, waits), store=store
        )

    return call

"""The store: what is listed, removed, and left after a process was killed."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

import kinetoken
from fake_hub import FakeHub
from kinetoken.hub.bundle_name import BundleName
from kinetoken.hub.bundle_store import BundleStore

NAME = BundleName("some", "walker")


def kept(store: BundleStore) -> list[Path]:
    """Every file but the locks."""
    return [p for p in store.root.rglob("*") if p.is_file() and ".locks" not in p.parts]


def test_an_empty_store_is_empty(store: BundleStore) -> None:
    assert store.bundles() == []
    assert store.find(NAME) is None
    with pytest.raises(kinetoken.InputError, match="hf:some/walker is not here; `kinetoken list`"):
        store.remove(NAME)


def test_what_was_pulled_is_listed_and_removed(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    commit = hub.publish("some/walker", tiny, "v1", "main")
    hub.publish("another/one", tiny)
    for name in ("some/walker", "some/walker@v1", "another/one"):
        pull(name)
    listed = store.bundles()
    assert [bundle.name for bundle in listed] == ["hf:another/one", "hf:some/walker"]
    assert listed[1].revisions == ("main", "v1", commit)
    assert listed[1].bytes == sum(p.stat().st_size for p in listed[1].folder.iterdir())
    assert store.remove(BundleName("another", "one")) == listed[:1]
    assert store.remove(NAME) == listed[1:]
    assert store.bundles() == []
    assert kept(store) == []
    assert store.find(NAME) is None


def test_one_revision_is_removed_by_any_of_its_names(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path, tmp_path: Path
) -> None:
    first = hub.publish("some/walker", tiny, "v1", "main")
    pull("some/walker")
    pull("some/walker@v1")
    changed = Path(shutil.copytree(tiny, tmp_path / "changed"))
    data = json.loads((changed / "bundle.json").read_text())
    (changed / "bundle.json").write_text(json.dumps(data | {"name": "changed"}))
    hub.publish("some/walker", changed)
    newest = pull("some/walker").folder
    with pytest.raises(kinetoken.InputError, match="hf:some/walker@v2 is not here"):
        store.remove(NAME.at("v2"))
    assert [bundle.name for bundle in store.remove(NAME.at(first[:8]))] == ["hf:some/walker@v1"]
    assert store.find(NAME) == newest
    assert store.find(NAME.at("v1")) is None
    assert store.find(NAME.at(first)) is None
    pull("some/walker@v1")
    store.remove(NAME)
    assert kept(store) == []


def test_a_part_is_listed_and_removed(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    hub.publish("some/walker", tiny)
    hub.corrupt.add("lm.onnx")
    with pytest.raises(kinetoken.BundleError):
        pull("some/walker")
    (part,) = store.bundles()
    assert (part.name, part.whole) == ("hf:some/walker", False)
    assert part.bytes > 0
    assert not (part.folder / "bundle.json").exists()
    assert store.remove(NAME) == [part]
    assert kept(store) == []


def test_damaged_notes_count_as_nothing(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    hub.publish("some/walker", tiny)
    folder = pull("some/walker").folder
    notes = sorted(store.root.rglob("revisions/*.json"))
    for text in ("", "[]", "{}", '{"revision": "main", "bundle": "../../x"}', "\udcff", "null"):
        for note in notes:
            note.write_text(text, encoding="utf-8", errors="surrogateescape")
        assert store.find(NAME) is None
        assert [bundle.whole for bundle in store.bundles()] == [True]
    hub.asked.clear()
    assert pull("some/walker").folder == folder
    assert len(hub.asked) == 1
    assert store.find(NAME) == folder


def test_what_a_killed_process_leaves_is_swept(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    hub.publish("some/walker", tiny)
    home = store.root / "some" / "walker"
    (home / "revisions").mkdir(parents=True)
    (home / "revisions" / ".01234567-1-89abcdef.part.json").write_text("{")
    (home / "parts" / "0123456789abcdef").mkdir(parents=True)
    folder = pull("some/walker").folder
    (home / "parts").mkdir()
    assert pull("some/walker").folder == folder
    assert sorted(path.name for path in home.iterdir()) == ["bundles", "revisions"]
    assert len(list((home / "revisions").iterdir())) == 2
    assert [path.name for path in (home / "bundles").iterdir()] == [folder.name]


def test_a_name_that_differs_only_in_case_is_another(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    hub.publish("some/walker", tiny, "v1")
    pull("some/walker@v1")
    assert store.find(NAME.at("V1")) is None


def test_a_lock_is_for_one_at_a_time(store: BundleStore) -> None:
    order: list[str] = []
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with store.locked(NAME):
            held.set()
            go.wait(5)
            order.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(5)
    with store.locked(BundleName("some", "other")):
        order.append("other")

    def wait() -> None:
        order.append("waits")
        go.set()

    with store.locked(NAME, wait):
        order.append("second")
    thread.join()
    assert order == ["other", "waits", "first", "second"]


def test_without_a_home_one_line_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(kinetoken.OutputError, match="set XDG_CACHE_HOME to a folder"):
        BundleStore.of_user()

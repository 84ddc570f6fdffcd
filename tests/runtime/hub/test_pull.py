"""Pulling: exactly the files of the manifest, checked, resumed, whole or not at all."""

from __future__ import annotations

import errno
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

import kinetoken
from fake_hub import FakeHub, serving_hub
from kinetoken.generation.bundle import bundle_folder, open_manifest
from kinetoken.hub.bundle_name import BundleName
from kinetoken.hub.bundle_store import BundleStore
from kinetoken.hub.download import Downloader
from kinetoken.hub.hub_client import HubClient
from kinetoken.hub.pull import PullState, pull_bundle, pulled_folder
from kinetoken.manifest.file_info import FileInfo
from kinetoken.manifest.manifest_file import read_manifest

NAME = BundleName("some", "walker")
LM = "lm.onnx"


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".cache" not in path.relative_to(folder).parts
    }


def size_of(folder: Path) -> int:
    return sum(map(len, files(folder).values()))


def manifest_of(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    return value


def paths(hub: FakeHub) -> list[str]:
    """Files that were asked for, in order."""
    return [asked.path.partition("/resolve/")[2].partition("/")[2] for asked in hub.asked]


def uncut_until(name: str, folder: Path) -> list[int]:
    """For `FakeHub.cuts`: bundle.json and the files before this one come whole."""
    before = sorted(path for path in files(folder) if path != "bundle.json")
    return [1 << 30] * (1 + before.index(name))


# what a pull brings


def test_a_pull_brings_the_bundle_and_nothing_else(hub: FakeHub, pull: Any, tiny: Path) -> None:
    commit = hub.publish("some/walker", tiny, **{"README.md": b"hello", "lm.bin": b"\x00"})
    pulled = pull("hf:some/walker")
    assert pulled.new
    assert files(pulled.folder) == files(tiny)
    assert paths(hub)[0] == "bundle.json"
    assert sorted(paths(hub)) == sorted(files(tiny))
    assert all(f"/resolve/{commit}/" in asked.path for asked in hub.asked[1:])
    open_manifest(pulled.folder)


def test_what_is_here_is_opened_without_the_network(store: BundleStore, tiny: Path) -> None:
    with serving_hub() as hub:
        hub.publish("some/walker", tiny)
        client = HubClient(hub.endpoint)
        folder = pull_bundle(NAME, hub=client, store=store).folder
    assert bundle_folder("hf:some/walker") == folder
    assert pulled_folder(NAME) == folder
    clip = kinetoken.load("hf:some/walker", threads=1).generate("walk", seconds=1, seed=1)
    assert clip.joints.shape == (20, 22, 3)


def test_a_bundle_may_be_named_wherever_a_folder_may(
    hub: FakeHub, store: BundleStore, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish("some/walker", tiny)
    monkeypatch.setenv("KINETOKEN_BUNDLE", "hf:some/walker")
    states: list[PullState] = []
    folder = bundle_folder(progress=states.append)
    assert folder == store.find(NAME)
    assert states[-1].done == states[-1].total == size_of(folder) - len(files(tiny)["bundle.json"])
    assert kinetoken.load(threads=1).manifest.name == "tiny"
    hub.asked.clear()
    assert bundle_folder("hf:some/walker") == folder
    assert bundle_folder() == folder
    assert hub.asked == []


def test_a_second_pull_asks_only_whether_there_is_news(hub: FakeHub, pull: Any, tiny: Path) -> None:
    hub.publish("some/walker", tiny)
    first = pull("some/walker")
    hub.asked.clear()
    again = pull("some/walker")
    assert (again.new, again.folder) == (False, first.folder)
    assert paths(hub) == ["bundle.json"]


def test_a_commit_that_changes_only_the_readme_brings_nothing(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    old = hub.publish("some/walker", tiny)
    folder = pull("some/walker").folder
    new = hub.publish("some/walker", tiny, **{"README.md": b"news"})
    hub.asked.clear()
    assert pull("some/walker").folder == folder
    assert paths(hub) == ["bundle.json"]
    for revision in (None, "main", old, new, old[:7]):
        assert store.find(NAME.at(revision)) == folder


def other(tiny: Path, folder: Path, name: str = "other") -> Path:
    """The tiny bundle under another name."""
    shutil.copytree(tiny, folder, ignore=shutil.ignore_patterns(".cache"))
    data = manifest_of(folder)
    data["name"] = name
    (folder / "bundle.json").write_text(json.dumps(data), encoding="utf-8")
    return folder


def test_revisions_stand_side_by_side(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path, tmp_path: Path
) -> None:
    old = hub.publish("some/walker", tiny, "v1", "main")
    assert read_manifest(pull("some/walker").folder).name == "tiny"
    hub.publish("some/walker", other(tiny, tmp_path / "other"), "main", "next/try")
    assert read_manifest(pull("some/walker").folder).name == "other"
    assert read_manifest(pull("some/walker@v1").folder).name == "tiny"
    assert read_manifest(pull("some/walker@next/try").folder).name == "other"
    hub.asked.clear()
    assert read_manifest(bundle_folder(f"hf:some/walker@{old[:10]}")).name == "tiny"
    assert read_manifest(bundle_folder(f"hf:some/walker@{old}")).name == "tiny"
    assert hub.asked == []
    names = [(bundle.name, bundle.whole) for bundle in store.bundles()]
    assert sorted(names) == [("hf:some/walker", True), ("hf:some/walker@v1", True)]


# connections


def test_large_files_come_from_another_host_which_never_sees_the_token(
    hub: FakeHub, pull: Any, tiny: Path
) -> None:
    hub.publish("some/walker", tiny)
    hub.repository("some/walker").token = "hf_secret"
    hub.lfs = {LM, "bundle.json"}
    assert files(pull("some/walker", token="hf_secret").folder) == files(tiny)
    elsewhere = [asked for asked in hub.asked if asked.path.startswith("/lfs/")]
    assert {asked.path.rpartition("/")[2] for asked in elsewhere} == {LM, "bundle.json"}
    assert all(asked.authorization is None for asked in elsewhere)
    here = [asked for asked in hub.asked if asked not in elsewhere]
    assert all(asked.authorization == "Bearer hf_secret" for asked in here)


def test_a_renamed_repository_is_found_and_still_sees_the_token(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    hub.publish("new/name", tiny)
    hub.repository("new/name").token = "hf_secret"
    hub.renamed = {"some/walker": "new/name"}
    assert files(pull("some/walker", token="hf_secret").folder) == files(tiny)
    assert store.find(NAME) is not None


@pytest.mark.parametrize("lfs", [False, True])
def test_a_broken_connection_is_taken_up_where_it_broke(
    hub: FakeHub, pull: Any, tiny: Path, lfs: bool
) -> None:
    hub.publish("some/walker", tiny)
    hub.lfs = {LM} if lfs else set()
    size = (tiny / LM).stat().st_size
    hub.cuts = [*uncut_until(LM, tiny), size // 3, 1, 40_000]
    assert files(pull("some/walker").folder) == files(tiny)
    assert hub.cuts == []
    ranges = [asked.range for asked in hub.asked if asked.path.endswith(LM) and asked.sent]
    assert ranges[0] is None
    assert ranges[1] == f"bytes={size // 3}-"
    assert len(ranges) == 4
    assert hub.sent == size_of(tiny)


def test_a_connection_that_is_reset_is_taken_up(hub: FakeHub, pull: Any, tiny: Path) -> None:
    hub.publish("some/walker", tiny)
    hub.reset = True
    hub.cuts = [*uncut_until(LM, tiny), 100_000, 200_000, 50_000]
    assert files(pull("some/walker").folder) == files(tiny)
    assert hub.cuts == []


def test_a_hub_without_ranges_begins_again(hub: FakeHub, pull: Any, tiny: Path) -> None:
    hub.publish("some/walker", tiny)
    hub.ranges, hub.lengths = False, False
    hub.cuts = [1 << 30, 1 << 30, 1 << 30, 1 << 30, 5000]
    assert files(pull("some/walker").folder) == files(tiny)
    assert hub.sent == size_of(tiny) + 5000


def test_a_connection_that_brings_nothing_more_is_given_up_and_taken_up_later(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    hub.publish("some/walker", tiny)
    hub.cuts = [*uncut_until(LM, tiny), 50_000, 0, 0, 0, 0]
    with pytest.raises(kinetoken.DownloadError, match="run the same command again later"):
        pull("some/walker")
    assert store.find(NAME) is None
    assert [bundle.whole for bundle in store.bundles()] == [False]
    hub.cuts.clear()
    hub.asked.clear()
    assert files(pull("some/walker").folder) == files(tiny)
    lm = next(asked for asked in hub.asked if asked.path.endswith(LM))
    assert lm.range == "bytes=50000-"
    assert [bundle.whole for bundle in store.bundles()] == [True]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_hub_is_asked_again(hub: FakeHub, pull: Any, tiny: Path, status: int) -> None:
    hub.publish("some/walker", tiny)
    hub.statuses = [status, 200, status, status]
    assert files(pull("some/walker").folder) == files(tiny)
    hub.statuses = [status] * 9
    with pytest.raises(kinetoken.DownloadError, match=rf"is busy \({status}\)"):
        pull("some/walker")


def test_a_manifest_that_is_cut_is_asked_for_again(hub: FakeHub, pull: Any, tiny: Path) -> None:
    hub.publish("some/walker", tiny)
    hub.cuts = [100]
    assert files(pull("some/walker").folder) == files(tiny)


def test_without_a_network_one_line_says_so_at_once(store: BundleStore, tiny: Path) -> None:
    with serving_hub() as hub:
        client = HubClient(hub.endpoint)
    host = client.endpoint.removeprefix("http://")
    with pytest.raises(kinetoken.DownloadError) as caught:
        pull_bundle(NAME, hub=client, store=store)
    assert str(caught.value) == (
        f"cannot reach {host} (Connection refused); check the network and $HF_ENDPOINT"
    )
    with pytest.raises(kinetoken.DownloadError, match="no such host, or no network"):
        pull_bundle(NAME, hub=HubClient("http://hub.invalid"), store=store)


def test_a_network_that_goes_away_is_waited_for(store: BundleStore, tmp_path: Path) -> None:
    with serving_hub() as hub:
        client = HubClient(hub.endpoint, waits=(0.0, 0.0))
    notes: list[str] = []
    downloader = Downloader(client, NAME, lambda more, note: notes.append(note))
    with pytest.raises(
        kinetoken.DownloadError, match="run the same command again later to continue from here"
    ):
        downloader.fetch(LM, tmp_path / LM, FileInfo(1, "0" * 64))
    assert len(notes) == 2
    assert all(note.endswith("(Connection refused); next try in 0 s") for note in notes)


# refusals


def test_refusals_say_what_to_do(hub: FakeHub, pull: Any, tiny: Path, tmp_path: Path) -> None:
    def refusal(name: str, token: str | None = None) -> str:
        with pytest.raises(kinetoken.KinetokenError) as caught:
            pull(name, token=token)
        assert isinstance(caught.value, kinetoken.DownloadError | kinetoken.BundleError)
        return str(caught.value)

    hub.publish("some/gated", tiny)
    hub.repository("some/gated").token, hub.repository("some/gated").gated = "hf_yes", True
    assert f"accept its terms at {hub.endpoint}/some/gated, then set HF_TOKEN" in refusal(
        "some/gated"
    )
    assert "your HF_TOKEN has no access" in refusal("some/gated", "hf_no")
    assert "has no some/nothing, or it is private (401): check the name" in refusal("some/nothing")
    assert "if it is private, set HF_TOKEN" in refusal("some/nothing")
    assert "what your HF_TOKEN may read" in refusal("some/nothing", "hf_no")
    hub.repository("some/model").commit({"config.json": b"{}"})
    assert "is not a kinetoken bundle: it has no bundle.json" in refusal("some/model")
    assert "`kinetoken export some/model`" in refusal("some/model")
    hub.publish("some/walker", tiny)
    assert "some/walker has no revision 'v9'" in refusal("some/walker@v9")
    hub.repository("some/part").commit({"bundle.json": files(tiny)["bundle.json"]})
    assert "is incomplete: the hub has no Mean.npy" in refusal("some/part")
    hub.statuses = [418]
    assert "refused hf:some/walker (HTTP 418)" in refusal("some/walker")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<html>", "not a JSON object"),
        (b"\xff\xfe", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"architectures": ["Qwen2ForCausalLM"]}', 'expected "format": "kinetoken-bundle"'),
        (b" " * (17 << 20), "has more than 16,777,216 bytes"),
    ],
)
def test_what_is_no_manifest_is_refused_and_nothing_else_is_asked_for(
    hub: FakeHub, pull: Any, raw: bytes, said: str
) -> None:
    hub.repository("some/walker").commit({"bundle.json": raw, "lm.onnx": b"x"})
    with pytest.raises(kinetoken.BundleError, match=said):
        pull("some/walker")
    assert paths(hub) == ["bundle.json"]


@pytest.mark.parametrize(
    "path",
    [
        "../evil", "/evil", "a/../../evil", "..", "C:evil", "a\\evil", "bundle.json", ".cache/digests.json", "a/.git/x",
        "./evil", "a//evil", "evil/", ".",
    ],
)  # fmt: skip
def test_a_path_that_leads_out_or_hides_is_refused_before_anything_is_fetched(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path, path: str
) -> None:
    data = manifest_of(tiny)
    data["files"][path] = {"bytes": 1, "sha256": "0" * 64}
    hub.publish("some/walker", tiny, **{"bundle.json": json.dumps(data).encode()})
    with pytest.raises(kinetoken.BundleError, match="hf:some/walker: "):
        pull("some/walker")
    assert paths(hub) == ["bundle.json"]
    assert not any(path.is_file() and ".locks" not in path.parts for path in store.root.rglob("*"))


@pytest.mark.parametrize("info", [{"bytes": -1, "sha256": "0" * 64}, {"bytes": 1, "sha256": "x"}])
def test_a_file_without_a_size_or_a_digest_is_refused(
    hub: FakeHub, pull: Any, tiny: Path, info: dict[str, Any]
) -> None:
    data = manifest_of(tiny)
    data["files"]["more"] = info
    hub.publish("some/walker", tiny, **{"bundle.json": json.dumps(data).encode()})
    with pytest.raises(kinetoken.BundleError, match="more has no size or no sha256"):
        pull("some/walker")


def test_a_wrong_digest_is_refused_and_the_bundle_is_not_there(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    hub.publish("some/walker", tiny)
    hub.corrupt.add(LM)
    for _ in range(2):
        with pytest.raises(kinetoken.BundleError, match=f"{LM} from the hub is not the file"):
            pull("some/walker")
        assert store.find(NAME) is None
    hub.corrupt.clear()
    assert files(pull("some/walker").folder) == files(tiny)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_wrong_size_is_refused(hub: FakeHub, pull: Any, tiny: Path, change: int) -> None:
    data = manifest_of(tiny)
    data["files"][LM]["bytes"] += change
    hub.publish("some/walker", tiny, **{"bundle.json": json.dumps(data).encode()})
    with pytest.raises(kinetoken.BundleError, match="bytes on the hub and"):
        pull("some/walker")
    hub.lengths = False
    with pytest.raises(kinetoken.KinetokenError, match=r"wrong sha256|is shorter on the hub"):
        pull("some/walker")


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://host", "huggingface.co", "file:///etc", "http://", "http://[x", "http://x:99999"],
)
def test_an_endpoint_that_is_no_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(kinetoken.InputError, match="HF_ENDPOINT"):
        HubClient.from_environment()


def test_the_environment_names_hub_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.setenv("HF_TOKEN", " hf_abc\n")
    client = HubClient.from_environment()
    assert (client.endpoint, client.token) == ("https://huggingface.co", "hf_abc")
    assert "hf_abc" not in repr(client)
    monkeypatch.setenv("HF_TOKEN", "hf\x07abc")
    with pytest.raises(kinetoken.InputError, match="HF_TOKEN"):
        HubClient.from_environment()


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_leads_to_http_alone(
    hub: FakeHub, pull: Any, tiny: Path, target: str, store: BundleStore
) -> None:
    hub.publish("some/walker", tiny)
    hub.lfs, hub.other_host = {LM}, target
    with pytest.raises(kinetoken.DownloadError, match="an address that cannot be followed"):
        pull("some/walker")
    assert store.find(NAME) is None


# the disk


def test_too_little_room_is_said_before_anything_comes(
    hub: FakeHub, pull: Any, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish("some/walker", tiny)
    room = shutil.disk_usage(tiny)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    with pytest.raises(
        kinetoken.OutputError, match=r"0\.6 MB are still to come, and .* has room for 0\.0 MB"
    ):
        pull("some/walker")
    assert paths(hub) == ["bundle.json"]


def test_a_disk_that_fills_up_leaves_what_came(
    hub: FakeHub, pull: Any, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish("some/walker", tiny)
    import os

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(kinetoken.OutputError, match="No space left on device; free some space"):
            pull("some/walker")
    hub.asked.clear()
    assert files(pull("some/walker").folder) == files(tiny)
    assert "Mean.npy" not in paths(hub)


def test_a_store_that_cannot_be_written_is_one_line(
    hub: FakeHub, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish("some/walker", tiny)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(kinetoken.OutputError, match=r"cannot write into .*; free some space there"):
        bundle_folder("hf:some/walker")


def test_damage_in_a_part_is_noticed_and_that_file_fetched_again(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    hub.publish("some/walker", tiny)
    hub.cuts = [*uncut_until(LM, tiny), 50_000, 0, 0, 0]
    with pytest.raises(kinetoken.DownloadError):
        pull("some/walker")
    part = store.bundles()[0].folder / LM
    part.write_bytes(bytes(part.stat().st_size))
    first = store.bundles()[0].folder / "Mean.npy"
    first.write_bytes(first.read_bytes() + b"more")
    hub.asked.clear()
    assert files(pull("some/walker").folder) == files(tiny)
    assert paths(hub).count(LM) == 2  # the rest, and all of it
    assert paths(hub).count("Mean.npy") == 1


def test_pull_mends_a_bundle_that_was_altered(hub: FakeHub, pull: Any, tiny: Path) -> None:
    hub.publish("some/walker", tiny)
    folder = pull("some/walker").folder
    data = bytearray((folder / LM).read_bytes())
    data[100] ^= 1
    (folder / LM).write_bytes(bytes(data))
    (folder / "Std.npy").unlink()
    with pytest.raises(kinetoken.BundleError):
        open_manifest(folder)
    hub.asked.clear()
    mended = pull("some/walker")
    assert (mended.new, mended.folder) == (True, folder)
    assert files(folder) == files(tiny)
    assert paths(hub) == ["bundle.json", "Std.npy", LM]


# several at once


def test_pulls_at_the_same_time_bring_one_bundle(
    hub: FakeHub, store: BundleStore, tiny: Path
) -> None:
    hub.publish("some/walker", tiny)
    hub.rate = 2e6
    found: list[Path] = []
    notes: list[str] = []
    clients = [
        threading.Thread(
            target=lambda: found.append(pulled_folder(NAME, lambda state: notes.append(state.note)))
        )
        for _ in range(4)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert files(found[0]) == files(tiny)
    assert hub.sent == size_of(tiny)
    assert notes.count("another pull is under way") == 3


def test_errors_and_names_never_show_the_token(hub: FakeHub, pull: Any) -> None:
    with pytest.raises(kinetoken.DownloadError) as caught:
        pull("some/nothing", token="hf_secret")
    assert "hf_secret" not in str(caught.value)


def test_a_hub_that_names_no_commit_is_read_by_the_revision(
    hub: FakeHub, pull: Any, store: BundleStore, tiny: Path
) -> None:
    hub.publish("some/walker", tiny, "v1")
    hub.commit_header = False
    assert files(pull("some/walker@v1").folder) == files(tiny)
    assert [bundle.revisions for bundle in store.bundles()] == [("v1",)]

"""Folders and hub ids, and the licence that a model card states."""

from __future__ import annotations

import fnmatch
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from kinetoken.base.errors import InputError, MissingPackageError
from kinetoken_export.checkpoint import sources
from kinetoken_export.checkpoint.sources import find_codec, find_model, read_licence


def test_a_folder_is_itself(tmp_path: Path) -> None:
    (tmp_path / "my-model").mkdir()
    found = find_model(str(tmp_path / "my-model"))
    assert (found.name, found.revision, found.licence) == ("my-model", "", "unknown")


def test_a_folder_of_the_hubs_cache_says_its_commit(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots" / "0123abcd"
    folder.mkdir(parents=True)
    assert find_model(str(folder)).revision == "0123abcd"


def test_weights_alone_are_a_codec_but_no_model(tmp_path: Path) -> None:
    (tmp_path / "net.tar").touch()
    assert find_codec(str(tmp_path / "net.tar")).folder.name == "net.tar"
    with pytest.raises(InputError, match="found a file"):
        find_model(str(tmp_path / "net.tar"))


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("---\nlicense: cc-by-nc-4.0\ntags: [motion]\n---\n# Codec", "cc-by-nc-4.0"),
        ('---\nlicense: other\nlicense_name: "qwen-research"\n---\n', "qwen-research"),
        ("# No header\nlicense: mit", "unknown"),
        ("---\nlicense:\n  - mit\n- cc-by-nc-4.0\ntags:\n- motion\n---\n", "mit, cc-by-nc-4.0"),
        ("\ufeff---\r\nlicense: 'cc-by-nc-4.0' # as the data\r\n---\r\n", "cc-by-nc-4.0"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", "mit, apache-2.0"),
        ("---\nlicence: mit\n---\n", "mit"),
        ("---\nlicense:\ntags:\n- mit\n---\n", "unknown"),
    ],
)
def test_the_licence_is_the_model_cards(tmp_path: Path, card: str, expected: str) -> None:
    (tmp_path / "README.md").write_text(card)
    assert read_licence(tmp_path) == expected


def test_without_a_card_the_config_may_say_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"license": "apache-2.0"}')
    assert read_licence(tmp_path) == "apache-2.0"


def test_a_common_text_tells_its_name(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text(
        "Creative Commons Attribution-NonCommercial 4.0 International"
    )
    assert read_licence(tmp_path) == "cc-by-nc-4.0"


def test_neither_a_folder_nor_a_hub_id_is_one_line() -> None:
    with pytest.raises(InputError, match=r"hub id like owner/name, found nothing at nowhere\b"):
        find_model("nowhere")
    with pytest.raises(InputError, match="found nothing at /no/such/folder"):
        find_model("/no/such/folder")


def test_a_hub_id_is_fetched_with_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "snapshots" / "feed"
    folder.mkdir(parents=True)
    asked: list[object] = []

    def snapshot_download(hub_id: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.extend([hub_id, revision, "*.safetensors" in allow_patterns])
        return str(folder)

    pretend(monkeypatch, snapshot_download)
    found = find_model("owner/name", "main")
    assert (found.folder, found.name, found.revision) == (folder, "owner/name", "feed")
    assert asked == ["owner/name", "main", True]


def test_no_network_and_no_hub_package_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(*args: object, **kwargs: object) -> str:
        raise ConnectionError("no route\nand a long story")

    pretend(monkeypatch, snapshot_download)
    with pytest.raises(
        InputError, match=r"the hub did not give it \(no route\): check the name and the network"
    ):
        find_model("owner/name")
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="huggingface_hub"):
        find_model("owner/name")


@pytest.mark.parametrize(
    ("given", "revision"),
    [("hf:owner/name", None), ("owner/name@v1.0", "v1.0"), ("hf:owner/name@pr/1", "pr/1")],
)
def test_a_hub_id_may_be_written_as_for_bundles(
    given: str, revision: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def snapshot_download(hub_id: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.extend([hub_id, revision])
        return str(tmp_path)

    pretend(monkeypatch, snapshot_download)
    assert find_model(given).name == "owner/name"
    assert asked == ["owner/name", revision]


@pytest.mark.parametrize("find", [find_model, find_codec])
def test_terms_and_slow_tokenizers_are_fetched_too(
    find: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def snapshot_download(hub_id: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.extend(allow_patterns)
        return str(tmp_path)

    pretend(monkeypatch, snapshot_download)
    find("owner/name")
    wanted = {"README.md", "LICENSE.txt", "config.json"}
    wanted |= {"merges.txt", "tokenizer.model"} if find is find_model else {"rvq_model.py"}
    for name in wanted:
        assert any(fnmatch.fnmatch(name, pattern) for pattern in asked), name


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("GatedRepoError", "it is gated: accept its terms on its page, then set HF_TOKEN"),
        ("RepositoryNotFoundError", "no such repository, or it is private"),
        ("RevisionNotFoundError", "no such revision"),
    ],
)
def test_what_the_hub_refuses_is_said(
    kind: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshot_download(*args: object, **kwargs: object) -> str:
        raise type(kind, (OSError,), {})("404 Client Error.")

    pretend(monkeypatch, snapshot_download)
    with pytest.raises(InputError, match=message):
        find_model("owner/name")


def pretend(monkeypatch: pytest.MonkeyPatch, snapshot_download: object) -> None:
    """A huggingface_hub that does what the function does."""
    module = types.ModuleType("huggingface_hub")
    module.__dict__["snapshot_download"] = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: module)

"""kinetoken pull, list and rm: bundles from the hub in the user's cache."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .parser import Subparsers, new_command
from .pull_bar import PullBar, readable_size
from .terminal import printable

if TYPE_CHECKING:
    from ..hub.bundle_store import StoredBundle

_NAME = "OWNER/NAME, or OWNER/NAME@REVISION for a branch, tag or commit"


@dataclass(frozen=True)
class PullRequest:
    """Everything that the command line asks for."""

    name: str


@dataclass(frozen=True)
class ListRequest:
    """Everything that the command line asks for."""

    json: bool


@dataclass(frozen=True)
class RemoveRequest:
    """Everything that the command line asks for."""

    name: str


def add_command(subparsers: Subparsers) -> None:
    """kinetoken pull NAME, kinetoken list, kinetoken rm NAME."""
    parser = new_command(
        subparsers, "pull", "download a bundle, or what is new of it, from a Hugging Face hub",
        "kinetoken pull OWNER/NAME",
        'kinetoken play "a person waves" --bundle hf:OWNER/NAME',
    )  # fmt: skip
    parser.add_argument("name", metavar="NAME", help=_NAME)
    parser.set_defaults(func=lambda args: pull(PullRequest(args.name)))

    parser = new_command(subparsers, "list", "list the bundles that were pulled")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(func=lambda args: show_list(ListRequest(args.json)))

    parser = new_command(subparsers, "rm", "remove a bundle that was pulled")
    parser.add_argument("name", metavar="NAME", help=f"{_NAME}; without, every revision is removed")
    parser.set_defaults(func=lambda args: remove(RemoveRequest(args.name)))


def pull(request: PullRequest) -> int:
    """Download, report."""
    from ..hub.bundle_name import BundleName
    from ..hub.pull import pull_bundle

    name = BundleName.parse(request.name)
    with PullBar() as bar:
        pulled = pull_bundle(name, bar.show)
    done = "is here now" if pulled.new else "is up to date"
    total = sum(info.bytes for info in pulled.manifest.files.values())
    print(f"{name} {done}: {readable_size(total)} in {pulled.folder}")
    print(printable(f"licence: {pulled.manifest.licence.summary}"))
    return 0


def show_list(request: ListRequest) -> int:
    """A line for each bundle."""
    from ..hub.bundle_store import BundleStore

    bundles = BundleStore.of_user().bundles()
    if request.json:
        print(json.dumps([_as_json(bundle) for bundle in bundles], indent=2))
    elif not bundles:
        print("no bundle was pulled yet: kinetoken pull OWNER/NAME")
    else:
        width = max(len(bundle.name) for bundle in bundles)
        for bundle in bundles:
            print(f"{bundle.name:<{width}}  {readable_size(bundle.bytes):>9}  {_described(bundle)}")
    return 0


def remove(request: RemoveRequest) -> int:
    """Remove, report."""
    from ..hub.bundle_name import BundleName
    from ..hub.bundle_store import BundleStore

    name = BundleName.parse(request.name)
    removed = BundleStore.of_user().remove(name)
    freed = readable_size(sum(bundle.bytes for bundle in removed))
    print(f"removed {', '.join(dict.fromkeys(bundle.name for bundle in removed))}: {freed}")
    return 0


def _as_json(bundle: StoredBundle) -> dict[str, Any]:
    return {
        "name": bundle.name,
        "revisions": list(bundle.revisions),
        "bytes": bundle.bytes,
        "whole": bundle.whole,
        "folder": str(bundle.folder),
    }


def _described(bundle: StoredBundle) -> str:
    """The model, or why there is none."""
    from ..base.errors import BundleError
    from ..manifest.manifest_file import read_manifest
    from ..manifest.schema import licence_in_words

    if not bundle.whole:
        return "incomplete: pull it again to go on, or remove it"
    try:
        manifest = read_manifest(bundle.folder)
    except BundleError as error:
        return printable(f"cannot be opened: {error}")
    model, licence = manifest.language_model, manifest.licence
    text = f"{model.architecture} {model.quantization} ({model.backend}), "
    text += licence_in_words(licence.language_model)
    return printable(text)

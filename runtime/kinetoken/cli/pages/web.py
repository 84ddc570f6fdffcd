"""kinetoken web: the browser as the viewer, for prompts to one body or several."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ...base.errors import INTERRUPTED
from ...base.operating_system import MACOS, WINDOWS
from ...live.settings import LiveSettings
from ..arguments import BundleRequest, add_bundle, add_generation
from ..live_arguments import say
from ..parser import Advanced, Subparsers, new_command

if TYPE_CHECKING:
    from ...generation.options import GenerateOptions

USUAL_PORT: Final = 8765


@dataclass(frozen=True)
class WebCommand:
    """Everything that the command line asks for."""

    live: LiveSettings
    opens_browser: bool
    history: int | None
    bundle: BundleRequest
    options: GenerateOptions


def add_command(subparsers: Subparsers) -> None:
    """kinetoken web."""
    parser = new_command(
        subparsers,
        "web",
        "watch and prompt in a browser; Ctrl-C ends it",
        "kinetoken web",
        "kinetoken web --host 0.0.0.0        # other machines too; the printed URL has a token",
    )
    add = parser.add_argument_group("the page (docs/live.md)").add_argument
    port = f"port of the page; 0: any free one (default: {USUAL_PORT})"
    add("--port", type=int, metavar="PORT", default=USUAL_PORT, help=port)
    host = "serve this address, instead of this machine alone; 0.0.0.0: every network"
    add("--host", metavar="ADDRESS", help=host)
    avatar = "a .vrm or humanoid .glb in place of the body, on every page"
    add("--avatar", metavar="FILE", help=avatar)
    add("--no-browser", action="store_true", help="print the URL, and open no browser")
    turns = "earlier turns of a person to show the model (default: the bundle's)"
    add("--history", type=int, metavar="N", help=Advanced(turns))
    bundle, options = add_bundle(parser), add_generation(parser)
    parser.set_defaults(
        func=lambda args: run(
            WebCommand(
                live=LiveSettings(
                    ws=args.port,
                    host=args.host,
                    endless=True,
                    avatar=args.avatar,
                    port_option="--port",
                ),
                opens_browser=not args.no_browser,
                history=args.history,
                bundle=bundle(args),
                options=options(args).on_screen(),
            )
        )
    )


def run(command: WebCommand) -> int:
    """Serve the page until Ctrl-C."""
    from ...generation.bundle import bundle_folder
    from ...live.live_output import LiveOutput
    from ...live.people import MOST_PEOPLE
    from ...manifest.manifest_file import read_manifest
    from ...web.service import WebService, page_facts

    manifest = read_manifest(bundle_folder(command.bundle.folder))
    live_settings = replace(
        command.live,
        fps=float(manifest.codec.fps),
        prompting=page_facts(manifest, MOST_PEOPLE),
    )
    try:
        with LiveOutput(live_settings, say) as live:  # a port in use is told before a model loads
            generator = command.bundle.load()
            options = command.options.keeping_up(server=command.bundle.has_server)
            service = WebService(generator, options, live, history=command.history)
            if command.opens_browser:
                open_browser(live.page)
            return service.run()
    except KeyboardInterrupt:
        say("stopped")
        return INTERRUPTED


def open_browser(url: str) -> None:
    """Open the page where there is a screen: without one, a browser of the terminal would open."""
    import webbrowser

    graphical = WINDOWS or MACOS or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not graphical or not webbrowser.open_new_tab(url):
        say("open this address in a browser")

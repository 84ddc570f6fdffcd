"""Motion from words in Blender: a panel in the sidebar of the 3D view.

It runs the kinetoken that is installed on this machine, and imports what that writes.
"""

from __future__ import annotations

from . import panel


def register() -> None:
    """Add the panel, its operators and the preferences."""
    panel.register()


def unregister() -> None:
    """Take all of it away again."""
    panel.unregister()

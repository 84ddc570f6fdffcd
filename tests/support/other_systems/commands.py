"""Commands, one after the other in one process: their exit codes as a line of JSON on descriptor 3.

Run where the files may be written, with prompts of a chat on standard input.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

COMMANDS = [
    ["generate", "a person walks \u2192 \u0439", "--seconds", "1", "--seed", "1", "-o", "walk.npz"],
    ["generate", "a person walks", "--seconds", "1", "--json"],
    ["convert", "walk.npz", "walk.bvh"],
    ["convert", "walk.bvh", "walk.glb"],
    ["play", "walk.npz", "--headless", "--film", "walk.gif"],
    ["play", "walk.glb", "--headless", "--ws", "0", "--once"],
    ["play", "walk.bvh", "--headless", "--vmc", "127.0.0.1:9", "--once"],
    ["batch", "prompts.txt", "-o", "clips", "--seconds", "1", "--seed", "3"],
    ["batch", "prompts.txt", "-o", "clips", "--seconds", "1", "--seed", "3"],
    ["chat", "--headless", "--seconds", "1", "--history-file", "talk.json", "-o", "talk.bvh"],
    ["inspect"],
    ["decode", "answer.txt", "-o", "answer.npz"],
    ["bench", "--help"],
]


def run() -> dict[str, object]:
    """Exit code of each command, and what our modules take the system for."""
    from kinetoken.base import operating_system
    from kinetoken.cli.main import main

    codes = []
    for command in COMMANDS:
        try:
            codes.append(main(command))
        except SystemExit as left:
            codes.append(int(left.code or 0))
    refused = _second_batch(main)
    system = "windows" if operating_system.WINDOWS else "linux"
    system = "macos" if operating_system.MACOS else system
    return {"codes": codes, "second_batch": refused, "system": system, "swaps": _swaps()}


def _second_batch(main) -> int:
    """The exit code of a batch while another holds the folder."""
    from pathlib import Path

    from kinetoken.batch.folder import BatchFolder

    with BatchFolder(Path("clips")):
        return main(["batch", "prompts.txt", "-o", "clips", "--seconds", "1", "--seed", "3"])


def _swaps() -> list[str]:
    """The files after a folder was replaced."""
    try:
        from kinetoken_export.bundle.atomic_folder import new_folder
    except ImportError:
        return []
    from pathlib import Path

    out = Path(tempfile.mkdtemp(dir=".")) / "bundle"
    for name in ("first", "second"):
        with new_folder(out, force=True) as building:
            (building / name).write_text("x", encoding="utf-8")
    return sorted(str(path.relative_to(out.parent)) for path in out.parent.rglob("*"))


if __name__ == "__main__":
    result = json.dumps(run())
    sys.stdout.flush()
    os.write(int(sys.argv[1]), result.encode())

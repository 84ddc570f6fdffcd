"""An engine for the soak: a server of completions that writes random codes, and may be killed.

python benchmarks/soak_engine.py BUNDLE PORT
"""

from __future__ import annotations

import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.manifest.schema import MotionInfo

FRAMES = 10
PAUSE = 0.02
"""Seconds between two frames of codes: faster than real time, slow enough to be cut off."""


def answer(motion: MotionInfo) -> list[str]:
    """An answer in pieces: words, then a block of random codes."""
    spelling, codes = motion.spelling, motion.levels[0][1] - motion.levels[0][0]
    frames = [
        "".join(
            spelling.spell(level, random.randrange(codes)) for level in range(len(motion.levels))
        )
        for _ in range(FRAMES)
    ]
    return ["I move. ", spelling.start, *frames, spelling.end]


def handler(motion: MotionInfo) -> type[BaseHTTPRequestHandler]:
    """What answers one request."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            data = json.dumps({"data": [{"id": "soak", "owned_by": "soak"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for piece in answer(motion):
                self.event({"text": piece, "finish_reason": None})
                time.sleep(PAUSE)
            self.event({"text": "", "finish_reason": "stop"})
            self.wfile.write(b"data: [DONE]\n\n")

        def event(self, choice: dict[str, Any]) -> None:
            data = json.dumps({"choices": [{"index": 0, **choice}]}).encode()
            self.wfile.write(b"data: " + data + b"\n\n")
            self.wfile.flush()

    return Handler


def main() -> None:
    """Serve until killed."""
    motion = read_manifest(Path(sys.argv[1])).motion
    ThreadingHTTPServer.allow_reuse_address = True
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), handler(motion)).serve_forever()


if __name__ == "__main__":
    main()

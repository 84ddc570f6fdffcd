"""A process in which chat templates are rendered: foreign programs, with limits of time and memory.

It is started for the first template and serves all others. Its code is render_template.py.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from typing import Any, Final

from kinetoken.base.errors import FormatError
from kinetoken.base.json_text import parse_json
from kinetoken.base.signals import starting_unheard

LONGEST_TEMPLATE_SECONDS: Final = 5.0
"""Of one template; they take milliseconds."""
READY: Final = "ready"
"""The child's first line: the time of its start does not count."""
_SERVER: Final = "from kinetoken_export.checkpoint.render_template import serve; serve()"


class TemplateProcess:
    """The child and the pipes to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        atexit.register(self.end)

    def ask(self, request: dict[str, Any]) -> dict[str, str]:
        """The child's answer. FormatError where it gives none in time, and ends."""
        with self._lock:
            child = self._child or self._started()
            overdue = threading.Event()

            def stop() -> None:
                overdue.set()
                child.kill()

            timer = threading.Timer(LONGEST_TEMPLATE_SECONDS, stop)
            timer.start()
            try:
                answer = self._answer(child, request)
            except BaseException:
                self.end()
                raise
            finally:
                timer.cancel()
        if answer is None:
            self.end()
            why = (
                f"within {LONGEST_TEMPLATE_SECONDS:g} s"
                if overdue.is_set()
                else "but ends the program"
            )
            raise FormatError(
                f"the checkpoint's chat template does not come to an end {why}: mend it or remove "
                "it, or give --prompt-template"
            )
        return answer

    def end(self) -> None:
        """End the child; the next question starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _started(self) -> subprocess.Popen[str]:
        with starting_unheard():
            self._child = child = subprocess.Popen(
                [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        return child

    def _answer(
        self, child: subprocess.Popen[str], request: dict[str, Any]
    ) -> dict[str, str] | None:
        """The child's answer; None if it has ended."""
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError:
            return None
        return parse_json(line) if line else None

"""A real Chromium without a screen, driven by its DevTools protocol: clicks, keys, files dropped, pictures taken."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from websocket_client import ClientConnection, connect

SECONDS = 180
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The browser's path; skips where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return found


class Tab:
    """One page of the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        """What the console says: errors of scripts, files that were refused."""
        self.asked: list[str] = []
        """Every address that the page has asked for."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Call the DevTools protocol; its result."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(SECONDS))
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(str(params["entry"]))
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif message.get("method") == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.complaints.append(str(params["args"]))

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        done = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def until(self, script: str, seconds: float = SECONDS) -> Any:
        """Wait until an expression is true; its value."""
        end = time.monotonic() + seconds
        while not (
            value := self.run(
                f"(() => {{ try {{ return {script}; }} catch {{ return null; }} }})()"
            )
        ):
            assert time.monotonic() < end, (
                script,
                self.run("document.body.innerText"),
                self.complaints,
            )
            time.sleep(0.05)
        return value

    def place_of(self, selector: str) -> tuple[float, float]:
        """The middle of an element, which must be what a click there hits."""
        found = self.until(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}), r = e.getBoundingClientRect();"
            " const x = r.x + r.width / 2, y = r.y + r.height / 2, hit = document.elementFromPoint(x, y);"
            " return r.width > 0 && (hit === e || e.contains(hit)) ? [x, y] : null; })()"
        )
        return found[0], found[1]

    def click(self, selector: str) -> None:
        """Press and release the mouse on an element."""
        x, y = self.place_of(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag the mouse."""
        self.call(
            "Input.dispatchMouseEvent",
            type="mousePressed",
            x=start[0],
            y=start[1],
            button="left",
            buttons=1,
            clickCount=1,
        )
        for share in (0.5, 1.0):
            x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
            self.call(
                "Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1
            )
        self.call(
            "Input.dispatchMouseEvent",
            type="mouseReleased",
            x=end[0],
            y=end[1],
            button="left",
            clickCount=1,
        )

    def write(self, text: str) -> None:
        """Type text where the cursor is."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, code: int = 0) -> None:
        """Press and release a key."""
        text = "\r" if key == "Enter" else key if len(key) == 1 else None
        more = {} if text is None else {"text": text}
        self.call(
            "Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **more
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select, as the keyboard would."""
        self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.value = {json.dumps(value)};"
            " e.dispatchEvent(new Event('change', {bubbles: true})); return e.value; })()"
        )

    def drop(self, path: Path, x: float = 400, y: float = 200) -> None:
        """Drop a file from outside on the page."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def picture(self, path: Path) -> None:
        """Write what is seen as a PNG, see-through where the page is."""
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


class Browser:
    """A browser with any number of pages."""

    def __init__(self, port: int, downloads: Path) -> None:
        self._port = port
        self._open = contextlib.ExitStack()
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/json/version", timeout=SECONDS
        ) as answer:
            address = json.load(answer)["webSocketDebuggerUrl"]
        self._whole = self._connection(address)
        self._numbers = itertools.count(1)
        self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))

    def _connection(self, address: str) -> ClientConnection:
        return self._open.enter_context(connect(address, max_size=None))

    def _call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._whole.send(json.dumps({"id": number, "method": method, "params": params}))
        while (message := json.loads(self._whole.recv(SECONDS))).get("id") != number:
            pass
        return message["result"]

    def open(
        self, url: str, *, width: int = 800, height: int = 560, see_through: bool = False
    ) -> Tab:
        """Open a page in a window of its own: a tab behind another is not drawn."""
        made = self._call("Target.createTarget", url="about:blank", newWindow=True)
        tab = Tab(self._connection(f"ws://127.0.0.1:{self._port}/devtools/page/{made['targetId']}"))
        tab.resize(width, height)
        if see_through:
            tab.call(
                "Emulation.setDefaultBackgroundColorOverride",
                color={"r": 0, "g": 0, "b": 0, "a": 0},
            )
        tab.call("Page.navigate", url=url)
        return tab

    def close(self) -> None:
        """Close the connections."""
        self._open.close()


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own in the folder; downloads go there too."""
    profile = folder / "profile"
    command = [
        chromium(), "--headless=new", "--no-sandbox", "--disable-gpu-sandbox", "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader", f"--user-data-dir={profile}", "--remote-debugging-port=0", "--no-first-run",
        "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows", "--disable-dev-shm-usage", "about:blank",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            made = Browser(_port(profile / "DevToolsActivePort", process), folder)
            try:
                yield made
            finally:
                made.close()
        finally:
            process.kill()


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "Chromium ended at once"
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(file.read_text(encoding="ascii").split()[0])
        time.sleep(0.05)
    raise AssertionError("Chromium does not answer")

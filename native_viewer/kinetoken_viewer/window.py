"""The window: draws the stage at the display's rate, hands keys and mouse to the controls. GL, main thread only."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Final

import numpy as np
import pyglet

from kinetoken.errors import EngineError

from . import camera as cameras
from .bones import parts
from .camera import Camera
from .controls import Controls, View
from .hud import Bar, Panel, TimeBar, Words, panels
from .linebox import LineBox
from .shot import Pixels, Shot
from .stage import Stage

RATE: Final = 60.0  # pictures per second
SOFTWARE_RATE: Final = 30.0  # while the generator needs the processor too
WORDS_SECONDS: Final = 0.1  # between two looks at what the HUD says
SAMPLES: Final = 4  # per pixel, where a graphics card draws
BLINK: Final = 1.06  # seconds of the text cursor
PASTE_SECONDS: Final = 0.5  # patience with the owner of the clipboard
IDLE_FADE: Final = 0.55  # of the standing body shown until the motion comes


class NoDisplayError(EngineError):
    """There is no screen to open a window on, or no OpenGL to fill it."""


try:  # importing pyglet.window already opens the display
    from pyglet import gl, window
    from pyglet.window import key, mouse
except Exception as error:  # pyglet has no common base for what a missing display or driver raises
    unset = sys.platform.startswith("linux") and not os.environ.get("DISPLAY")
    reason = "DISPLAY is not set" if unset else " ".join(str(error).split()) or type(error).__name__
    raise NoDisplayError(reason) from error

from .glkit import is_software, renderer_name  # noqa: E402
from .overlay import Overlay  # noqa: E402
from .scene import FRAME_BITS, Scene  # noqa: E402
from .textinput import TextInput  # noqa: E402


class PlayerWindow(window.Window):  # type: ignore[misc]
    """One stage on the screen."""

    def __init__(self, stage: Stage, size: tuple[int, int], camera: str) -> None:
        software = is_software(renderer_name())
        super().__init__(
            *size,
            caption=f"kinetoken: {stage.prompt}"[:120],
            resizable=True,
            config=_config(software),
            vsync=not software,
        )
        self.set_minimum_size(320, 240)
        self._stage, self._software = stage, software
        self._scene = Scene()
        self._overlay = Overlay(self._scene)
        yaw, pitch, zoom = cameras.parse(camera)
        self._orbit = View(stage, Camera(yaw=yaw, pitch=pitch), zoom, size[0] / size[1])
        self._controls = Controls(stage, self._orbit)
        self._scrubbing = False
        self._input = None if stage.line is None else TextInput(stage.line, self._paste, self.set_clipboard_text)
        self._typed_at = 0.0
        self._paste_until: float | None = None
        self._before = time.perf_counter()
        self._rate = RATE
        self._words, self._words_at = Words(), 0.0
        self._panels: list[Panel] = []
        self.pictures = 0
        """How many have been drawn."""

    def play(self) -> None:
        """Runs until the window is closed."""
        pyglet.clock.schedule_interval_soft(self.refresh, 1.0 / RATE)
        try:
            pyglet.app.run(interval=None)
        finally:
            pyglet.clock.unschedule(self.refresh)
            self.close()

    @property
    def closed(self) -> bool:
        """Whether the window is gone."""
        return self.context is None

    def refresh(self, _seconds: float = 0.0) -> None:
        """One turn of the loop: time, messages, picture."""
        if self.closed:
            return
        now = time.perf_counter()
        seconds = now - self._before
        if self._software and self._stage.busy and seconds < 0.9 / SOFTWARE_RATE:
            return
        self._before = now
        if self.pictures:
            self._rate += 0.1 * (1.0 / max(seconds, 1e-4) - self._rate)
        self._stage.tick(seconds)
        self._orbit.tick(self._stage.pose(), seconds, cut=self._controls.cut or self._stage.jumped)
        self._controls.cut = False
        if self._stage.hopeless:
            self.close()  # a mistake in what was asked: the terminal says it
            return
        self.switch_to()
        self._paint(self._shot(), now)
        self.flip()
        self.pictures += 1

    def _paint(self, shot: Shot, now: float) -> None:
        width, height = self.get_framebuffer_size()
        self._scene.draw(shot, 0, width, height)
        if now - self._words_at >= WORDS_SECONDS:
            self._words_at = now
            words = self._stage.words(self._rate, help_shown=self._controls.help)
            if words != self._words:
                self._words, self._panels = words, panels(words, width, height)
        bars = [*TimeBar.of(width, height).bars(*self._stage.shares()), *self._cursor(width, height, now)]
        self._overlay.draw(self._panels, bars, width, height)

    def _cursor(self, width: int, height: int, now: float) -> list[Bar]:
        """The text cursor, where the line has the keyboard: steady while somebody types."""
        line = self._stage.line
        if line is None or not line.focused or (now - self._typed_at) % BLINK > 0.6 * BLINK:
            return []
        return [LineBox.of(width, height).cursor(line.line)]

    def pixels(self) -> Pixels:
        """The present moment, (height, width, 3): drawn anew, since what is on the screen cannot be read."""
        width, height = self.get_framebuffer_size()
        out = np.empty((height, width, 3), dtype=np.uint8)
        self.switch_to()
        self._paint(self._shot(), time.perf_counter())
        gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
        gl.glReadPixels(0, 0, width, height, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, out.ctypes.data_as(ctypes.c_void_p))
        return out[::-1]

    def _shot(self) -> Shot:
        fade = 0.0 if len(self._stage.track) else IDLE_FADE
        return Shot(self._orbit.camera, parts(self._stage.pose(), fade))

    def on_resize(self, width: int, height: int) -> None:
        """Frames the body in the new shape; the words are laid out again."""
        if hasattr(self, "_orbit"):  # pyglet calls this while it makes the window
            self._orbit.resized(width / max(1, height))
            self._words = Words()

    def on_key_press(self, symbol: int, modifiers: int) -> None:
        """Keys: see hud.KEYS. While a prompt is written, they belong to it."""
        if self._input is not None and self._input.press(symbol, modifiers):
            self._typed()
        elif symbol in (key.Q, key.ESCAPE):
            self.close()
        elif self._controls.press(key.symbol_string(symbol)):
            self._words_at = 0.0

    def on_text(self, text: str) -> None:
        """Letters for the prompt line."""
        if self._input is not None and self._input.text(text):
            self._typed()

    def on_text_motion(self, motion: int) -> None:
        """Editing keys for the prompt line."""
        if self._input is not None and self._input.motion(motion):
            self._typed()

    on_text_motion_select = on_text_motion

    def _typed(self) -> None:
        """What is typed is seen at once."""
        self._words_at, self._typed_at = 0.0, time.perf_counter()

    def _paste(self) -> str:
        """The clipboard's text; empty where its owner does not answer."""
        self._paste_until = time.perf_counter() + PASTE_SECONDS
        try:
            return str(self.get_clipboard_text())
        except (TimeoutError, UnicodeDecodeError):
            return ""
        finally:
            self._paste_until = None

    def dispatch_platform_event(self, event: object) -> None:
        """X11's events. pyglet waits here for the clipboard's owner, who may have hung up: the window must not."""
        if self._paste_until is not None and time.perf_counter() > self._paste_until:
            raise TimeoutError("the owner of the clipboard does not answer")
        super().dispatch_platform_event(event)

    def _click_line(self, x: int, y: int) -> bool:
        """A click into the prompt line takes the keyboard there, one beside it takes it away."""
        line = self._stage.line
        if line is None:
            return False
        box = LineBox.of(self.width, self.height)
        line.focused = box.holds(x, self.height - y)
        if line.focused:
            line.place(box.letters_before(line.line, x))
        self._typed()
        return line.focused

    def on_mouse_press(self, x: int, y: int, button: int, modifiers: int) -> None:
        """A press on the prompt line writes there, one on the time bar starts to scrub."""
        if self._click_line(x, y):
            return
        self._scrubbing = self._bar().holds(x, self.height - y)
        if self._scrubbing:
            self._controls.scrub(self._bar().share(x))

    def on_mouse_release(self, x: int, y: int, button: int, modifiers: int) -> None:
        """Ends a scrub."""
        self._scrubbing = False

    def on_mouse_drag(self, x: int, y: int, dx: int, dy: int, buttons: int, modifiers: int) -> None:
        """Scrubs, orbits or pans."""
        if self._scrubbing:
            self._controls.scrub(self._bar().share(x))
        elif buttons & (mouse.RIGHT | mouse.MIDDLE) or modifiers & key.MOD_SHIFT:
            self._orbit.pan(dx, dy, self.height)
        else:
            self._orbit.orbit(dx, dy)

    def on_mouse_scroll(self, x: int, y: int, scroll_x: float, scroll_y: float) -> None:
        """Zooms."""
        self._orbit.zoom(scroll_y)

    def _bar(self) -> TimeBar:
        """In the mouse's pixels, which are not the framebuffer's on a dense display."""
        return TimeBar.of(self.width, self.height)


def _config(software: bool) -> gl.Config:
    """What to ask of the driver: smooth edges only where a graphics card pays for them."""
    plain: gl.Config = gl.Config(double_buffer=True, **FRAME_BITS)  # type: ignore[abstract]
    if software:
        return plain
    smooth = gl.Config(double_buffer=True, sample_buffers=1, samples=SAMPLES, **FRAME_BITS)  # type: ignore[abstract]
    screen = pyglet.display.get_display().get_default_screen()
    try:
        screen.get_best_config(smooth)
    except window.NoSuchConfigException:
        return plain
    return smooth

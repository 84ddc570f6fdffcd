"""The window: draws the stage at the display's rate, hands keys and mouse to the controls. GL, main thread only."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
import pyglet

from kinetoken.base.errors import EngineError

from ..file_names import free_name
from ..hud.name_tags import name_panels
from ..hud.panels import SMALL, Panel, TimeBar, Words, panels
from ..hud.prompt_box import LineBox
from ..record.capture import Capture
from ..render import camera as cameras
from ..render.body_shape import parts
from ..render.camera import Camera
from ..render.shot import Pixels, Shot
from ..stage.layers import Layers, over_heads, pose, shot
from ..stage.stage import Stage
from . import display
from .controls import Controls, View
from .display import NoDisplayError, why_not

RATE: Final = 60.0  # pictures per second
SOFTWARE_RATE: Final = 30.0  # while the generator needs the processor too
WORDS_SECONDS: Final = 0.1  # between two looks at what the HUD says
SAMPLES: Final = 4  # per pixel, where a graphics card draws
BLINK: Final = 1.06  # seconds of the text cursor
PASTE_SECONDS: Final = 0.5  # patience with the owner of the clipboard
IDLE_FADE: Final = 0.55  # of the standing body shown until the motion comes


try:  # importing pyglet.window already opens the display
    from pyglet import window
    from pyglet.gl.lib import GLException
    from pyglet.window import key, mouse
except Exception as error:  # pyglet has no common base for what a missing display or driver raises
    raise NoDisplayError(why_not(error)) from error

from ..hud.overlay import Overlay  # noqa: E402
from ..render.gl.glkit import asked_for, is_software, read_pixels, renderer_name  # noqa: E402
from ..render.gl.scene import Scene  # noqa: E402
from ..render.gl.screen import Screen  # noqa: E402
from .text_input import TextInput  # noqa: E402


class PlayerWindow(window.Window):  # type: ignore[misc]
    """One stage on the screen."""

    def __init__(
        self,
        stage: Stage,
        size: tuple[int, int],
        camera: str,
        layers: Layers | None = None,
        *,
        gles: bool = False,
    ) -> None:
        software = is_software(renderer_name())
        super().__init__(
            *size,
            caption=_caption(stage.prompt or stage.title),
            resizable=True,
            context=_context(software=software, gles=gles),
            vsync=not software,
        )
        self.set_minimum_size(320, 240)
        self._stage, self._software = stage, software
        self._scene = Scene()
        self._screen, self._overlay = Screen(self._scene), Overlay(self._scene)
        yaw, pitch, zoom = cameras.parse(camera)
        self._orbit = View(stage, Camera(yaw=yaw, pitch=pitch), zoom, size[0] / size[1])
        self._orbit.resized(size[0] / size[1], small=size[1] < SMALL)
        self._capture = Capture(lambda suffix: free_name(stage.prompt or stage.title, suffix))
        self._controls = Controls(stage, self._orbit, layers, self._capture)
        self._scrubbing = self._selecting = False
        self._input = (
            None
            if stage.line is None
            else TextInput(stage.line, self._paste, self.set_clipboard_text)
        )
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
        display.close_when_lost(self._capture.close)
        pyglet.clock.schedule_interval_soft(self.refresh, 1.0 / RATE)
        try:
            pyglet.app.run(interval=None)
        except GLException as error:
            raise EngineError(
                f"the graphics driver failed: {' '.join(str(error).split())}"
            ) from error
        finally:
            pyglet.clock.unschedule(self.refresh)
            self._capture.close()
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
        self._orbit.tick(seconds, cut=self._controls.cut or self._stage.jumped)
        self._controls.cut = False
        if self._stage.hopeless:
            self.close()  # a mistake in what was asked: the terminal says it
            return
        self.switch_to()
        self._paint(self._shot(), now)
        if self._capture.wants:
            self._capture.see(read_pixels(*self.get_framebuffer_size()), now)
        self._paint_note()
        self.flip()
        self.pictures += 1

    def _paint(self, picture: Shot, now: float) -> None:
        width, height = self.get_framebuffer_size()
        self._screen.draw(picture, width, height)
        if now - self._words_at >= WORDS_SECONDS:
            self._words_at = now
            words = self._stage.words(self._rate, help_shown=self._controls.help)
            if words != self._words:
                if (words.prompt, words.title) != (self._words.prompt, self._words.title):
                    self.set_caption(_caption(words.prompt or words.title))
                self._words, self._panels = words, panels(words, width, height)
        bars = TimeBar.of(width, height).bars(*self._stage.shares(), self._stage.span())
        placed = self._panels
        if not self._words.help:  # which stands alone
            placed = [*self._names(width, height), *placed, *self._cursor(width, height, now)]
        self._overlay.draw(placed, bars, width, height)

    def _names(self, width: int, height: int) -> list[Panel]:
        people = self._stage.people()
        if not any(person.name for person in people):
            return []
        heads = self._orbit.camera.project(
            over_heads(people, self._stage.playhead.position), width, height
        )
        return name_panels([person.name for person in people], heads, height)

    def _paint_note(self) -> None:
        """What is said about keeping, over the picture that is kept."""
        note = self._capture.note()
        if note:
            width, height = self.get_framebuffer_size()
            self._overlay.draw(panels(Words(note=note), width, height), [], width, height)

    def _cursor(self, width: int, height: int, now: float) -> list[Panel]:
        """The text cursor, where the line has the keyboard: steady while somebody types."""
        line = self._stage.line
        if line is None or not line.focused or (now - self._typed_at) % BLINK > 0.6 * BLINK:
            return []
        return [LineBox.of(width, height).cursor(line.line)]

    def pixels(self) -> Pixels:
        """The present moment, (height, width, 3): drawn anew, since what is on the screen cannot be read."""
        self.switch_to()
        self._paint(self._shot(), time.perf_counter())
        return read_pixels(*self.get_framebuffer_size())

    def _shot(self) -> Shot:
        stage, view = self._stage, self._orbit
        if not len(stage.track):
            return Shot(
                view.camera,
                np.concatenate([parts(pose(p, 0.0), IDLE_FADE) for p in stage.people()]),
            )
        layers, head = self._controls.layers, stage.playhead
        return shot(stage.people(), head.position, head.fps, layers, view.camera, view.spread())

    def on_resize(self, width: int, height: int) -> None:
        """Frames the body in the new shape; the words are laid out again."""
        if hasattr(self, "_orbit"):  # pyglet calls this while it makes the window
            self._orbit.resized(width / max(1, height), small=height < SMALL)
            self._words = Words()

    def on_key_press(self, symbol: int, modifiers: int) -> None:
        """Keys: see keyhelp.KEYS. While a prompt is written, they belong to it."""
        if self._input is not None and self._input.press(symbol, modifiers):
            self._typed()
        elif symbol in (key.Q, key.ESCAPE):
            self.close()
        elif self._controls.press(
            ("SHIFT+" if modifiers & key.MOD_SHIFT else "") + key.symbol_string(symbol)
        ):
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
        box, point = LineBox.of(*self.get_framebuffer_size()), self._point(x, y)
        line.focused = box.holds(*point)
        if line.focused:
            line.place(box.letters_before(line.line, point[0]))
        self._typed()
        return line.focused

    def on_mouse_press(self, x: int, y: int, button: int, modifiers: int) -> None:
        """A press on the prompt line writes there, one on the time bar scrubs, with shift chooses the part to play."""
        if self._click_line(x, y):
            return
        self._selecting = bool(modifiers & key.MOD_SHIFT)
        self._scrubbing = self._bar().holds(*self._point(x, y))
        if self._scrubbing:
            self._drag_bar(x, y, begin=True)

    def on_mouse_release(self, x: int, y: int, button: int, modifiers: int) -> None:
        """Ends a scrub."""
        self._scrubbing = False

    def on_mouse_drag(self, x: int, y: int, dx: int, dy: int, buttons: int, modifiers: int) -> None:
        """Scrubs, chooses a part, orbits or pans."""
        if self._scrubbing:
            self._drag_bar(x, y, begin=False)
        elif buttons & (mouse.RIGHT | mouse.MIDDLE) or modifiers & key.MOD_SHIFT:
            self._orbit.pan(dx, dy, self.height)
        else:
            self._orbit.orbit(dx, dy)

    def _drag_bar(self, x: int, y: int, *, begin: bool) -> None:
        share = self._bar().share(self._point(x, y)[0])
        if self._selecting:
            self._controls.select(share, begin=begin)
        else:
            self._controls.scrub(share)

    def _point(self, x: int, y: int) -> tuple[float, float]:
        """The mouse's place in the picture's pixels from the top left: on a dense display there are more of them."""
        width, height = self.get_framebuffer_size()
        return x * width / self.width, (self.height - y) * height / self.height

    def on_mouse_scroll(self, x: int, y: int, scroll_x: float, scroll_y: float) -> None:
        """Zooms."""
        self._orbit.zoom(scroll_y)

    def _bar(self) -> TimeBar:
        return TimeBar.of(*self.get_framebuffer_size())


def _caption(prompt: str) -> str:
    return f"kinetoken: {prompt}"[:120] if prompt else "kinetoken"


def _context(*, software: bool, gles: bool) -> object:
    """A context of its own, with smooth edges only where a graphics card pays for them."""
    screen = pyglet.display.get_display().get_default_screen()
    kinds = [{}] if software else [{"sample_buffers": 1, "samples": SAMPLES}, {}]
    for more in kinds:
        try:
            return screen.get_best_config(
                asked_for(gles=gles, double_buffer=True, **more)
            ).create_context(None)
        except window.NoSuchConfigException:
            continue
    raise NoDisplayError("the graphics driver offers no picture of 24 bits with depth")

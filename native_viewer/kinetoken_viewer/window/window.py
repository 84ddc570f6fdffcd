"""The window: draws the stage at the display's rate, and hands keys and mouse to the controls.

GL, in the main thread only.
"""

from __future__ import annotations

import time
from typing import Final

import numpy as np
import pyglet

from kinetoken.base.errors import EngineError
from kinetoken.cli.terminal import printable

from ..file_names import free_name
from ..hud.name_tags import name_panels
from ..hud.panels import SMALL_HEIGHT, word_panels
from ..hud.prompt_box import PromptBox
from ..hud.text import Panel
from ..hud.time_bar import TimeBar
from ..record.capture import WindowCapture
from ..render.body_shape import body_cones
from ..render.pixels import Pixels
from ..render.shot import Shot
from ..stage.layers import compose_shot, name_points, pose
from ..stage.stage import Stage
from ..stage.words import PictureWords
from . import display
from .controls import Controls
from .display import NoDisplayError, no_window_reason
from .request import WindowRequest
from .view import View

_PICTURE_RATE: Final = 60.0  # pictures per second
_SOFTWARE_RATE: Final = 30.0  # the same, while the generator needs the processor too
_WORDS_SECONDS: Final = 0.1  # between two updates of the words
_SAMPLES: Final = 4  # per pixel, if a graphics card draws
_BLINK_SECONDS: Final = 1.06  # of the text cursor
_PASTE_SECONDS: Final = 0.5  # to wait for the owner of the clipboard
_IDLE_FADE: Final = 0.55  # of the standing body shown until the motion comes

try:  # importing pyglet.window already opens the display
    from pyglet import window
    from pyglet.gl.lib import GLException
    from pyglet.window import key, mouse
except Exception as error:  # pyglet has no common base for what a missing display or driver raises
    raise NoDisplayError(no_window_reason(error)) from error

from ..hud.overlay import Overlay  # noqa: E402
from ..render.gl.glkit import driver_config, is_software, read_pixels, renderer_name  # noqa: E402
from ..render.gl.scene import Scene  # noqa: E402
from ..render.gl.screen import ScreenCanvas  # noqa: E402
from .text_input import TextInput  # noqa: E402


class PlayerWindow(window.Window):  # type: ignore[misc]
    """One stage on the screen."""

    def __init__(self, stage: Stage, request: WindowRequest) -> None:
        width, height = request.size
        software = is_software(renderer_name())
        super().__init__(
            width,
            height,
            caption=_caption(_name(stage)),
            resizable=True,
            context=_context(software=software, gles=request.gles),
            vsync=not software,
        )
        self.set_minimum_size(320, 240)
        self.scene = Scene()
        self.screen_canvas = ScreenCanvas(self.scene)
        self.camera_view = View(stage, request.camera, width / height)
        self.camera_view.resized(width / height, small=height < SMALL_HEIGHT)
        self.capture = WindowCapture(lambda suffix: free_name(_name(stage), suffix))
        self.controls = Controls(stage, self.camera_view, request.layers, self.capture)
        self.half_rate = software
        """Leaves out pictures while a generator needs the processor."""
        self.picture_rate = _PICTURE_RATE
        """Pictures per second, measured."""
        self.pictures = 0
        """Number of pictures drawn so far."""
        self._stage, self._overlay = stage, Overlay(self.scene)
        self._scrubbing = self._selecting = False
        self._input: TextInput | None = None
        if stage.line is not None:
            self._input = TextInput(stage.line, self._paste, self.set_clipboard_text)
        self._typed_at = 0.0
        self._paste_until: float | None = None
        self._before = time.perf_counter()
        self._words, self._words_at = PictureWords(), 0.0
        self._panels: list[Panel] = []

    def play(self) -> None:
        """Runs until the window is closed."""
        display.close_when_lost(self.capture.close)
        pyglet.clock.schedule_interval_soft(self.refresh, 1.0 / _PICTURE_RATE)
        try:
            pyglet.app.run(interval=None)
        except GLException as error:
            raise EngineError(
                f"the graphics driver failed: {' '.join(str(error).split())}"
            ) from error
        finally:
            pyglet.clock.unschedule(self.refresh)
            self.capture.close()
            self.close()

    @property
    def closed(self) -> bool:
        """True once the window is gone."""
        return self.context is None

    def refresh(self, _seconds: float = 0.0) -> None:
        """Draws one picture, after time and messages have moved the stage."""
        if self.closed:
            return
        now = time.perf_counter()
        seconds = now - self._before
        if self.half_rate and self._stage.busy and seconds < 0.9 / _SOFTWARE_RATE:
            return
        self._before = now
        if self.pictures:
            self.picture_rate += 0.1 * (1.0 / max(seconds, 1e-4) - self.picture_rate)
        self._stage.tick(seconds)
        self.camera_view.tick(seconds, cut=self.controls.cut or self._stage.jumped)
        self.controls.cut = False
        if self._stage.hopeless or self._stage.dismissed:
            self.close()  # after a mistake in what was asked, the terminal says it
            return
        self.switch_to()
        self._paint(self._shot(), now)
        if self.capture.wants:
            self.capture.see(read_pixels(*self.get_framebuffer_size()), now)
        self._paint_note()
        self.flip()
        self.pictures += 1

    def _paint(self, picture: Shot, now: float) -> None:
        width, height = self.get_framebuffer_size()
        self.screen_canvas.draw(picture, width, height)
        if now - self._words_at >= _WORDS_SECONDS:
            self._words_at = now
            words = self._stage.words(self.picture_rate, help_shown=self.controls.help)
            if words != self._words:
                if (words.prompt, words.title) != (self._words.prompt, self._words.title):
                    self.set_caption(_caption(words.prompt or words.title))
                self._words, self._panels = words, word_panels(words, width, height)
        bars = TimeBar.of(width, height).bars(*self._stage.shares(), self._stage.span())
        placed = self._panels
        if not self._words.help:  # which stands alone
            placed = [*self._names(width, height), *placed, *self._cursor(width, height, now)]
        self._overlay.draw(placed, bars, width, height)

    def _names(self, width: int, height: int) -> list[Panel]:
        people = self._stage.people()
        if not any(person.name for person in people):
            return []
        points = name_points(people, self._stage.playhead.position)
        heads = self.camera_view.camera.project(points, width, height)
        return name_panels([person.name for person in people], heads, height)

    def _paint_note(self) -> None:
        """Paints what was saved or switched, over the picture that is saved."""
        note = self.capture.note() or self.controls.note()
        if note:
            width, height = self.get_framebuffer_size()
            panels = word_panels(PictureWords(note=note), width, height)
            self._overlay.draw(panels, [], width, height)

    def _cursor(self, width: int, height: int, now: float) -> list[Panel]:
        """The text cursor, while the line has the keyboard; steady while somebody types."""
        line = self._stage.line
        if (
            line is None
            or not line.focused
            or (now - self._typed_at) % _BLINK_SECONDS > 0.6 * _BLINK_SECONDS
        ):
            return []
        return [PromptBox.of(width, height).cursor(line.line)]

    def pixels(self) -> Pixels:
        """The present moment, drawn anew, since the screen itself cannot be read."""
        self.switch_to()
        self._paint(self._shot(), time.perf_counter())
        return read_pixels(*self.get_framebuffer_size())

    def _shot(self) -> Shot:
        stage, view = self._stage, self.camera_view
        if not len(stage.track):
            bodies = [body_cones(pose(p, 0.0), _IDLE_FADE) for p in stage.people()]
            return Shot(view.camera, np.concatenate(bodies))
        layers, head = self.controls.layers, stage.playhead
        return compose_shot(
            stage.people(), head.position, head.fps, layers, view.camera, view.spread()
        )

    def on_resize(self, width: int, height: int) -> None:
        """Frames the body in the new shape; the words are laid out again."""
        if hasattr(self, "camera_view"):  # pyglet calls this while it makes the window
            self.camera_view.resized(width / max(1, height), small=height < SMALL_HEIGHT)
            self._words = PictureWords()

    def on_key_press(self, symbol: int, modifiers: int) -> None:
        """Takes a key; while a prompt is written, it belongs to that."""
        if self._input is not None and self._input.press(symbol, modifiers):
            self.show_typing()
        elif symbol in (key.Q, key.ESCAPE):
            self.close()
        elif self.controls.press(
            ("SHIFT+" if modifiers & key.MOD_SHIFT else "") + key.symbol_string(symbol)
        ):
            self._words_at = 0.0

    def on_text(self, text: str) -> None:
        """Takes letters for the prompt line."""
        if self._input is not None and self._input.text(text):
            self.show_typing()

    def on_text_motion(self, motion: int) -> None:
        """Takes an editing key for the prompt line."""
        if self._input is not None and self._input.motion(motion):
            self.show_typing()

    on_text_motion_select = on_text_motion

    def show_typing(self) -> None:
        """Updates the words with the next picture, and steadies the text cursor."""
        self._words_at, self._typed_at = 0.0, time.perf_counter()

    def _paste(self) -> str:
        """The clipboard's text; empty if its owner does not answer."""
        self._paste_until = time.perf_counter() + _PASTE_SECONDS
        try:
            return str(self.get_clipboard_text())
        except (TimeoutError, UnicodeDecodeError):
            return ""
        finally:
            self._paste_until = None

    def dispatch_platform_event(self, event: object) -> None:
        """Takes an event of X11, where pyglet would wait forever for the clipboard's owner."""
        if self._paste_until is not None and time.perf_counter() > self._paste_until:
            raise TimeoutError("the owner of the clipboard does not answer")
        super().dispatch_platform_event(event)

    def _click_line(self, x: int, y: int) -> bool:
        """Moves the keyboard to the prompt line if the click is meant for it, else away from it."""
        line = self._stage.line
        if line is None:
            return False
        box, point = PromptBox.of(*self.get_framebuffer_size()), self._point(x, y)
        line.focused = box.holds(*point)
        if line.focused:
            line.set_cursor(box.letters_before(line.line, point[0]))
        self.show_typing()
        return line.focused

    def on_mouse_press(self, x: int, y: int, button: int, modifiers: int) -> None:
        """Writes in the prompt line, or scrubs the time bar, or with shift selects a part of it."""
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
        """Scrubs, selects a part, orbits or pans."""
        if self._scrubbing:
            self._drag_bar(x, y, begin=False)
        elif buttons & (mouse.RIGHT | mouse.MIDDLE) or modifiers & key.MOD_SHIFT:
            self.camera_view.pan(dx, dy, self.height)
        else:
            self.camera_view.orbit(dx, dy)

    def _drag_bar(self, x: int, y: int, *, begin: bool) -> None:
        share = self._bar().share(self._point(x, y)[0])
        if self._selecting:
            self.controls.select(share, begin=begin)
        else:
            self.controls.scrub(share)

    def _point(self, x: int, y: int) -> tuple[float, float]:
        """The mouse's place in pixels of the picture, which has more of them on a dense display."""
        width, height = self.get_framebuffer_size()
        return x * width / self.width, (self.height - y) * height / self.height

    def on_mouse_scroll(self, x: int, y: int, scroll_x: float, scroll_y: float) -> None:
        """Zooms."""
        self.camera_view.zoom(scroll_y)

    def _bar(self) -> TimeBar:
        return TimeBar.of(*self.get_framebuffer_size())


def _name(stage: Stage) -> str:
    return stage.prompt or stage.title


def _caption(prompt: str) -> str:
    """The title of a window, which some terminals and logs show: nothing in it may steer them."""
    return f"kinetoken: {printable(prompt)}"[:120] if prompt else "kinetoken"


def _context(*, software: bool, gles: bool) -> object:
    """A context of its own, with smooth edges only if a graphics card draws them."""
    screen = pyglet.display.get_display().get_default_screen()
    kinds = [{}] if software else [{"sample_buffers": 1, "samples": _SAMPLES}, {}]
    for more in kinds:
        try:
            return screen.get_best_config(
                driver_config(gles=gles, double_buffer=True, **more)
            ).create_context(None)
        except window.NoSuchConfigException:
            continue
    raise NoDisplayError("the graphics driver offers no picture of 24 bits with depth")

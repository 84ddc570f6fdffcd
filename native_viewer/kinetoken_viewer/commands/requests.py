"""Everything that `kinetoken play`, or the window of `kinetoken chat`, was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kinetoken.base.machine.packages import require_package
from kinetoken.cli.arguments import BundleRequest, HistoryRequest
from kinetoken.formats.read_options import DEFAULTS, ReadOptions
from kinetoken.generation.image_file import ImageFile
from kinetoken.generation.options import GenerateOptions
from kinetoken.live.settings import LiveSettings
from kinetoken.motion.clip import Clip

from ..file_names import free_name
from ..generator.messages import GeneratorJob
from ..render.camera import THREE_QUARTER, CameraView
from ..stage.layers import NO_LAYERS, SceneLayers
from ..window.request import WINDOW_SIZE, WindowRequest

if TYPE_CHECKING:
    from ..record.request import RecordRequest

_FILM_SIZE: Final = (640, 360)
_STILL_SIZE: Final = (1280, 720)
_STRIP_SIZE: Final = (1600, 500)


def as_seen(clip: Clip, smooth: bool | None) -> Clip:
    """The clip as it is shown: smoothed where asked, by default if a model made it from codes."""
    return clip.smoothed() if smooth or (smooth is None and clip.codes is not None) else clip


@dataclass(frozen=True)
class PictureRequest:
    """The window to open, or the picture file to write."""

    headless: bool = False
    """Write a file even if none is named."""
    film: Path | None = None
    """Picture file."""
    fps: float | None = None
    """Pictures per second of the file; None: the usual rate of its kind."""
    size: tuple[int, int] | None = None
    """Width and height in pixels; None: the usual ones."""
    camera: CameraView = THREE_QUARTER
    strip: int = 0
    """Poses side by side in one picture; 0: no strip."""
    sprites: bool = False
    """Those poses in equal cells without background."""
    words: bool = True
    """Write prompt, thought and time on the pictures of a file."""
    layers: SceneLayers = NO_LAYERS
    gles: bool = False
    """Draw with OpenGL ES."""

    @property
    def is_file(self) -> bool:
        """True if a file is wanted, not a window."""
        return self.headless or self.film is not None or self.strip > 0

    def window(self) -> WindowRequest:
        """The window."""
        return WindowRequest(self.size or WINDOW_SIZE, self.camera, self.layers, self.gles)

    def recording(self, name: str) -> RecordRequest:
        """The file, checked; named after the prompt or clip if it has no name of its own.

        InputError, OutputError, MissingPackageError.
        """
        require_package("PIL", "viewer")
        from kinetoken.base.atomic_file import check_writable

        from ..record.request import RecordRequest

        path = self.film or free_name(name, ".png" if self.strip else ".gif")
        usual = _STILL_SIZE if path.suffix.lower() == ".png" else _FILM_SIZE
        size = self.size or (_STRIP_SIZE if self.strip else usual)
        look = (self.camera, self.strip, self.words, self.layers, self.gles)
        recording = RecordRequest(path, size, self.fps, *look, sprites=self.sprites)
        check_writable(path)
        return recording


@dataclass(frozen=True)
class PlayRequest:
    """One body: a prompt or a clip, and where it is shown, sent and kept."""

    what: str | None
    """The prompt, or the name of the clip's file; None: prompts are typed in the window."""
    clip: Clip | None
    """The clip of the file."""
    out: str | None
    """File of the motion."""
    bundle: BundleRequest
    options: GenerateOptions
    image: ImageFile | None
    history: HistoryRequest
    live: LiveSettings
    picture: PictureRequest
    reading: ReadOptions = DEFAULTS
    """How to read files of motion."""
    smooth: bool | None = None
    """Smooth clips; None: those that a model made."""
    once: bool = False
    """Send a motion once without a window, not again and again."""

    @property
    def prompt(self) -> str:
        """The prompt; empty if there is none yet, or for a clip without one."""
        return (self.what or "") if self.clip is None else self.clip.prompt

    @property
    def title(self) -> str:
        """Name of a clip without a prompt: that of its file."""
        return Path(self.what or "").name

    @property
    def locks_feet(self) -> bool:
        """True if standing feet are kept from sliding."""
        return bool(self.options.foot_lock)

    def watched(self) -> PlayRequest:
        """The same for motion that somebody watches while it is made: it keeps up."""
        return replace(self, options=self.options.keeping_up(server=self.bundle.has_server))

    def job(self) -> GeneratorJob:
        """The talk with a generator that begins with the prompt."""
        return GeneratorJob(
            self.prompt,
            self.options,
            str(self.bundle.folder),
            self.bundle.options,
            history=self.history.turns,
            history_file=self.history.file,
            image=self.image,
        )

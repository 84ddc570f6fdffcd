"""Picture files of finished clips, on the motion's own clock: no window, no display."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from kinetoken.base.errors import EngineError, InputError
from kinetoken.cli.live_arguments import say
from kinetoken.cli.terminal import ProgressBar
from kinetoken.motion.clip import Clip

from ..render.shot import Renderer
from ..stage.places import NamedClip
from .clip_film import ClipFilm
from .encode import write_film, write_still
from .request import MOST_PICTURES, RecordRequest
from .sprites import cell_size, draw_sprites
from .strip import draw_strip


def record_clips(clips: Clip | Sequence[NamedClip], request: RecordRequest) -> bool:
    """Writes the file of one clip or of several; False if Ctrl-C ended a film early.

    InputError for a clip without frames, OutputError if the file cannot be written.
    """
    people = [NamedClip("", clips)] if isinstance(clips, Clip) else list(clips)
    for named in people:
        _check_clip(named)
    _check_length(people, request)
    if request.sprites:
        with contextlib.closing(open_renderer(*cell_size(request), gles=request.gles)) as renderer:
            write_still(request.path, draw_sprites(people[0].clip, request, renderer))
        return True
    with contextlib.closing(open_renderer(*request.size, gles=request.gles)) as renderer:
        if request.strip:
            write_still(request.path, draw_strip(people[0].clip, request, renderer))
            return True
        film = ClipFilm(people, request, renderer)
        if request.is_still:
            write_still(request.path, film.picture(film.seconds / 2))
            return True
        return _write_film(film, request)


def _write_film(film: ClipFilm, request: RecordRequest) -> bool:
    fps = request.picture_rate
    count = max(1, round(film.seconds * fps))
    with ProgressBar(f"drawing {request.path.name}", count) as bar:
        done = write_film(request.path, fps, count, lambda index: film.picture(index / fps), bar)
    if done < count:
        say(f"stopped; {done / fps:.1f} s are in {request.path}")
    return done == count


def _check_clip(named: NamedClip) -> None:
    which = f"the clip {named.name}" if named.name else "the clip"
    if not len(named.clip):
        raise InputError(f"{which} has no frames; there is nothing to show")
    if not np.isfinite(named.clip.joints).all():
        raise InputError(f"{which} holds values that are not numbers; it cannot be drawn")


def _check_length(people: Sequence[NamedClip], request: RecordRequest) -> None:
    """InputError if the film would have more pictures than anybody can wait for."""
    if request.is_still:
        return
    seconds = max(named.clip.seconds for named in people)
    count, most = seconds * request.picture_rate, MOST_PICTURES[request.suffix]
    if count > most:
        raise InputError(
            f"{request.path}: {seconds:.0f} s are {count:.0f} pictures, of at most {most} in "
            f"{request.suffix}; lower --film-fps, or cut the clip"
        )


def open_renderer(width: int, height: int, *, gles: bool = False) -> Renderer:
    """GL off screen if there is any, else the software painter, which is said in one line."""
    try:
        from ..render.gl.offscreen import OffscreenRenderer

        return OffscreenRenderer(width, height, gles=gles)
    except (ImportError, EngineError) as error:
        from ..render.software.painter import Painter

        reason = " ".join(str(error).split())[:120]
        wanted = "OpenGL ES, in spite of --gles" if gles else "OpenGL"
        say(f"drawing in software, without {wanted} ({reason})")
        return Painter(width, height)

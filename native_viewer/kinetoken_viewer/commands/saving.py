"""Saving what came and telling what went wrong, however a window ends.

It may be closed, or end by Ctrl-C, or with its display.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kinetoken.base.atomic_file import check_writable
from kinetoken.base.errors import INTERRUPTED, EngineError, KinetokenError
from kinetoken.cli.live_arguments import say
from kinetoken.formats.registry import check_can_save, suffix_of
from kinetoken.motion.clip import Clip

from ..file_names import slug
from ..window.display import when_lost

if TYPE_CHECKING:
    from ..stage.places import NamedClip
    from ..stage.stage import Stage
    from ..window.opening import ShowStage


def check_files(out: str | None, history_file: str | None = None) -> None:
    """Refuses now what could not be written later: the motion, the talk."""
    if out is not None:
        check_can_save(out)
    if history_file is not None:
        check_writable(history_file)


def show_then_keep(stage: Stage, show: ShowStage, save: Callable[[], object]) -> int:
    """Shows a stage until its window is gone, then saves and tells a failure; the exit code."""

    def end() -> None:
        stage.close()
        save()

    when_lost(lambda: _end_without_display(end))
    code = 0
    try:
        show(stage)
    except KeyboardInterrupt:
        say("stopped")
        code = INTERRUPTED
    finally:
        end()
    if stage.failure is not None:
        say(stage.failure.reason)
        return stage.failure.exit_code
    return code


def _end_without_display(end: Callable[[], None]) -> int:
    say("the display is gone, and the window with it")
    try:
        end()
    except KinetokenError as error:
        say(str(error))
    return EngineError.exit_code


def keep_clip(clip: Clip | None, path: str | Path | None) -> bool:
    """Writes what came, if that is wanted, and says so; True if anything was written."""
    if path is None:
        return False
    if clip is None or not len(clip):
        say("no motion had come yet; nothing was saved")
        return False
    clip.save(path)
    seed = f", seed {clip.seed}" if clip.seed is not None else ""
    print(f"{clip.seconds:.1f} s of motion{seed} -> {path}")
    return True


def keep_clips(clips: Sequence[NamedClip], path: str | None) -> bool:
    """Writes each clip in a file of its own, by the path's name and the clip's.

    True if anything was written.
    """
    if path is None:
        return False
    there = [named for named in clips if len(named.clip)]
    if not there:
        return keep_clip(None, path)
    for named in there:
        keep_clip(named.clip, path_beside(path, named.name))
    return True


def path_beside(path: str, name: str) -> Path:
    """The file of the clip of this name: "clips.npz" and "seed 1" make clips-seed-1.npz."""
    target = Path(path)
    suffix = target.name[len(target.name) - len(suffix_of(target)) :]  # as it is spelled
    stem = target.name.removesuffix(suffix) if suffix else target.name
    return target.with_name(f"{stem}-{slug(name) or 'clip'}{suffix}")

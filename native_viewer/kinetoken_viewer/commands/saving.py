"""What came is kept and what went wrong is told, however a window ends: closed, by Ctrl-C, or with its display."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kinetoken.base.errors import INTERRUPTED, EngineError, KinetokenError
from kinetoken.motion.clip import Clip

from ..file_names import slug
from ..window.display import when_lost

if TYPE_CHECKING:
    from ..stage.side_by_side import Named
    from ..stage.stage import Stage


def shown(stage: Stage, play: Callable[[Stage], None], keep: Callable[[], object]) -> int:
    """Plays a stage until its window is gone, then `keep`s what came and tells a failure; the exit code."""

    def end() -> None:
        stage.close()
        keep()

    when_lost(lambda: _lost(end))
    code = 0
    try:
        play(stage)
    except KeyboardInterrupt:
        print("kinetoken: stopped", file=sys.stderr)
        code = INTERRUPTED
    finally:
        end()
    if stage.failure is not None:
        print(f"kinetoken: {stage.failure.reason}", file=sys.stderr)
        return stage.failure.exit_code
    return code


def _lost(end: Callable[[], None]) -> int:
    """The display has gone: what came is kept, and one line says why the window is no more."""
    print("kinetoken: the display is gone, and the window with it", file=sys.stderr)
    try:
        end()
    except KinetokenError as error:
        print(f"kinetoken: {error}", file=sys.stderr)
    return EngineError.exit_code


def keep_clip(clip: Clip | None, path: str | Path | None) -> bool:
    """Writes what came where it is wanted, and says so; whether anything was written."""
    if path is None:
        return False
    if clip is None or not len(clip):
        print("kinetoken: no motion had come yet; nothing was saved", file=sys.stderr)
        return False
    clip.save(path)
    seed = f", seed {clip.seed}" if clip.seed is not None else ""
    print(f"{clip.seconds:.1f} s of motion{seed} -> {path}")
    return True


def keep_cast(cast: Sequence[Named], path: str | None) -> bool:
    """Every clip in a file of its own, the path's name and the clip's; whether anything was written."""
    if path is None:
        return False
    there = [named for named in cast if len(named.clip)]
    if not there:
        return keep_clip(None, path)
    for named in there:
        keep_clip(named.clip, beside(path, named.name))
    return True


def beside(path: str, name: str) -> Path:
    """Where the clip of this name is kept: "clips.npz" and "seed 1" are clips-seed-1.npz."""
    target = Path(path)
    return target.with_name(f"{target.stem}-{slug(name) or 'clip'}{target.suffix}")

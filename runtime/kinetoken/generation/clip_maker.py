"""What an answer's options bring beside its tokens: the foot lock, the levels of its blocks, and what its clip says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..motion.clip import Clip, MotionChunk
from ..motion.footlock import FootLock
from .adaptive_detail import Pace
from .bundle import Bundle
from .options import GenerateOptions


class ClipMaker:
    """Of one answer, whoever chooses its tokens."""

    def __init__(self, bundle: Bundle, options: GenerateOptions, pace: Pace) -> None:
        """`pace`: by which "auto" decides the levels. InputError where the options cannot be met."""
        manifest = bundle.manifest
        self._fps = float(manifest.codec.fps)
        self.feet = FootLock(fps=self._fps) if options.foot_lock else None
        self.detail = options.detail_run(manifest, bundle.vocabulary, pace)
        self.notes = {"model": manifest.name} | (
            {"foot_lock": "on"} if self.feet is not None else {}
        )
        """Of the clip."""

    def clip(self, motion: Iterable[MotionChunk], text: str, prompt: str, seed: int) -> Clip:
        """That motion with its text, and how it was made."""
        notes = self.notes | (self.detail.note if self.detail else {})
        whole = Clip.from_chunks(motion, prompt=prompt, seed=seed)
        return replace(whole, text=text, fps=self._fps, meta=notes)

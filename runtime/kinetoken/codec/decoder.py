"""Codes to features as the codes come: a sliding window over the decoder's graph.

The features of latent frame t depend on the latents [t - past, t + lookahead] and nothing else, and
each latent frame is one run of the graph. So the result does not depend on how the codes were cut,
and the cost of a frame stays the same.

A lookahead below the exact one brings the pose sooner: the window ends early, as if the motion
ended there, so every window has its own end. Frames share no run, however many are pushed at once:
even at the exact lookahead, frames that shared a run would come out of kernels of another width,
equal in value but not to the last bit.

Some decoders take a limited number of latent frames (a window), as they were trained. A motion that
fits is decoded as one window. In a longer one each frame has a window of its own, with the frame in
the middle where the motion reaches so far. Where the graph takes neither more nor fewer frames, the
window is filled up with the last latent or with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BundleError, EngineError, InputError
from .codebooks import Codebooks
from .normalizer import Normalizer


class TensorSession(Protocol):
    """A graph with one input and one output."""

    def run(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """One forward pass."""
        ...


@dataclass(frozen=True)
class MotionDecoder:
    """A loaded decoder; any number of runs may go on at once."""

    session: TensorSession
    """Latents (1, n, D) to normalised features (1, n * stride, F)."""
    codebooks: Codebooks
    normalizer: Normalizer
    stride: int
    """Feature frames per latent frame."""
    past: int
    """Latent frames before t that its output depends on."""
    lookahead: int
    """Latent frames after t that are waited for."""
    exact_lookahead: int | None = None
    """Latent frames after t that its output depends on; None: `lookahead`."""
    window: int | None = None
    """Latent frames that the graph takes at once, at most; None: any number."""
    padding: str = "none"
    """How a shorter motion is filled up to the window: "repeat", "zero" or "none"."""
    block_frames: int | None = None
    """Feature frames that one block of an answer stands for; None: all. See MotionRun."""

    def __post_init__(self) -> None:
        if self.stride < 1 or self.past < 0 or not 0 <= self.lookahead <= self.exact:
            raise BundleError(
                "decoder: expected stride 1 or more, past 0 or more and lookahead "
                f"0..{self.exact}, got {self.stride}, {self.past}, {self.lookahead}; "
                "export the bundle again"
            )
        if self.window is not None and self.exact >= self.window:
            raise BundleError(
                f"decoder: expected a lookahead below the window of {self.window} latent frames, "
                f"got {self.exact}; export the bundle again"
            )

    @property
    def exact(self) -> int:
        """The lookahead that gives the same features as the whole motion in one pass."""
        return self.lookahead if self.exact_lookahead is None else self.exact_lookahead

    def window_stop(self, frame: int) -> int:
        """The end of the latents that a frame is decoded with, where the motion goes on so far."""
        if self.window is None:
            return frame + self.lookahead + 1
        return min(frame + self.lookahead + 1, max(0, frame - self.window // 2) + self.window)

    def window_start(self, frame: int, stop: int) -> int:
        """The first of the latents that a frame is decoded with, where they end at `stop`."""
        return max(0, frame - self.past if self.window is None else stop - self.window)

    def with_lookahead(self, frames: int) -> MotionDecoder:
        """The same decoder, waiting for so many latent frames. InputError beyond 0..exact."""
        if not 0 <= frames <= self.exact:
            raise InputError(
                f"lookahead: expected 0 to {self.exact} latent frames, got {frames}; "
                "waiting longer changes nothing"
            )
        return replace(self, lookahead=frames, exact_lookahead=self.exact)

    def start(self) -> DecoderRun:
        """A new motion."""
        return DecoderRun(self)

    def decode(self, codes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Decode the codes (n, Q) of a whole motion to features (n * stride, F)."""
        run = self.start()
        return np.concatenate([run.push(codes), run.finish()])


class DecoderRun:
    """One motion being decoded."""

    def __init__(self, decoder: MotionDecoder) -> None:
        self._decoder = decoder
        width = decoder.codebooks.table.shape[2]
        self._latents = np.zeros((0, width), np.float32)  # from frame `_first` on
        self._first = 0
        self._done = 0
        self._last: tuple[int, int, NDArray[np.float32]] | None = None

    def push(self, codes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Decode code frames (k, Q); returns the features (m * stride, F) that became final."""
        self._latents = np.concatenate([self._latents, self._decoder.codebooks.latents(codes)])
        stop = self._done
        while self._decoder.window_stop(stop) <= self._pushed:
            stop += 1
        return self._emit(stop)

    def finish(self) -> NDArray[np.float32]:
        """Return the features that waited for frames that never came."""
        return self._emit(self._pushed)

    @property
    def _pushed(self) -> int:
        return self._first + len(self._latents)

    def _emit(self, stop: int) -> NDArray[np.float32]:
        decoder = self._decoder
        rows = [self._frame(frame) for frame in range(self._done, stop)]
        self._done = max(self._done, stop)
        ahead = min(decoder.window_stop(self._done), self._pushed)
        keep = max(self._first, decoder.window_start(self._done, ahead))
        self._latents, self._first = self._latents[keep - self._first :], keep
        empty = np.zeros((0, len(decoder.normalizer.mean)), np.float32)
        return np.concatenate([empty, *rows])

    def _frame(self, frame: int) -> NDArray[np.float32]:
        """Decode one latent frame to features (stride, F)."""
        decoder = self._decoder
        stop = min(decoder.window_stop(frame), self._pushed)
        start = decoder.window_start(frame, stop)
        begin = (frame - start) * decoder.stride
        out = self._window_features(start, stop)
        return decoder.normalizer.denormalize(out[begin : begin + decoder.stride])

    def _window_features(self, start: int, stop: int) -> NDArray[np.float32]:
        """Normalised features of the latents from start to stop."""
        if self._last is not None and self._last[:2] == (start, stop):
            return self._last[2]  # frames at either end of a motion share a fixed window
        decoder = self._decoder
        window = self._latents[start - self._first : stop - self._first]
        if decoder.window is not None and decoder.padding != "none":
            filler = window[-1:] if decoder.padding == "repeat" else np.zeros_like(window[-1:])
            window = np.concatenate([window, *[filler] * (decoder.window - len(window))])
        out = decoder.session.run(window[None])
        expected = (1, len(window) * decoder.stride, len(decoder.normalizer.mean))
        if out.shape != expected:
            raise EngineError(
                f"decoder: expected features {expected}, got {out.shape}; export the bundle again"
            )
        features: NDArray[np.float32] = out[0]
        if decoder.window is not None:
            self._last = (start, stop, features)
        return features

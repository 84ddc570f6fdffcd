"""Windows to code sequences: the motion that the language model learns from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from kinetoken.cli.terminal import progress
from kinetoken.motion.recover import recover

from ...codecs.own_model import MotionCodec, load_codec
from ...codecs.source import Codes
from ..data.augment import Features, to_features
from ..data.clips import load_clips
from ..data.cutting import STRIDE, Window
from ..data.judges import obeys
from ..data.rising import ways_up
from ..data.windows import action_windows, long_windows
from ..words.action_names import COUNTED_ALOUD
from .coded.coded_window import RISE, CodedWindow, load_coded, save_coded, without_stills
from .coded.repetitions import GO_ON, fitting_counts, repetition_ends

_MOST_PER_KIND: Final = 10  # windows of one action, count, speed and style
_MOST_PER_ACTION: Final = 30  # windows; more of one action only crowds out the others
_LONG: Final = 125  # frames: longer ones are for what goes on
_MOST_LONG: Final = 4
_MOST_WAYS: Final = 24  # up from a posture
# Frames skipped at the start: the same motion cut otherwise into latents, where windows are few.
_OFFSETS: Final = (0,)
_OFFSETS_OF_FEW: Final = (0, 2)
_FEW: Final = 24
_FEWEST: Final = 12  # windows of an action, whether they pass their judge after the codec or not


class Coder:
    """Features to codes and back to joints with a loaded codec."""

    def __init__(self, model: MotionCodec, mean: torch.Tensor, std: torch.Tensor) -> None:
        self.model, self.mean, self.std = model, mean, std

    @torch.no_grad()
    def encode(self, features: Features) -> Codes:
        """Features (4n, 263) to codes (n, Q)."""
        rows = (torch.from_numpy(np.ascontiguousarray(features)) - self.mean) / self.std
        latents = self.model.encoder(rows.T[None])[0].T
        return self.model.quantizer.encode(latents).numpy()

    @torch.no_grad()
    def features(self, codes: Codes) -> Features:
        """Codes (n, q) to features (4n, 263)."""
        latents = self.model.quantizer.lookup(torch.tensor(codes))
        rows = self.model.decoder(latents.T[None])[0].T * self.std + self.mean
        out: Features = rows.numpy()
        return out

    def joints(self, codes: Codes) -> NDArray[np.float64]:
        """Codes (n, q) to joint positions (4n, 22, 3)."""
        return recover(self.features(codes).astype(np.float64))

    @torch.no_grad()
    def latents(self, codes: Codes) -> NDArray[np.float32]:
        """Codes (n, q) to the latents (n, L) that they stand for."""
        out: NDArray[np.float32] = self.model.quantizer.lookup(torch.tensor(codes)).numpy()
        return out


def coded_windows(work: Path, codec_folder: Path) -> list[CodedWindow]:
    """All windows that still pass their judge after the codec, made once and kept in `work`."""
    path = work / "lm_windows.npz"
    if path.is_file():
        return load_coded(path)
    coder = Coder(*load_codec(codec_folder))
    clips = load_clips(work)
    out = code(chain(action_windows(clips), long_windows(clips)), coder)
    save_coded(path, out)
    return out


def code(found: Iterable[Window], coder: Coder) -> list[CodedWindow]:
    """As many windows as are of use, coded, and ways up from low postures.

    Windows that no longer show their action go.
    """
    chosen = capped(found)
    coded = [*_coded(chosen, coder), *_coded_ways_up(chosen, coder)]
    return without_unseen_counts(
        _counted(without_stills(window), coder) for window in progress(coded, "counting")
    )


def _counted(window: CodedWindow, coder: Coder) -> tuple[CodedWindow, dict[int, bool]]:
    """A window with the ends of its repetitions, if they can be told, and its `fitting_counts`."""
    if window.action not in COUNTED_ALOUD:
        return window, {}
    cuts = repetition_ends(window.action, window.codes, window.count, coder.joints)
    if not cuts and (window.count != 1 or window.action in GO_ON):
        return window, {}
    return replace(window, cuts=cuts), fitting_counts(
        window.action, window.codes, cuts, coder.joints
    )


def without_unseen_counts(
    found: Iterable[tuple[CodedWindow, dict[int, bool]]],
) -> list[CodedWindow]:
    """Windows that fit the counts at which they still show their action.

    A count at which no window of the action shows it stays: three turns to the left end elsewhere
    than one does, and the judge knows only one.
    """
    found = list(found)
    seen = {(w.action, times) for w, fits in found for times, shown in fits.items() if shown}
    return [
        replace(w, fits=tuple(n for n in fits if fits[n] or (w.action, n) not in seen))
        for w, fits in found
    ]


def capped(found: Iterable[Window]) -> list[Window]:
    """As many windows of each action as are of use, drawn evenly from its kinds."""
    draw = np.random.default_rng(0)
    kinds: dict[str, dict[tuple[object, ...], list[Window]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for window in found:
        lasts = len(window.features) > _LONG
        kind = (window.side, window.count, window.speed, window.style, lasts)
        kinds[window.action][kind].append(window)
    out: list[Window] = []
    for mine in kinds.values():
        queues = [_drawn(windows, draw, _MOST_LONG if kind[-1] else _MOST_PER_KIND)
            for kind, windows in mine.items()]  # fmt: skip
        taken: list[Window] = []
        while any(queues) and len(taken) < _MOST_PER_ACTION:
            taken += [queue.pop() for queue in queues if queue]
        out += taken[:_MOST_PER_ACTION]
    return out


def _drawn(windows: list[Window], draw: np.random.Generator, most: int) -> list[Window]:
    return [windows[int(i)] for i in draw.permutation(len(windows))[:most]]


def _coded(chosen: list[Window], coder: Coder) -> Iterator[CodedWindow]:
    counts = Counter(window.action for window in chosen)
    good, bad = defaultdict[str, list[CodedWindow]](list), defaultdict[str, list[CodedWindow]](list)
    for window in progress(chosen, "coding windows"):
        for offset in _OFFSETS_OF_FEW if counts[window.action] < _FEW else _OFFSETS:
            rows = window.features[
                offset : len(window.features) - (STRIDE if offset else 0) + offset
            ]
            codes = coder.encode(rows)
            passes = obeys(window.action, coder.joints(codes))
            (good if passes else bad)[window.action].append(CodedWindow.of(window, codes))
    for action, count in counts.items():
        # Rather a motion that the codec has weakened than none.
        weak = bad[action][: max(0, _FEWEST - len(good[action]))]
        if bad[action]:
            print(
                f"{action}: {len(bad[action])} of {count} windows do not pass their judge after the "
                f"codec, {len(weak)} of them stay"
            )
        yield from good[action]
        yield from weak


def _coded_ways_up(chosen: list[Window], coder: Coder) -> Iterator[CodedWindow]:
    for posture, motions in ways_up(chosen).items():
        for joints in motions[:_MOST_WAYS]:
            rows = to_features(joints.astype(np.float32))
            codes = coder.encode(rows[: len(rows) // STRIDE * STRIDE])
            yield CodedWindow(codes, RISE, begins=posture)

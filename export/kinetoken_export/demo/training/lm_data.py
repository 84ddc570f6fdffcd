"""Windows to code sequences: the examples that the language model learns from."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from kinetoken.base.atomic_file import atomic_path
from kinetoken.cli.terminal import progress
from kinetoken.motion.recover import recover

from ...codecs.own_model import MotionCodec, load_codec
from ...codecs.source import Codes
from ..data.augment import Features
from ..data.clips import load_clips
from ..data.cutting import STRIDE, Window
from ..data.judges import obeys, shows
from ..data.windows import action_windows

_MOST_PER_ACTION: Final = 130  # windows; more of one action only crowds out the others
# Frames skipped at the start: the same motion cut otherwise into latents, more often where windows
# are few.
_OFFSETS: Final = (0, 2)
_OFFSETS_OF_FEW: Final = (0, 1, 2, 3)
_FEW: Final = 80
_BLEND: Final = 8  # frames over which two windows are joined
_PAIRS: Final = 500
_FIRST: Final = (
    "walk_forward",
    "run",
    "stand_still",
    "turn_around",
    "walk_slowly",
    "walk_fast",
    "squat",
    "wave",
    "jump",
    "walk_backward",
)
_SECOND: Final = (
    *_FIRST,
    "jump_forward",
    "kick_left",
    "kick_right",
    "punch",
    "jumping_jacks",
    "sit_down",
    "dance",
    "boxing",
    "circle_left",
    "circle_right",
)


@dataclass(frozen=True)
class Example:
    """A motion to learn: its windows in turn, and each one's code frames."""

    windows: tuple[Window, ...]
    codes: tuple[Codes, ...]


def coded_examples(work: Path, codec_folder: Path) -> list[Example]:
    """All examples that still pass their judge after the codec, made once and kept in `work`."""
    path = work / "lm_examples.npz"
    if path.is_file():
        return _load(path)
    model, mean, std = load_codec(codec_folder)
    coder = Coder(model, mean, std)
    chosen = _capped(list(action_windows(load_clips(work))))
    out: list[Example] = []
    counts = Counter(window.action for window in chosen)
    for window in progress(chosen, "coding windows"):
        for offset in _OFFSETS_OF_FEW if counts[window.action] < _FEW else _OFFSETS:
            rows = window.features[
                offset : len(window.features) - (STRIDE if offset else 0) + offset
            ]
            codes = coder.encode(rows)
            if shows(window.action, coder.joints(codes)):
                out.append(Example((window,), (codes,)))
    out += _pairs(chosen, coder)
    save_examples(path, out)
    return out


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
        latents = self.model.quantizer.lookup(torch.from_numpy(codes))
        rows = self.model.decoder(latents.T[None])[0].T * self.std + self.mean
        out: Features = rows.numpy()
        return out

    def joints(self, codes: Codes) -> NDArray[np.float64]:
        """Codes (n, q) to joint positions (4n, 22, 3)."""
        return recover(self.features(codes).astype(np.float64))


def _capped(found: list[Window]) -> list[Window]:
    draw = np.random.default_rng(0)
    by_action: dict[str, list[Window]] = {}
    for window in found:
        by_action.setdefault(window.action, []).append(window)
    out: list[Window] = []
    for mine in by_action.values():
        order = draw.permutation(len(mine))[:_MOST_PER_ACTION]
        out += [mine[i] for i in sorted(order)]
    return out


def _pairs(pool: list[Window], coder: Coder) -> list[Example]:
    """Join two windows to one motion where their poses are near; each part passes its judge."""
    draw = np.random.default_rng(1)
    by_action = {a: [w for w in pool if w.action == a] for a in _SECOND}
    out: list[Example] = []
    for _ in progress(range(_PAIRS), "joining pairs"):
        a = str(draw.choice(_FIRST))
        b = str(draw.choice([x for x in _SECOND if x != a]))
        first = by_action[a][int(draw.integers(len(by_action[a])))]
        others = [by_action[b][int(i)] for i in draw.integers(len(by_action[b]), size=12)]
        end = first.features[-1]
        second = min(others, key=lambda w: float(np.abs(w.features[0, 3:67] - end[3:67]).mean()))
        head = first.features[: 80 // STRIDE * STRIDE]
        joined = np.concatenate([head, _led_in(head[-1], second.features)])
        codes = coder.encode(joined)
        cut = len(head) // STRIDE
        joints = coder.joints(codes)
        if obeys(a, joints[: len(head)]) and obeys(b, joints[len(head) :]):
            out.append(Example((first, second), (codes[:cut], codes[cut:])))
    return out


def _led_in(end: Features, features: Features) -> Features:
    """Lead over from the row `end` to features: the difference fades out (inertialization)."""
    out = features.copy()
    fade = (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, _BLEND + 2)[1:-1])).astype(np.float32)[:, None]
    out[:_BLEND] += (end - features[0])[None] * fade
    out[:_BLEND, 259:] = np.round(np.clip(out[:_BLEND, 259:], 0, 1))
    return out


def save_examples(path: Path, found: list[Example]) -> None:
    """Write examples as `coded_examples` reads them."""
    meta = [[[w.action, w.clip, w.side, w.style] for w in e.windows] for e in found]
    arrays = {
        f"{i}.{k}": c.astype(np.int16) for i, e in enumerate(found) for k, c in enumerate(e.codes)
    }
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, meta=np.array(json.dumps(meta)), **arrays)  # type: ignore[arg-type]


def _load(path: Path) -> list[Example]:
    nothing = np.zeros((0, 263), np.float32)
    with np.load(path) as archive:
        meta = json.loads(str(archive["meta"]))
        return [
            Example(
                tuple(
                    Window(action, nothing, clip, side, style)
                    for action, clip, side, style in windows_
                ),
                tuple(archive[f"{i}.{k}"].astype(np.int64) for k in range(len(windows_))),
            )
            for i, windows_ in enumerate(meta)
        ]

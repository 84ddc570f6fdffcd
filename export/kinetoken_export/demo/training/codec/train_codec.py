"""`kinetoken train-demo train-codec`: clips to a codec; a stopped training goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import InputError
from kinetoken.motion.features import CONTACTS, POSITIONS, ROTATIONS
from kinetoken.motion.skeleton import CONTACT_JOINTS, FPS, JOINT, PARENTS

from ....codecs.own_model import WEIGHTS, CodecConfig, MotionCodec, load_codec
from ...data.augment import Features
from ...data.cutting import Window
from ..clock import TrainingClock
from ..defaults import CODEC_STEPS
from ..lm_model import in_bfloat16
from .codec_data import (
    CodecRows,
    Windows,
    codec_rows,
    drawn_windows,
    facing_steps,
    feature_statistics,
)

_SMALL: Final = (JOINT["head"], JOINT["left_shoulder"], JOINT["right_shoulder"])
_SMALL_WEIGHT: Final = 6.0  # of the bones that nod and shrug
_CALM: Final = 0.008  # metres: bones that move less count as still


@dataclass(frozen=True)
class LossWeights:
    """How much each part of the loss counts beside the normalised features; metres and frames."""

    joints: float = 18.0
    """Positions, fast limbs more."""
    bones: float = 15.0
    """Bone lengths."""
    gestures: float = 2.0
    """Motion of each bone beside its own extent: small gestures of head and shoulders."""
    steps: float = 10.0
    """Velocities, fast limbs more."""
    changes: float = 4.0
    """Accelerations."""
    slide: float = 10.0
    """Horizontal velocities of the feet in contact."""
    lag: float = 80.0
    """Speed that fast limbs fall short of: what is uncertain comes out slow otherwise."""
    still: float = 40.0
    """Accelerations of joints that hardly move, which trembling is made of."""
    path: float = 1.0
    """The root's path, heading and height."""


@dataclass(frozen=True)
class CodecTraining:
    """The plan of a codec training."""

    steps: int = CODEC_STEPS
    minutes: float = 0.0
    """How long it may take in all; 0: as long as the steps take."""
    batch: int = 40
    frames: int = 64
    peak: float = 1.0e-3
    warm_up: int = 200
    unquantized: int = 300
    """Steps before the codebooks start."""
    dropout: float = 0.6
    """Share of windows that are coded with fewer than all levels."""
    decoder_only: bool = False
    """Whether encoder and codebooks stay as they are, so that codes made before stay valid."""
    device: str = "cpu"
    """Of PyTorch, such as "cuda"."""
    workers: int = 0
    """Processes that draw windows; 0: the one that trains."""
    weights: LossWeights = field(default_factory=LossWeights)
    save_every: int = 250
    seed: int = 1


def train_codec(
    work: Path,
    plan: CodecTraining,
    out: Path,
    windows: Iterable[Window] = (),
    start: Path | None = None,
) -> None:
    """Train (or go on with) the codec in `work` and write its folder to `out`.

    `windows`: motions of actions to learn from beside the clips. `start`: codec folder of the same
    sizes, whose weights and Mean and Std a new training begins with.
    """
    torch.manual_seed(plan.seed)
    motions = codec_rows(work, windows)
    model, mean, std = _untrained(motions, plan, start)
    model.to(plan.device)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=plan.peak, weight_decay=0.01, betas=(0.9, 0.98))
    done, spent = _resume(work / "codec.pt", model, optimizer, plan.decoder_only)
    windows_drawn = Windows(motions, plan.frames, plan.seed + done)
    batches = drawn_windows(windows_drawn, plan.batch, plan.workers)
    scale = [torch.from_numpy(values).to(plan.device) for values in (mean, std)]
    loss = Loss(scale[0], scale[1], plan.weights)
    unquantized = 0 if start else plan.unquantized
    clock, average = TrainingClock(plan.steps, plan.minutes, spent), torch.zeros(())
    bar = clock.bar("codec", done)
    for step in range(done, done if clock.is_over else plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = clock.rate(step, plan.peak, plan.warm_up)
        batch = next(batches).to(plan.device)
        if unquantized and step == unquantized:
            _start_codebooks(model, windows_drawn, loss)
        value = _step(model, loss, batch, plan, quantized=step >= unquantized)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        average = value.detach() if step == done else 0.99 * average + 0.01 * value.detach()
        clock.show(bar, step + 1, _RunningLoss(average))
        last = step + 1 == plan.steps or clock.is_over
        if (step + 1) % plan.save_every == 0 or last:
            bar.erase()
            pace = 60 * (clock.spent - spent) / (step - done + 1)
            print(f"step {step + 1} loss {float(average):.4f} {pace:.3f} s/step", flush=True)
            _save(work / "codec.pt", model, optimizer, step + 1, clock.spent, plan.decoder_only)
        if last:
            break
    write_codec(model, mean, std, out)


@dataclass(frozen=True)
class _RunningLoss:
    """A running mean of the loss; its number is read where it is shown."""

    value: Tensor

    def __str__(self) -> str:
        return f"loss {float(self.value):.3f}"


def _untrained(
    motions: CodecRows, plan: CodecTraining, start: Path | None
) -> tuple[MotionCodec, Features, Features]:
    """The codec before the first step, its Mean and Std."""
    model = MotionCodec(CodecConfig(overlap=True))
    if start is not None:
        mean, std = _begin_with(start, model)
    elif plan.decoder_only:
        raise InputError("--decoder-only: expected --start with the codec whose codes stay valid")
    else:
        mean, std = feature_statistics(motions.rows)
    if plan.decoder_only:
        model.encoder.requires_grad_(False)
    return model, mean, std


def _begin_with(folder: Path, model: MotionCodec) -> tuple[Features, Features]:
    """Give the model the weights of a codec folder; its Mean and Std."""
    old, mean, std = load_codec(folder)
    weights = old.state_dict()
    if not old.config.overlap:
        for name in ("decoder.patch.weight", "decoder.patch.bias"):
            weights[name] = torch.cat([weights[name], _went_on(weights[name], old.config)])
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            f"--start: expected a codec of the sizes of this one at {folder}, got "
            f"{old.config}: train without it"
        ) from error
    for level in model.quantizer.levels:
        level.usage.fill_(1.0)
        level.total.copy_(level.codebook)
    return mean.numpy(), std.numpy()


def _went_on(patch: Tensor, config: CodecConfig) -> Tensor:
    """Rows of the next patch where the last frames of this one go on, more slowly."""
    frames = patch.reshape(config.stride, config.features, *patch.shape[1:])
    speed = 0.4 * (frames[-1] - frames[-2])
    ahead = [frames[-1] + (i + 1) * speed for i in range(config.stride)]
    return torch.stack(ahead).reshape(patch.shape)


class Loss:
    """The distance of decoded features from the true ones: features, metres, motion and path."""

    def __init__(self, mean: Tensor, std: Tensor, weights: LossWeights) -> None:
        self.mean, self.std, self.weights = mean, std, weights
        weight = torch.ones(263, device=mean.device)
        weight[0:4] = 4.0
        weight[POSITIONS] = 2.0
        weight[ROTATIONS] = 0.5
        weight[CONTACTS] = 0.5
        self.weight = weight

    def normalize(self, features: Tensor) -> Tensor:
        """Features (B, T, 263) to zero mean and unit deviation, channels first (B, 263, T)."""
        return ((features - self.mean) / self.std).transpose(1, 2)

    def __call__(self, decoded: Tensor, true: Tensor) -> Tensor:
        """Scalar loss of decoded (B, 263, T), normalised, against true features (B, T, 263)."""
        guess = decoded.transpose(1, 2)
        target = (true - self.mean) / self.std
        features = (F.smooth_l1_loss(guess, target, reduction="none") * self.weight).mean()
        raw = guess * self.std + self.mean
        mine, theirs = _joints(raw), _joints(true)
        # Fast limbs are what punches and kicks are made of, and a mean over all frames hardly sees
        # them.
        speed = F.pad((theirs[:, 1:] - theirs[:, :-1]).norm(dim=-1), (0, 0, 0, 1)) * 20
        emphasis = 1.0 + (speed / 2.0).clamp(max=2.5)
        joints = (_lengths(mine - theirs) * emphasis).mean()
        my_bones, their_bones = _bones(mine), _bones(theirs)
        bones = (_lengths(my_bones) - _lengths(their_bones)).abs().mean()
        motion = self._motion(facing_steps(raw), facing_steps(true), emphasis[:, :-1], true)
        return (
            features
            + self.weights.joints * joints
            + self.weights.bones * bones
            + self.weights.gestures * _lost_gestures(my_bones, their_bones)
            + motion
            + self.weights.path * _path_error(raw, true)
        )

    def _motion(self, mine: Tensor, theirs: Tensor, emphasis: Tensor, true: Tensor) -> Tensor:
        """Loss on the joints' steps (B, T - 1, 21, 3), on their changes and on standing feet."""
        off = mine - theirs
        mine_speed, true_speed = _lengths(mine), _lengths(theirs)
        fast = (true_speed * FPS - 1.5).clamp(min=0.0, max=3.0)
        lag = (true_speed - mine_speed).clamp(min=0.0) * fast
        still = torch.exp(-true_speed * (FPS / 0.15))
        change = off[:, 1:] - off[:, :-1]
        feet = off[:, :, [j - 1 for j in CONTACT_JOINTS]][..., [0, 2]]
        standing = true[:, :-1, CONTACTS, None]
        return (
            self.weights.steps * (off.abs() * emphasis[..., None]).mean()
            + self.weights.changes * change.abs().mean()
            + self.weights.slide * (feet.abs() * standing).mean()
            + self.weights.lag * lag.mean()
            + self.weights.still * (_lengths(change) * still[:, 1:]).mean()
        )


def _lengths(vectors: Tensor) -> Tensor:
    return (vectors.square().sum(-1) + 1e-8).sqrt()


def _bones(joints: Tensor) -> Tensor:
    """Bones (B, T, 21, 3), metres, of root-relative joints 1..21."""
    whole = F.pad(joints, (0, 0, 1, 0))
    return joints - whole[:, :, list(PARENTS[1:])]


def _lost_gestures(mine: Tensor, theirs: Tensor) -> Tensor:
    """How much of each bone's motion within a window is missed, beside how much it moves.

    A nod moves the head by 2 cm: a mean over metres does not see whether it took place.
    """
    moved = theirs - theirs.mean(dim=1, keepdim=True)
    missed = _lengths(mine - mine.mean(dim=1, keepdim=True) - moved)
    extent = moved.square().sum(-1).mean(dim=1, keepdim=True).sqrt()
    weights = torch.ones(missed.shape[-1], device=missed.device)
    weights[[joint - 1 for joint in _SMALL]] = _SMALL_WEIGHT
    return (missed / (extent + _CALM) * weights).mean()


def _joints(features: Tensor) -> Tensor:
    """Root-relative positions (B, T, 21, 3) of joints 1..21, metres."""
    positions = features[..., 4:67].reshape(*features.shape[:2], 21, 3)
    height = features[..., 3]
    zero = torch.zeros_like(height)
    return positions - torch.stack([zero, height, zero], dim=-1).unsqueeze(2)


def _path_error(raw: Tensor, true: Tensor) -> Tensor:
    """Mean distance (m) of the integrated root paths plus mean yaw difference (rad)."""
    paths = []
    for features in (raw, true):
        yaw = 2.0 * torch.cumsum(features[..., 0], dim=1)
        c, s = torch.cos(yaw), torch.sin(yaw)
        vx, vz = features[..., 1], features[..., 2]
        paths.append(
            (torch.cumsum(torch.stack([c * vx - s * vz, s * vx + c * vz], -1), dim=1), yaw)
        )
    (mine, my_yaw), (theirs, their_yaw) = paths
    height = (raw[..., 3] - true[..., 3]).abs().mean()
    return (mine - theirs).abs().mean() + 2.0 * (my_yaw - their_yaw).abs().mean() + 5.0 * height


def _step(
    model: MotionCodec, loss: Loss, batch: Tensor, plan: CodecTraining, quantized: bool
) -> Tensor:
    with in_bfloat16(batch.device):
        latents = model.encoder(loss.normalize(batch)).float()
    commitment = latents.new_zeros(())
    if quantized:
        levels = model.config.levels
        keep = torch.full((len(batch),), levels)
        fewer = torch.rand(len(batch)) < plan.dropout
        # Every number of levels as often: two and three are asked for too.
        keep[fewer] = torch.randint(1, levels, (int(fewer.sum()),))
        keep = keep.to(batch.device)
        latents, commitment = model.quantizer(latents, keep, learn=not plan.decoder_only)
    with in_bfloat16(batch.device):
        decoded = model.decoder(latents)
    out: Tensor = loss(decoded.float(), batch) + 0.1 * commitment
    return out


@torch.no_grad()
def _start_codebooks(model: MotionCodec, windows: Windows, loss: Loss) -> None:
    drawn = [windows.draw(64).to(loss.mean.device) for _ in range(12)]
    latents = torch.cat([model.encoder(loss.normalize(batch)) for batch in drawn])
    left = latents.transpose(1, 2).reshape(-1, model.config.latent_dim)
    for level in model.quantizer.levels:
        level.set_from(left)
        left = left - level.codebook[level.nearest(left)]


def _resume(
    path: Path, model: MotionCodec, optimizer: torch.optim.Optimizer, decoder_only: bool
) -> tuple[int, float]:
    if not path.is_file():
        return 0, 0.0
    state = torch.load(path, weights_only=True, map_location="cpu")
    if state.get("decoder_only", False) != decoder_only:
        was, now = ("without", "with") if decoder_only else ("with", "without")
        raise InputError(
            f"{path}: expected a training {now} --decoder-only, got one {was}: go on as it began, or "
            "give another --work and what this one wrote as --start"
        )
    model.load_state_dict(state["model"], strict=False)
    for level, kept in zip(model.quantizer.levels, state["averages"], strict=True):
        level.usage.copy_(kept["usage"])
        level.total.copy_(kept["total"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), float(state.get("minutes", 0.0))


def _save(
    path: Path,
    model: MotionCodec,
    optimizer: torch.optim.Optimizer,
    step: int,
    minutes: float,
    decoder_only: bool,
) -> None:
    averages = [{"usage": level.usage, "total": level.total} for level in model.quantizer.levels]
    with atomic_path(path) as temporary:
        torch.save(
            {
                "model": model.state_dict(),
                "averages": averages,
                "optimizer": optimizer.state_dict(),
                "step": step,
                "minutes": minutes,
                "decoder_only": decoder_only,
            },
            temporary,
        )


def write_codec(
    model: MotionCodec, mean: NDArray[np.float32], std: NDArray[np.float32], out: Path
) -> None:
    """Write the codec folder: weights in half precision, config.json, Mean.npy, Std.npy."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {k: v.half().cpu().contiguous() for k, v in model.state_dict().items()}
    with atomic_path(out / WEIGHTS) as temporary:
        save_file(weights, temporary)
    with atomic_path(out / "config.json") as temporary:
        Path(temporary).write_text(
            json.dumps(model.config.to_dict(), indent=2) + "\n", encoding="utf-8"
        )
    for name, values in (("Mean.npy", mean), ("Std.npy", std)):
        with atomic_path(out / name) as temporary, open(temporary, "wb") as file:
            np.save(file, values)

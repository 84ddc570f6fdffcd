"""Crafted GGUF headers, and a child process in which llama.cpp may end.

`crafted` changes one to three places of a true file, chosen by a seed: numbers, types, sizes of
lists, names, sizes and places of tensors, keys that were not there, and bytes at random.

    python tests/support/gguf_attacks.py ROLE FILE INFO FIRST STOP

is the child: it opens the headers of seeds FIRST to STOP as the runtime does, and runs those that are let
through. ROLE is "lm" or "tower"; INFO is the language model's description as JSON.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from kinetoken.base.errors import KinetokenError
from kinetoken.engines.llamacpp.gguf_header import NUMBER_FORMATS
from kinetoken.manifest.schema import LanguageModelInfo

STRING, ARRAY = 8, 9
SPECIAL_INTS = (0, 1, 2, 3, 7, 31, 255, 256, 512, 4096, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1)
SPECIAL_FLOATS = (
    0.0, -0.0, 1.0, -1.0, 1e-45, 1e-30, 1e30, 3e38, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
TYPES = range(45)
EXTRA_NAMES = (
    "attention.causal", "expert_count", "expert_used_count", "pooling_type", "rope.scaling.type",
    "rope.scaling.factor", "attention.max_alibi_bias", "attention.clamp_kqv", "logit_scale",
    "rope.dimension_count", "attention.key_length", "attention.value_length", "attention.scale",
    "attention.sliding_window", "attention.sliding_window_pattern", "final_logit_softcapping",
    "attn_logit_softcapping", "vocab_size", "leading_dense_block_count", "n_deepstack_layers",
    "rope.dimension_sections", "use_parallel_residual", "embedding_scale", "residual_scale",
    "attention.group_norm_groups", "ssm.conv_kernel", "decoder_start_token_id", "nothing",
)  # fmt: skip
OTHER_NAMES = (
    "split.count", "split.no", "general.alignment", "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.scores", "tokenizer.ggml.precompiled_charsmap", "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.add_space_prefix", "tokenizer.ggml.fim_pre_token_id", "adapter.type",
    "tokenizer.ggml.eot_token_id", "tokenizer.ggml.token_type_count",
)  # fmt: skip


@dataclass
class _Places:
    """The places of a header that can be changed without moving the others."""

    numbers: list[tuple[int, str]] = field(default_factory=list)
    """Numbers of keys, and their format."""
    types: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    names: list[tuple[int, int]] = field(default_factory=list)
    dims: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    keys_end: int = 0
    end: int = 0


def _places(whole: bytes) -> _Places:
    found, at = _Places(), 24
    (tensors, keys) = struct.unpack_from("<QQ", whole, 8)

    def number(form: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(f"<{form}", whole, at)
        at += struct.calcsize(form)
        return int(value)

    def string(into: list[tuple[int, int]]) -> None:
        nonlocal at
        length = number("Q")
        into.append((at, length))
        at += length

    for _ in range(keys):
        string(found.names)
        found.types.append(at)
        kind = number("I")
        if kind == STRING:
            found.lengths.append(at)
            string(found.names)
        elif kind == ARRAY:
            found.types.append(at)
            inner = number("I")
            found.lengths.append(at)
            count = number("Q")
            for index in range(count):
                if inner == STRING:
                    string(found.names if index % 50 == 0 else [])
                else:
                    if index % 50 == 0:
                        found.numbers.append((at, NUMBER_FORMATS[inner]))
                    at += struct.calcsize(NUMBER_FORMATS[inner])
        else:
            found.numbers.append((at, NUMBER_FORMATS[kind]))
            at += struct.calcsize(NUMBER_FORMATS[kind])
    found.keys_end = at
    for _ in range(tensors):
        string(found.names)
        found.counts.append(at)
        for _ in range(number("I")):
            found.dims.append(at)
            at += 8
        found.kinds.append(at)
        found.offsets.append(at + 4)
        at += 12
    found.end = at
    return found


def crafted(whole: bytes, seed: int) -> bytes:
    """The file with a header that is wrong in one to three places."""
    chance, data, places = Random(seed), bytearray(whole), _places(whole)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        _change(data, places, chance)
    if chance.random() < 0.15:
        return _with_key(bytes(data), places, chance)
    return bytes(data)


def _change(data: bytearray, places: _Places, chance: Random) -> None:
    what = chance.choice(
        ("number", "number", "number", "type", "length", "name", "dim", "kind", "kind", "offset",
         "count", "bytes", "head")
    )  # fmt: skip
    if what == "number":
        at, form = chance.choice(places.numbers)
        struct.pack_into(f"<{form}", data, at, _value(data, at, form, chance))
    elif what == "type":
        struct.pack_into("<I", data, chance.choice(places.types), chance.randrange(14))
    elif what in ("length", "dim", "offset"):
        at = chance.choice(
            {"length": places.lengths, "dim": places.dims, "offset": places.offsets}[what]
        )
        struct.pack_into("<Q", data, at, _value(data, at, "Q", chance))
    elif what == "name":
        at, length = chance.choice(places.names)
        if length:
            data[at + chance.randrange(length)] = chance.choice((0, 32, 95, 97, 48, 255))
    elif what == "kind":
        struct.pack_into("<I", data, chance.choice(places.kinds), chance.choice(TYPES))
    elif what == "count":
        struct.pack_into("<I", data, chance.choice(places.counts), chance.randrange(6))
    elif what == "head":
        at = chance.choice((4, 8, 16))
        struct.pack_into("<I", data, at, chance.choice(SPECIAL_INTS))
    else:
        data[chance.randrange(places.end)] = chance.randrange(256)


def _value(data: bytearray, at: int, form: str, chance: Random) -> object:
    (now,) = struct.unpack_from(f"<{form}", data, at)
    if form in "fd":
        value = chance.choice((*SPECIAL_FLOATS, now * 2, now / 1000, -now))
        return (
            value
            if abs(value) < 3.4e38 or form == "d" or value in (value * 2,) or value != value
            else 3e38
        )
    if form == "?":
        return not now
    low, high = (0, 256 ** struct.calcsize(form) - 1)
    if form.islower():
        low, high = -(high // 2) - 1, high // 2
    value = chance.choice((*SPECIAL_INTS, now + 1, now - 1, now * 2, now // 2, 2**63))
    return min(high, max(low, value))


def _with_key(data: bytes, places: _Places, chance: Random) -> bytes:
    """Put a key in that was not there; the weights move to their next boundary."""
    architecture = "clip.vision" if b"clip.projector_type" in data else _architecture(data)
    name = chance.choice([*[f"{architecture}.{n}" for n in EXTRA_NAMES], *OTHER_NAMES]).encode()
    kind = chance.choice((4, 4, 5, 6, 6, 7, 10, STRING))
    if kind == STRING:
        text = chance.choice((b"yarn", b"longrope", b"linear", b"x", b""))
        value = struct.pack("<Q", len(text)) + text
    else:
        form = NUMBER_FORMATS[kind]
        value = struct.pack(f"<{form}", _value(bytearray(8), 0, form, chance))
    key = struct.pack("<Q", len(name)) + name + struct.pack("<I", kind) + value
    (keys,) = struct.unpack_from("<Q", data, 16)
    if keys > 2**40:
        return data
    head = data[:16] + struct.pack("<Q", keys + 1) + data[24 : places.keys_end] + key
    head += data[places.keys_end : places.end]
    return head + bytes(-len(head) % 32) + data[-(-places.end // 32) * 32 :]


def _architecture(data: bytes) -> str:
    at = data.find(b"general.architecture") + 24
    (length,) = struct.unpack_from("<Q", data, at)
    return data[at + 8 : at + 8 + min(length, 40)].decode(errors="replace")


@dataclass
class Outcome:
    """What became of the headers."""

    counts: Counter[str] = field(default_factory=Counter)
    """"refused", "ran", "error" (llama.cpp refused it)."""
    aborts: dict[int, str] = field(default_factory=dict)
    """Seed to how the process ended, where it did."""


def attack(role: str, path: Path, info: LanguageModelInfo, seeds: range) -> Outcome:
    """Open every crafted header in a child process; where that ends, the next one goes on."""
    found, first = Outcome(), seeds.start
    while first < seeds.stop:
        command = [
            sys.executable, __file__, role, str(path), json.dumps(asdict(info)), str(first),
            str(seeds.stop),
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=1800,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "GGML_NO_BACKTRACE": "1"},
        )  # fmt: skip
        words = [line.split(" ", 1) for line in done.stdout.splitlines() if line[:1].isdigit()]
        found.counts.update(word for _, word in words if word != "begin")
        if done.returncode == 0:
            break
        last = int(words[-1][0]) if words else first
        found.aborts[last] = f"{done.returncode}: {done.stderr.strip()[-300:]}"
        first = last + 1
    return found


def _child(role: str, path: Path, info: LanguageModelInfo, seeds: range) -> None:
    warnings.simplefilter("ignore")
    whole = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            print(f"{seed} begin", flush=True)
            target = Path(folder) / f"{seed}.gguf"
            target.write_bytes(crafted(whole, seed))
            print(f"{seed} {_outcome(role, target, path, info)}", flush=True)
            target.unlink()


def _outcome(role: str, target: Path, path: Path, info: LanguageModelInfo) -> str:
    from kinetoken.engines.llamacpp.gguf_check import checked_header, checked_tower
    from kinetoken.engines.llamacpp.model import LlamaCppLanguageModel

    try:
        if role == "lm":
            checked_header(target, info)
        else:
            checked_tower(target)
    except KinetokenError:
        return "refused"
    try:
        if role == "lm":
            model = LlamaCppLanguageModel(target, info, 1)
            run = model.start()
            run.push([1, 2, 3, 4], (range(info.vocab_size),))
            run.push([5], (range(300, 310),))
            return "ran"
        import numpy as np

        tower = LlamaCppLanguageModel(path.with_name("lm.gguf"), info, 1).vision(target, "x")
        tower.see(np.zeros((tower.pixels * 2, tower.pixels * 3, 3), np.uint8))
    except KinetokenError:
        return "error"
    return "ran"


if __name__ == "__main__":
    _child(
        sys.argv[1], Path(sys.argv[2]), LanguageModelInfo(**json.loads(sys.argv[3])),
        range(int(sys.argv[4]), int(sys.argv[5])),
    )  # fmt: skip

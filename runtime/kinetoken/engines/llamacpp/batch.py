"""Several answers in one llama context: their tokens share each pass through the weights.

Every sequence has a cache of its own. A prompt is fed alone, in the same pieces as without a batch,
so only the tokens of answers meet others.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...base.errors import EngineError
from ...tokens.allowed_ids import Allowed, take_allowed
from ..protocols import SequenceInput
from ..run_checks import check_ids, check_push
from .context import LlamaContext
from .library import error_log, first_error, llama, logits_at

KERNEL_GROUP: Final = 4  # tokens: kernels take a prompt in groups of so many


class LlamaCppBatch:
    """So many sequences, each with a number from 0."""

    def __init__(self, context: LlamaContext, limit: int, piece: int, size: int) -> None:
        self._context, self._limit, self._piece = context, limit, piece
        self._memory = llama.llama_get_memory(context.pointer)
        self._batch = _Batch(max(piece, size), size)
        self._places = list(range(size))
        """The slot of each sequence. Those in use adjoin: neighbours are computed together."""
        self._held: list[list[int]] = [[] for _ in range(size)]
        """The prompt in each slot, kept when dropped: the next may begin with the same words."""
        self._lengths = [0] * size

    def push(self, wants: Sequence[SequenceInput]) -> list[NDArray[np.float32]]:
        """Feed tokens to some sequences; returns the logits of each, until the next push."""
        for sequence, ids, _ in wants:
            check_push(len(ids), self._lengths[sequence], self._limit)
            check_ids(ids, self._context.vocab_size)
        rows: dict[int, NDArray[np.float32]] = {}
        for sequence, ids, allowed in wants:
            if len(ids) > 1:
                rows[sequence] = self._feed_prompt(sequence, ids, allowed)
        rows |= self._feed_tokens([want for want in wants if len(want[1]) == 1])
        return [rows[sequence] for sequence, _, _ in wants]

    def drop(self, sequence: int) -> None:
        """Forget a sequence."""
        self._lengths[sequence] = 0

    def _feed_prompt(
        self, sequence: int, ids: Sequence[int], allowed: Allowed
    ) -> NDArray[np.float32]:
        """Feed one sequence alone; returns a copy of its logits, as other tokens follow."""
        place, known = self._places[sequence], self._begin(sequence, ids)
        at = known
        while at < len(ids):
            # A prompt that is fed whole is cut at the same tokens.
            stop = min(len(ids), (at // self._piece + 1) * self._piece)
            last = stop - at - 1
            self._decode(
                self._batch.fill((token, place, k == last) for k, token in enumerate(ids[at:stop])),
                prompt=True,
            )
            at = stop
        self._lengths[sequence] += len(ids)
        return take_allowed(self._row(last), allowed).copy()

    def _begin(self, sequence: int, ids: Sequence[int]) -> int:
        """Number of these ids that an empty sequence need not be fed: the system prompt's, mostly.

        They are kept from its last prompt, or copied from another sequence. The last id is never
        among them: it must be fed for its logits.
        """
        if self._lengths[sequence]:
            return 0
        shared = [reusable_tokens(held, ids, self._piece) for held in self._held]
        best = max(range(len(shared)), key=shared.__getitem__)
        place = self._places[sequence]
        if shared[best] > shared[sequence]:
            self._copy(self._places[best], place)
        known = max(shared)
        llama.llama_memory_seq_rm(self._memory, place, known, -1)
        self._held[sequence] = list(ids)
        return known

    def _copy(self, source: int, target: int) -> None:
        llama.llama_memory_seq_rm(self._memory, target, -1, -1)
        llama.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def _feed_tokens(self, wants: Sequence[SequenceInput]) -> dict[int, NDArray[np.float32]]:
        """Feed one token to each sequence, all in one pass."""
        if not wants:
            return {}
        for sequence, ids, _ in wants:
            self._begin(sequence, ids)
        self._close_gaps([sequence for sequence, _, _ in wants])
        ordered = sorted(wants, key=lambda want: self._places[want[0]])
        self._decode(
            self._batch.fill(
                (ids[0], self._places[sequence], True) for sequence, ids, _ in ordered
            ),
            prompt=False,
        )
        for sequence, _, _ in ordered:
            self._lengths[sequence] += 1
        return {
            sequence: take_allowed(self._row(at), allowed)
            for at, (sequence, _, allowed) in enumerate(ordered)
        }

    def _close_gaps(self, used: Sequence[int]) -> None:
        """Move sequences down into empty slots between those in use.

        The weights are read once for each row of neighbours.
        """
        owner = {place: sequence for sequence, place in enumerate(self._places)}
        while True:
            places = sorted(self._places[sequence] for sequence in used)
            between = [
                place for place in range(places[0], places[-1]) if not self._lengths[owner[place]]
            ]
            if not between or between[0] in places:
                return
            gap, last = between[0], places[-1]
            self._copy(last, gap)
            mover, other = owner[last], owner[gap]
            self._places[mover], self._places[other] = gap, last
            owner[gap], owner[last] = mover, other
            llama.llama_memory_seq_rm(self._memory, last, -1, -1)
            self._held[other] = []

    def _decode(self, batch: Any, *, prompt: bool) -> None:
        error_log.clear()
        status = self._context.run(llama.llama_decode, batch, prompt=prompt)
        if status:
            raise EngineError(
                f"llama.cpp failed in the language model ({status}): {first_error()}; start again"
            )

    def _row(self, at: int) -> NDArray[np.float32]:
        """Logits (vocab,) of a token of the last pass, in place until the next."""
        address = logits_at(self._context.pointer, at)
        if not address:
            raise EngineError(f"llama.cpp gave no logits: {first_error()}; start again")
        buffer: Any = (ctypes.c_float * self._context.vocab_size).from_address(address)
        buffer.owner = self._context  # a view may outlive the batch
        return np.frombuffer(buffer, np.float32)


def reusable_tokens(held: Sequence[int], ids: Sequence[int], piece: int) -> int:
    """Tokens of one prompt that another need not feed again for logits equal to the last bit.

    Every other token must go through the kernel that it goes through in a prompt that is fed whole.
    Pieces that are full stay full, as attention has a kernel of its own for them, and a part of a
    piece ends where a group of tokens does. The last token must always be fed for its logits.
    """
    pairs = zip(held, ids[:-1], strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    whole = same // piece * piece
    if max(len(held), len(ids)) >= whole + piece:
        return whole
    return whole + (same - whole) // KERNEL_GROUP * KERNEL_GROUP


class _Batch:
    """Arrays from which llama.cpp reads tokens; it finds their positions itself."""

    def __init__(self, room: int, size: int) -> None:
        self._tokens, self._wanted = (ctypes.c_int32 * room)(), (ctypes.c_int8 * room)()
        self._counts = (ctypes.c_int32 * room)(*[1] * room)
        self._numbers = [(ctypes.c_int32 * 1)(place) for place in range(size)]
        self._sequences = (ctypes.POINTER(ctypes.c_int32) * room)()
        self._pointers = [
            ctypes.cast(number, ctypes.POINTER(ctypes.c_int32)) for number in self._numbers
        ]
        self.struct = llama.llama_batch(
            token=self._tokens, n_seq_id=self._counts, seq_id=self._sequences, logits=self._wanted
        )

    def fill(self, rows: Any) -> Any:
        """Fill in rows of (token, slot, whether its logits are wanted)."""
        at = -1
        for at, (token, place, wanted) in enumerate(rows):
            self._tokens[at], self._wanted[at] = token, wanted
            self._sequences[at] = self._pointers[place]
        self.struct.n_tokens = at + 1
        return self.struct

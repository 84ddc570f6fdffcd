"""Steps of outlines-core for constraint.py, in a Python that has it: TOKENIZER to JSON.

outlines-core knows text, not ids.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from constraint_ids import SIZE, TURN, runs_of_bits, walk
from outlines_core import Guide, Index, Vocabulary
from tokenizers import Tokenizer

CODE = "(0|[1-9][0-9]{0,2}|10[01][0-9]|102[0-3])"


def byte_of() -> dict[str, int]:
    """The letters that byte-level BPE writes bytes with (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + n): b for n, b in enumerate(others)}


def words(tokenizer: Tokenizer) -> dict[bytes, list[int]]:
    """Spelling of each id to the ids that share it."""
    letters, out = byte_of(), {}
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    for word, number in tokenizer.get_vocab().items():
        if number != TURN:
            spelled = word.encode() if word in added else bytes(letters[letter] for letter in word)
            out.setdefault(spelled, []).append(number)
    return out


def main() -> None:
    """Compile, then time advance and mask for each token inside the block."""
    levels = "".join(f"<m_{q}_{CODE}>" for q in range(4))
    began = time.perf_counter()
    index = Index(
        f"<move>({levels})+</move>", Vocabulary(TURN, words(Tokenizer.from_file(sys.argv[1])))
    )
    print(f"compiled in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    guide, mask = Guide(index), np.zeros(-(-SIZE // 32), np.uint32)
    out = []
    for token in walk()[:-1]:
        began = time.perf_counter()
        guide.advance(token, return_tokens=False)
        guide.write_mask_into(mask.ctypes.data, mask.size, mask.itemsize)
        out.append(((time.perf_counter() - began) * 1e6, runs_of_bits(mask)))
    print(json.dumps(out[1:]))


if __name__ == "__main__":
    main()

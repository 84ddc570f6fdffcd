"""The steps of xgrammar, for constraint.py, under a Python that has xgrammar: TOKENIZER SIZE TOKENS LEVELS START to JSON."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import xgrammar as xg
from tokenizers import Tokenizer

TURN = 151_645


def structure(levels: list[list[int]], start: int) -> dict[str, object]:
    """A block as a structural tag over token ids."""

    def token(number: int) -> dict[str, object]:
        return {"type": "token", "token": number}

    codes = [{"type": "or", "elements": [token(i) for i in range(first, stop)]} for first, stop in levels]
    frames = {"type": "plus", "content": {"type": "sequence", "elements": codes}}
    return {
        "type": "structural_tag",
        "format": {"type": "sequence", "elements": [token(start), frames, token(start + 1)]},
    }


def main() -> None:
    """Time advance and mask for each token inside the block."""
    tokenizer, size, path, levels, start = (
        sys.argv[1],
        int(sys.argv[2]),
        sys.argv[3],
        json.loads(sys.argv[4]),
        int(sys.argv[5]),
    )
    with open(path) as file:
        tokens = json.load(file)
    words = sorted(Tokenizer.from_file(tokenizer).get_vocab().items(), key=lambda item: item[1])
    info = xg.TokenizerInfo(
        [word for word, _ in words], vocab_type=xg.VocabType.BYTE_LEVEL, vocab_size=size, stop_token_ids=[TURN]
    )
    compiled = xg.GrammarCompiler(info).compile_structural_tag(json.dumps(structure(levels, start)))
    matcher, mask = xg.GrammarMatcher(compiled), xg.allocate_token_bitmask(1, size)
    out = []
    for i, token in enumerate(tokens[:-1]):
        began = time.perf_counter()
        assert matcher.accept_token(token)
        matcher.fill_next_token_bitmask(mask)
        spent = (time.perf_counter() - began) * 1e6
        allowed = int(np.unpackbits(mask.numpy().view(np.uint8), bitorder="little")[:size].sum())
        if i:
            out.append((spent, allowed))
    print(json.dumps(out))


if __name__ == "__main__":
    main()

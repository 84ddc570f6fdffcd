"""Steps of xgrammar for constraint.py, in a Python that has it: TOKENIZER to JSON."""

from __future__ import annotations

import json
import sys
import time

import xgrammar as xg
from constraint_ids import LEVELS, SIZE, START, TURN, runs_of_bits, walk
from tokenizers import Tokenizer


def structure() -> dict[str, object]:
    """A block as a structural tag over token ids."""

    def token(number: int) -> dict[str, object]:
        return {"type": "token", "token": number}

    codes = [{"type": "or", "elements": [token(i) for i in ids]} for ids in LEVELS]
    frames = {"type": "plus", "content": {"type": "sequence", "elements": codes}}
    return {
        "type": "structural_tag",
        "format": {"type": "sequence", "elements": [token(START), frames, token(START + 1)]},
    }


def main() -> None:
    """Time advance and mask for each token inside the block."""
    words = sorted(Tokenizer.from_file(sys.argv[1]).get_vocab().items(), key=lambda item: item[1])
    info = xg.TokenizerInfo(
        [word for word, _ in words],
        vocab_type=xg.VocabType.BYTE_LEVEL,
        vocab_size=SIZE,
        stop_token_ids=[TURN],
    )
    compiled = xg.GrammarCompiler(info).compile_structural_tag(json.dumps(structure()))
    matcher, mask = xg.GrammarMatcher(compiled), xg.allocate_token_bitmask(1, SIZE)
    out = []
    for token in walk()[:-1]:
        began = time.perf_counter()
        assert matcher.accept_token(token)
        matcher.fill_next_token_bitmask(mask)
        out.append(((time.perf_counter() - began) * 1e6, runs_of_bits(mask.numpy()[0])))
    print(json.dumps(out[1:]))


if __name__ == "__main__":
    main()

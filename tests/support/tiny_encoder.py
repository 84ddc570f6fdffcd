"""A sentence encoder of a few words, as transformers writes it."""

from __future__ import annotations

from pathlib import Path

_WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "walk", "bow", "wave", "a", "person")


def write_tiny_encoder(folder: Path) -> Path:
    """Write a BERT of random weights, 16 wide; returns its folder."""
    import transformers

    folder.mkdir(parents=True)
    (folder / "words.txt").write_text("\n".join(_WORDS), encoding="utf-8")
    transformers.BertTokenizer(str(folder / "words.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(_WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    return folder

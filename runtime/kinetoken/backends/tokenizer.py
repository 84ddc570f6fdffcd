"""tokenizer.json through the tokenizers library; the only file that knows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..errors import BundleError, InputError, MissingPackageError

try:
    from tokenizers import Tokenizer
except ImportError as error:
    raise MissingPackageError("tokenizers") from error


class HfTokenizer:
    """Two views of one tokenizer: with the added tokens for the template, and without them for what people type."""

    def __init__(self, path: Path) -> None:
        """BundleError where the file is no tokenizer."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            self._full = Tokenizer.from_str(json.dumps(data))
            # Added tokens need not be marked special, so the library's own switch does not cover all of them.
            self._plain = Tokenizer.from_str(json.dumps({**data, "added_tokens": [], "post_processor": None}))
        except Exception as error:  # the library raises bare Exception
            raise BundleError(f"{path} is not a tokenizer.json ({error}); export the bundle again") from error

    def encode_text(self, text: str) -> list[int]:
        """What a person typed: special tokens spelled in it stay plain text."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError("the prompt holds bytes that are not UTF-8 text; type it again") from None
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def encode_template(self, text: str) -> list[int]:
        """What the bundle says around it: special tokens are recognised."""
        return list(self._full.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids; U+FFFD where a character is not whole yet."""
        return str(self._full.decode(list(ids), skip_special_tokens=False))

"""The name of a bundle on the hub: hf:OWNER/NAME[@REVISION]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..base.errors import InputError

PREFIX: Final = "hf:"
MAIN: Final = "main"
_WORD: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}"
_REVISION: Final = r"[A-Za-z0-9_][A-Za-z0-9_.+/-]{0,199}"
_NAME: Final = re.compile(rf"({_WORD})/({_WORD})(?:@({_REVISION}))?")


@dataclass(frozen=True)
class BundleName:
    """A bundle on the hub."""

    owner: str
    name: str
    revision: str | None = None
    """Branch, tag or commit; None: main."""

    @classmethod
    def parse(cls, text: str) -> BundleName:
        """The name, with or without "hf:" before it; InputError where it is none."""
        found = _NAME.fullmatch(text.removeprefix(PREFIX))
        if found is None or ".." in text:
            raise InputError(f"expected OWNER/NAME or OWNER/NAME@REVISION, got {text!r}")
        return cls(found[1], found[2], found[3])

    @property
    def repository(self) -> str:
        """OWNER/NAME."""
        return f"{self.owner}/{self.name}"

    @property
    def wanted(self) -> str:
        """Branch, tag or commit."""
        return self.revision or MAIN

    def at(self, revision: str) -> BundleName:
        """The same bundle at another revision."""
        return BundleName(self.owner, self.name, revision)

    def __str__(self) -> str:
        return PREFIX + self.repository + (f"@{self.revision}" if self.revision else "")


def is_bundle_name(text: str) -> bool:
    """True for the name of a bundle on the hub, False for a folder."""
    return text.startswith(PREFIX)

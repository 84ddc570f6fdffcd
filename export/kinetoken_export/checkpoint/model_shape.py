"""The numbers that shape a language model."""

from __future__ import annotations

from dataclasses import dataclass

from kinetoken.manifest.architectures import Width

from .config.rope import Rope


@dataclass(frozen=True)
class LanguageModelShape:
    """The numbers of config.json that shape the language model."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocab_size: int
    """Rows of the embedding; may be more than the tokenizer has."""
    head_dim: int
    """Width of one attention head."""
    context: int
    """Tokens within which it computes as it was made to."""
    rope: Rope
    """Positions."""
    norm_eps: float
    tied: bool
    """Whether the embedding is the head too."""
    windows: tuple[int | None, ...] = ()
    """Tokens that each layer attends to, itself the last; None: all. Empty: all in every layer."""
    local_rope: Rope | None = None
    """Positions of the layers with a window, where they have their own."""
    query_width: float = 0.0
    """Scores are divided by its root; 0: `head_dim`."""
    attention_softcap: float = 0.0
    """Scores are bent to stay within this; 0: they are not."""
    logit_softcap: float = 0.0
    """Logits are bent to stay within this; 0: they are not."""

    @property
    def attention_scale(self) -> float:
        """Scores are multiplied by it."""
        return float((self.query_width or self.head_dim) ** -0.5)

    def layer_rope(self, layer: int) -> Rope:
        """Positions of a layer."""
        local = self.local_rope is not None and self.windows and self.windows[layer] is not None
        return self.local_rope if local and self.local_rope is not None else self.rope

    def width(self, name: Width) -> int:
        """The number that a width of an architecture stands for."""
        if name in ("queries", "keys"):
            return self.head_dim * (self.heads if name == "queries" else self.kv_heads)
        return int(getattr(self, name))

    def window(self, layer: int, context: int | None = None) -> int | None:
        """Tokens that a layer attends to; None for all of the first `context` tokens."""
        window = self.windows[layer] if self.windows else None
        return None if window is None or window >= (context or self.context) else window

    def smallest_window(self, context: int | None = None) -> int | None:
        """The narrowest window that is felt within so many tokens; None where there is none."""
        windows = (self.window(layer, context) for layer in range(self.layers))
        return min((window for window in windows if window is not None), default=None)

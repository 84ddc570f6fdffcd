"""A prompt as the model was trained to see it."""

from __future__ import annotations

from typing import Final

from .bundle import Bundle
from .engines import EncodedImage, Fed
from .errors import BundleError
from .options import check_prompt

IMAGE_MARKERS: Final = ("<|vision_start|>", "<|vision_end|>")
"""What stands around an image in Qwen2.5-VL's chat, one token each; it comes before the user's words."""


def prompt_ids(bundle: Bundle, prompt: str) -> list[int]:
    """The whole chat as token ids; what the user typed is plain text whatever it spells."""
    before, after = _parts(bundle, prompt)
    return [*before, *after]


def prompt_with_image(bundle: Bundle, prompt: str, image: EncodedImage | None) -> list[Fed]:
    """The same with an image before the user's words."""
    before, after = _parts(bundle, prompt)
    seen = [] if image is None else image_in_chat(bundle, image)
    return [*before, *seen, *after]


def _parts(bundle: Bundle, prompt: str) -> tuple[list[int], list[int]]:
    """The chat up to the user's words, and from them on."""
    check_prompt(prompt)
    chat, tokenizer = bundle.manifest.chat, bundle.tokenizer
    user = tokenizer.encode_text(prompt)
    if not all(bundle.vocabulary.is_text(token) for token in user):
        raise BundleError("the tokenizer gives ids outside text_ids for plain text; export the bundle again")
    around, known = chat.template, tokenizer.encode_template
    before = known(around.before_system + chat.system_prompt + around.after_system + around.before_user)
    return before, [*user, *known(around.after_user)]


def image_in_chat(bundle: Bundle, image: EncodedImage) -> list[Fed]:
    """An image between its markers; BundleError where the tokenizer has none."""
    start, end = (bundle.tokenizer.encode_template(marker) for marker in IMAGE_MARKERS)
    if len(start) != 1 or len(end) != 1:
        raise BundleError(
            f"expected tokens {' and '.join(IMAGE_MARKERS)}, the tokenizer has none; export the bundle again"
        )
    return [*start, image, *end]

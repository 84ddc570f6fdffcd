"""A prompt as the model was trained to see it."""

from __future__ import annotations

from .bundle import Bundle
from .errors import BundleError
from .options import check_prompt


def prompt_ids(bundle: Bundle, prompt: str) -> list[int]:
    """The whole chat as token ids; what the user typed is plain text whatever it spells."""
    check_prompt(prompt)
    chat, tokenizer = bundle.manifest.chat, bundle.tokenizer
    user = tokenizer.encode_text(prompt)
    if not all(bundle.vocabulary.is_text(token) for token in user):
        raise BundleError("the tokenizer gives ids outside text_ids for plain text; export the bundle again")
    around, known = chat.template, tokenizer.encode_template
    before = known(around.before_system + chat.system_prompt + around.after_system + around.before_user)
    return [*before, *user, *known(around.after_user)]

"""The chat format: a prompt, and the turns before it, as the model was trained to see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..base.errors import BundleError, InputError
from ..engines.prompt_items import EncodedImage, PromptItem
from ..tokens.vocabulary import Vocabulary
from .bundle import Bundle
from .options import check_prompt

IMAGE_MARKERS: Final = ("<|vision_start|>", "<|vision_end|>")
"""Markers around an image in Qwen2.5-VL's chat, one token each."""


@dataclass(frozen=True)
class Said:
    """An earlier turn of a chat."""

    prompt: str
    """The words that the user typed."""
    answer: tuple[int, ...]
    """The model's tokens, whole frames in closed blocks, without the end of the turn."""


def checked_turn(
    prompt: object, answer: Iterable[object], words: Vocabulary, *, opened: bool = False
) -> Said:
    """A turn that comes from elsewhere. ValueError if no session could have had it.

    `opened`: the prompt has opened the first block.
    """
    if not isinstance(prompt, str):
        raise ValueError("a turn is words and token numbers")
    try:
        check_prompt(prompt)
    except InputError as error:
        raise ValueError(str(error).split(";")[0]) from error
    tokens, marked = list[int](), words.move_start is not None
    open_, level, frames = opened, 0, 0
    for token in answer:
        if type(token) is not int:
            raise ValueError("a turn is words and token numbers")
        tokens.append(token)
        place = words.code(token)
        if not marked and not open_ and place is not None:
            open_, level, frames = True, 0, 0
        elif not marked and open_ and place is None:
            open_ = False
        if marked and token == words.move_start and not open_:
            open_, level, frames = True, 0, 0
        elif marked and token == words.move_end and open_ and frames:
            open_ = False
        elif place is not None and open_ and (place[0] == 0 or (frames and place[0] == level + 1)):
            level, frames = place[0], frames + (place[0] == 0)
        elif open_ or not words.is_text(token):
            raise ValueError(f"token {token} has no place there")
    if open_ and marked and (tokens or not opened):
        raise ValueError("a block is open")
    return Said(prompt, tuple(tokens))


def prompt_ids(bundle: Bundle, prompt: str, history: Sequence[Said] = ()) -> list[int]:
    """The whole chat as token ids; whatever the user typed, now or earlier, is plain text."""
    check_prompt(prompt)
    ids, text = _before_prompt(bundle, history)
    return [*ids, *_turn(bundle, text, prompt)]


def with_image(bundle: Bundle, ids: Sequence[int], image: EncodedImage | None) -> list[PromptItem]:
    """A chat with an image before the user's first words.

    BundleError if the tokenizer has no markers for it.
    """
    if image is None:
        return list(ids)
    start, end = (bundle.tokenizer.encode_template(marker) for marker in IMAGE_MARKERS)
    if len(start) != 1 or len(end) != 1:
        raise BundleError(
            f"this tokenizer has no {' and '.join(IMAGE_MARKERS)}; export the bundle again"
        )
    at = len(ids_before_prompt(bundle))
    return [*ids[:at], *start, image, *end, *ids[at:]]


def ids_before_prompt(bundle: Bundle, history: Sequence[Said] = ()) -> list[int]:
    """Ids that come before the user's next words, whatever they are."""
    ids, text = _before_prompt(bundle, history)
    return [*ids, *bundle.tokenizer.encode_template(text)]


def _before_prompt(bundle: Bundle, history: Sequence[Said]) -> tuple[list[int], str]:
    """The chat before the user's next words: its ids up to the last answer, and the text since."""
    around, ids = bundle.manifest.chat.template, list[int]()
    text = (
        around.before_system
        + bundle.manifest.chat.system_prompt
        + around.after_system
        + around.before_user
    )
    _check_room(bundle, len(bundle.tokenizer.encode_template(text)))
    if history and around.answer_end is None:
        raise BundleError(
            "this bundle does not say what ends an answer, so it cannot be shown one; "
            "export it again"
        )
    for turn in history:
        ids += [*_turn(bundle, text, turn.prompt), *turn.answer]
        text = f"{around.answer_end}{around.before_user}"
    return ids, text


def _turn(bundle: Bundle, text: str, prompt: str) -> list[int]:
    """The text before a prompt, the prompt, and what follows it."""
    _check_typed(bundle, prompt)
    after = bundle.manifest.chat.template.after_user
    return bundle.tokenizer.encode_turn(text, prompt, after)


def _check_typed(bundle: Bundle, prompt: str) -> None:
    """InputError for a character that the model has no token for.

    BundleError if a prompt becomes anything else but text.
    """
    if _is_plain(bundle, prompt):
        return
    unknown = next((letter for letter in prompt if not _is_plain(bundle, letter)), None)
    if unknown is not None:
        raise InputError(
            f"the model has no token for {unknown!r} in the prompt; write it without, or otherwise"
        )
    raise BundleError(
        "the tokenizer gives ids outside text_ids for plain text; export the bundle again"
    )


def _is_plain(bundle: Bundle, text: str) -> bool:
    return all(map(bundle.vocabulary.is_plain, bundle.tokenizer.encode_text(text)))


def _check_room(bundle: Bundle, system: int) -> None:
    context = bundle.language_model.context
    if system >= context:
        raise BundleError(
            f"the system prompt takes {system:,} tokens and the context holds {context:,}; "
            "export the bundle with a longer --context"
        )

"""How a prompt is presented to the model: by the checkpoint's chat template, or by the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kinetoken.base.errors import FormatError
from kinetoken.manifest.schema import ChatInfo
from kinetoken.manifest.spelling import Spelling

from ..checkpoint.chat_template import (
    CHATML,
    CHATML_TOKEN,
    dated,
    leading_token,
    read_template,
    read_token_names,
    split_prompt_template,
    split_template,
    takes_system_prompt,
    takes_system_role,
)
from ..checkpoint.motion_tokens import SYSTEM_PROMPT, CheckpointVocabulary
from .request import ExportRequest


@dataclass(frozen=True)
class ChatParts:
    """The chat format of a bundle."""

    info: ChatInfo
    jinja: str | None
    """The chat template that it was made from; None: the user's own text."""
    notes: tuple[str, ...] = ()
    """What was assumed, a line each."""


def read_chat_parts(
    request: ExportRequest, vocabulary: CheckpointVocabulary, folder: Path
) -> ChatParts:
    """The chat format that is asked for, else that of the checkpoint's words in `folder`.

    FormatError, InputError.
    """
    if request.prompt_template is not None:
        around = split_prompt_template(request.prompt_template, leading_token(folder))
        system = request.system_prompt if takes_system_prompt(request.prompt_template) else ""
        return ChatParts(ChatInfo(system, around), None)
    jinja, notes = read_template(folder, request.chat_template), list[str]()
    if jinja == CHATML and CHATML_TOKEN not in vocabulary.added:
        raise FormatError(
            f"{folder}: expected a chat template, or the tokens of Qwen's chats, found neither: "
            "say with --prompt-template 'text {prompt} text' what the model was trained to see"
        )
    if jinja == CHATML:
        notes.append("it has no chat template: Qwen's is taken")
    tokens = read_token_names(folder)
    around = split_template(jinja, tokens)
    target = vocabulary.motion.spelling == Spelling()
    if not target and request.system_prompt == SYSTEM_PROMPT:
        notes.append(
            "its motion tokens are not those of the model card, but the system prompt is: "
            "say with --system-prompt what it was trained with"
        )
    if dated(jinja):
        notes.append("its chat template writes the date: the bundle keeps today's")
    if not takes_system_role(jinja, tokens):
        notes.append(
            "its chat template has no system role: the system prompt goes before the words"
        )
    return ChatParts(ChatInfo(request.system_prompt, around), jinja, tuple(notes))

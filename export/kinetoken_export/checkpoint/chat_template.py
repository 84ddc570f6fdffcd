"""The fixed text around a prompt: the checkpoint's own chat template, rendered, or the user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import read_input_text
from kinetoken.manifest.schema import ChatTemplate

from .json_file import read_json
from .render_template import ChatMessage, TemplateFailure, render_template

# Qwen's chat format, for a checkpoint without a template; the same for every model of the family.
CHATML: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' "
    "+ message.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CHATML_TOKEN: Final = "<|im_start|>"
DEFAULT_TEMPLATE: Final = "default"
_PROMPT, _SYSTEM_PROMPT = "{prompt}", "{system}"
_BEFORE_WORDS: Final = "\n\n"
"""Between a system prompt and the user's words in one message, as Gemma's own template has it."""
# Private-use characters: no template has them.
_SYSTEM, _USER, _ANSWER, _AGAIN = (
    "\ue000" + word + "\ue000" for word in ("system", "user", "answer", "again")
)
_NAMES: Final = tuple(f"{n}_token" for n in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
_OF_CLASS: Final = {
    "Qwen2": {"eos": "<|endoftext|>", "unk": "<|endoftext|>", "pad": "<|endoftext|>"},
    "Llama": {"bos": "<s>", "eos": "</s>", "unk": "<unk>"},
    "Gemma": {"bos": "<bos>", "eos": "<eos>", "unk": "<unk>", "pad": "<pad>"},
    "GPT2": {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"},
}
"""Special tokens of transformers' tokenizer classes, where tokenizer_config.json has no such key."""


def read_template(folder: Path, name: str | None = None) -> str:
    """The Jinja text of a checkpoint's chat template, else Qwen's.

    `name`: one of several; None: "default", or the only one. FormatError, InputError.
    """
    found = _templates(folder)
    if not found and name is None:
        return CHATML
    wanted = name or (DEFAULT_TEMPLATE if len(found) != 1 else next(iter(found)))
    if wanted not in found:
        names = ", ".join(found) or "none"
        raise InputError(
            f"{folder}: expected a chat template named {wanted!r}, found {names}: "
            "name one with --chat-template"
        )
    return found[wanted]


def _templates(folder: Path) -> dict[str, str]:
    """Every chat template of a checkpoint by its name; a file of its own comes before config."""
    found: dict[str, str] = {}
    for file in ("tokenizer_config.json", "chat_template.json"):
        path = folder / file
        given = read_json(path).get("chat_template") if path.is_file() else None
        if isinstance(given, str):
            found[DEFAULT_TEMPLATE] = given
        elif isinstance(given, list):
            try:
                found |= {str(entry["name"]): str(entry["template"]) for entry in given}
            except (KeyError, TypeError):
                raise FormatError(
                    f"{path}: expected chat templates with name and template, got something else"
                ) from None
    for path in sorted((folder / "additional_chat_templates").glob("*.jinja")):
        found[path.stem] = read_input_text(path)
    own = folder / "chat_template.jinja"
    if own.is_file():
        found[DEFAULT_TEMPLATE] = read_input_text(own)
    return found


def read_token_names(folder: Path) -> dict[str, str]:
    """Special tokens by the names that chat templates know them by, as transformers has them."""
    config = _optional(folder / "tokenizer_config.json")
    if "added_tokens_decoder" not in config:  # as in old checkpoints
        config = {**config, **_optional(folder / "special_tokens_map.json")}
    kind = str(config.get("tokenizer_class", "")).removesuffix("Fast").removesuffix("Tokenizer")
    usual = {f"{name}_token": token for name, token in _OF_CLASS.get(kind, {}).items()}
    given = {name: config[name] if name in config else usual.get(name) for name in _NAMES}
    return {name: text for name, token in given.items() if (text := _content(token)) is not None}


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _template_start(processor: Mapping[str, Any]) -> str | None:
    """The token that a post_processor's template begins with; None where it begins with none."""
    for step in [processor, *processor.get("processors", [])]:
        single = step.get("single") or [{}]
        if step.get("type") == "TemplateProcessing" and "SpecialToken" in single[0]:
            name = single[0]["SpecialToken"]["id"]
            return str(step.get("special_tokens", {}).get(name, {}).get("tokens", [name])[0])
    return None


def _content(token: Any) -> str | None:
    """The text of a token, which may be an object."""
    given = token.get("content") if isinstance(token, Mapping) else token
    return given if isinstance(given, str) else None


def split_template(template: str, tokens: Mapping[str, str] | None = None) -> ChatTemplate:
    """The text that a Jinja template puts around a system prompt, a user's words and an answer.

    A template that takes no system role gets the system prompt before the user's words, in the same
    message. `tokens`: special tokens by name. FormatError where it cannot be rendered or does not
    pass on what is said as it is.
    """
    tokens, first = tokens or {}, ""
    for said in _openings():
        try:
            text = render_template(template, said, tokens)
        except TemplateFailure as error:
            first = first or f"the checkpoint's chat template cannot be rendered ({error})"
            continue
        if _passes_on(text):
            return _split(template, tokens, said, text)
        first = first or (
            "expected a chat template that writes the system prompt, then the user's words, once "
            f"each; got {text[:80]!r}"
        )
    raise FormatError(f"{first}: mend it or remove it, or give --prompt-template")


def _openings() -> Iterator[list[ChatMessage]]:
    """Ways to give a system prompt and a user's words: with a system role, without; as parts."""
    together = _SYSTEM + _BEFORE_WORDS + _USER
    for content in (lambda text: text, lambda text: [{"type": "text", "text": text}]):
        yield [
            {"role": "system", "content": content(_SYSTEM)},
            {"role": "user", "content": content(_USER)},
        ]
        yield [{"role": "user", "content": content(together)}]


def _passes_on(text: str) -> bool:
    once = text.count(_SYSTEM) == text.count(_USER) == 1
    return once and text.index(_SYSTEM) < text.index(_USER)


def _split(
    template: str, tokens: Mapping[str, str], said: list[ChatMessage], text: str
) -> ChatTemplate:
    before, rest = text.split(_SYSTEM)
    between, after = rest.split(_USER)
    if len(said) == 1:
        end = _answer_end(template, tokens, said, text, "")
        return ChatTemplate(before, between, "", after, end)
    # One message ends and the next begins behind the first line break.
    cut = between.find("\n") + 1
    end = _answer_end(template, tokens, said, text, between[cut:])
    return ChatTemplate(before, between[:cut], between[cut:], after, end)


def _answer_end(
    template: str, tokens: Mapping[str, str], said: list[ChatMessage], first: str, before_user: str
) -> str | None:
    """The text between an answer and the next message; None where later turns change the chat."""
    parts = not isinstance(said[0]["content"], str)
    answer, again = (
        [{"type": "text", "text": words}] if parts else words for words in (_ANSWER, _AGAIN)
    )
    more = [*said, {"role": "assistant", "content": answer}, {"role": "user", "content": again}]
    try:
        text = render_template(template, more, tokens)
    except TemplateFailure:
        return None
    behind, _, _ = text.partition(_AGAIN)
    earlier, _, end = behind.partition(_ANSWER)
    goes_on = earlier == first and text.count(_ANSWER) == 1 and end.endswith(before_user)
    return end.removesuffix(before_user) if goes_on else None


def takes_system_role(template: str, tokens: Mapping[str, str] | None = None) -> bool:
    """Tell if a template passes on a system prompt that has a message of its own."""
    for said in _openings():
        try:
            if len(said) > 1 and _passes_on(render_template(template, said, tokens or {})):
                return True
        except TemplateFailure:
            continue
    return False


def dated(template: str) -> bool:
    """Tell if a template writes the date, which a bundle keeps as it was at the export."""
    return "strftime_now" in template


def split_prompt_template(template: str, leading: str = "") -> ChatTemplate:
    """A user's own text around {prompt}, perhaps with {system} before it, for models without chats.

    \\n and \\t in it are a line break and a tab. `leading`: a token that the tokenizer puts before
    every text. InputError.
    """
    text = template.replace("\\n", "\n").replace("\\t", "\t")
    if text.count(_PROMPT) != 1 or text.count(_SYSTEM_PROMPT) > 1:
        raise InputError(
            "expected a prompt template with {prompt} once, and {system} at most once, such as "
            f"'{{system}} Input: {{prompt}} Response: <Motion>', got {template!r}"
        )
    before, after = text.split(_PROMPT)
    if _SYSTEM_PROMPT in after:
        raise InputError(
            f"expected {{system}} before {{prompt}} in a prompt template, got {template!r}"
        )
    system, found, between = before.partition(_SYSTEM_PROMPT)
    if leading and not text.startswith(leading):
        system = leading + system
    return ChatTemplate(system, between if found else "", "", after)


def takes_system_prompt(template: str) -> bool:
    """Tell if a prompt template has a place for the system prompt."""
    return _SYSTEM_PROMPT in template


def leading_token(folder: Path) -> str:
    """The token that a checkpoint's tokenizer puts before every plain text; empty if none."""
    path = folder / "tokenizer.json"
    try:
        token = _template_start(_optional(path).get("post_processor") or {})
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise FormatError(
            f"{path}: expected a post_processor of the tokenizers library, got another "
            f"({error!r}): download it again"
        ) from error
    if token is not None:
        return token
    if _optional(folder / "tokenizer_config.json").get("add_bos_token"):
        return read_token_names(folder).get("bos_token", "")
    return ""

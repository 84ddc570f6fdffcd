"""The fixed text around a prompt, found by rendering the checkpoint's chat template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import FormatError
from kinetoken.manifest.schema import ChatTemplate

# Qwen's chat format, for a checkpoint that brings no template; the same for every model of the
# family.
CHATML: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + "
    "'<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# Private-use characters: no template has them.
_SYSTEM, _USER, _ANSWER, _AGAIN = (
    "\ue000" + word + "\ue000" for word in ("system", "user", "answer", "again")
)
_SAID: Final = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}]


def read_template(folder: Path) -> str:
    """Read the Jinja text of a checkpoint's chat template; Qwen's where it has none."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            try:
                given = json.loads((folder / name).read_text(encoding="utf-8")).get("chat_template")
            except (ValueError, AttributeError) as error:
                raise FormatError(
                    f"{folder / name}: expected a JSON object, got something else ({error})"
                ) from error
            if isinstance(given, list):  # several, by name
                given = next((t["template"] for t in given if t.get("name") == "default"), None)
            if isinstance(given, str):
                return given
    return CHATML


def split_template(template: str) -> ChatTemplate:
    """Split a Jinja template into the texts around system prompt, user message and answer.

    FormatError where it cannot be rendered or changes the messages.
    """
    text = _rendered(template, _SAID)
    if (
        text.count(_SYSTEM) != 1
        or text.count(_USER) != 1
        or text.index(_SYSTEM) > text.index(_USER)
    ):
        raise FormatError(
            "expected a chat template that writes the system prompt, then the user's words, once "
            "each; "
            f"got {text[:80]!r}: mend it or remove it"
        )
    before, rest = text.split(_SYSTEM)
    between, after = rest.split(_USER)
    # The border between the end of one message and the start of the next lies behind the first line
    # break.
    cut = between.find("\n") + 1
    return ChatTemplate(
        before, between[:cut], between[cut:], after, _answer_end(template, text, between[cut:])
    )


def _answer_end(template: str, first: str, before_user: str) -> str | None:
    """The text between an answer and the next message.

    None where the earlier chat is rendered differently once it goes on.
    """
    more = [*_SAID, {"role": "assistant", "content": _ANSWER}, {"role": "user", "content": _AGAIN}]
    try:
        text = _rendered(template, more)
    except FormatError:
        return None
    behind, _, _ = text.partition(_AGAIN)
    earlier, _, end = behind.partition(_ANSWER)
    goes_on = earlier == first and text.count(_ANSWER) == 1 and end.endswith(before_user)
    return end.removesuffix(before_user) if goes_on else None


def _rendered(template: str, messages: list[dict[str, str]]) -> str:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    names: dict[str, Any] = {
        "messages": messages,
        "add_generation_prompt": True,
        "tools": None,
        "bos_token": "",
    }
    try:
        return environment.from_string(template).render(**names)
    except Exception as error:  # a template is foreign code: it may divide by zero
        raise FormatError(
            f"the checkpoint's chat template cannot be rendered ({error}); mend it or remove it"
        ) from error

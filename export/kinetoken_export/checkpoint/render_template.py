"""Chat templates rendered as transformers renders them, in a sandbox with limits.

What transformers adds to Jinja, and this does too: loop controls, {% generation %}, tojson that
keeps letters, strftime_now, raise_exception, and the special tokens by their names. Source:
transformers/utils/chat_template_utils.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import FrameType
from typing import Any, Final

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kinetoken.base.json_text import parse_json
from kinetoken.base.operating_system import limit_address_space

from .template_process import READY, TemplateProcess

_MOST_STEPS: Final = 1_000_000
"""Lines that a template may run. A long one takes a few thousand for two messages."""
_LARGEST: Final = 1_000_000
"""Characters of a text, items of a list and digits of a number within a template."""
_LONGEST_REASON: Final = 1000  # characters
_MOST_MEMORY: Final = 1 << 30
"""Bytes of address space of the process that renders."""
_process: Final = TemplateProcess()
_TEMPLATE_FILE: Final = "<template>"
ChatMessage = Mapping[str, Any]


class TemplateFailure(Exception):  # noqa: N818
    """A template that cannot be rendered; the text says why."""


def render_template(
    template: str, messages: Sequence[ChatMessage], tokens: Mapping[str, str]
) -> str:
    """The text of a chat. `tokens`: special tokens by their names, such as "bos_token".

    TemplateFailure for a template that raises, FormatError for one that does not come to an end.
    """
    answer = _process.ask(
        {"template": template, "messages": list(messages), "tokens": dict(tokens)}
    )
    if "failure" in answer:
        raise TemplateFailure(answer["failure"])
    return answer["text"]


def serve() -> None:
    """Render what standard input asks for, a line of JSON each, within limits of memory."""
    limit_address_space(_MOST_MEMORY)
    print(READY, flush=True)
    for line in sys.stdin:
        print(json.dumps(_answered(parse_json(line))), flush=True)


def _answered(request: Mapping[str, Any]) -> dict[str, str]:
    """The text, or why there is none."""
    given = {"tools": None, "documents": None, "add_generation_prompt": True, **request["tokens"]}
    try:
        compiled = _Environment().from_string(request["template"])
        text = _bounded(lambda: compiled.render(messages=request["messages"], **given))
    except MemoryError:
        return {"failure": "it takes too much memory"}
    except Exception as error:  # a template is foreign code: it may divide by zero
        return {"failure": str(error)[:_LONGEST_REASON] or type(error).__name__}
    if len(text) > _LARGEST:
        return {"failure": f"it writes more than {_LARGEST:,} characters"}
    return {"text": text}


class _GenerationTag(Extension):
    """{% generation %}...{% endgeneration %} marks what an assistant says; it changes no text."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("_said", [])
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _said(self, caller: Callable[[], str]) -> str:
        return caller()


class _Environment(ImmutableSandboxedEnvironment):
    """The environment of transformers; what multiplies may not grow without bounds."""

    intercepted_binops = frozenset(["*", "**"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols]
        )
        self.filters["tojson"] = _tojson
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = lambda form: datetime.now().strftime(form)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        size = _power_size(left, right) if operator == "**" else _product_size(left, right)
        if size > _LARGEST:
            raise TemplateError(f"it computes more than {_LARGEST:,} characters or digits")
        return super().call_binop(context, operator, left, right)


def _product_size(left: Any, right: Any) -> int:
    for many, times in ((left, right), (right, left)):
        if isinstance(many, str | list | tuple) and isinstance(times, int):
            return len(many) * times
    return 0


def _power_size(left: Any, right: Any) -> int:
    whole = isinstance(left, int) and isinstance(right, int)
    return int(abs(left).bit_length() * abs(right)) if whole else 0


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As Jinja's own, but it escapes no letters and nothing for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _bounded(render: Callable[[], str]) -> str:
    """Run a template, and stop it when it has run too many lines of its own."""
    left = _MOST_STEPS

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename != _TEMPLATE_FILE:
            return None
        left -= 1
        if left < 0:
            raise TemplateError(f"it does not come to an end within {_MOST_STEPS:,} steps")
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        return render()
    finally:
        sys.settrace(before)

"""The text around a prompt comes from the checkpoint's own template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="needs jinja2, which torch brings")

from kinetoken.base.errors import FormatError
from kinetoken.manifest.schema import ChatTemplate
from kinetoken_export.checkpoint.chat_template import CHATML, read_template, split_template

DEMO = Path(__file__).parents[3] / "export" / "checkpoints" / "demo" / "lm"
END = "<|im_end|>\n"
QWEN = ChatTemplate(
    "<|im_start|>system\n", END, "<|im_start|>user\n", f"{END}<|im_start|>assistant\n", END
)
VISION = (
    "{% set image_count = namespace(value=0) %}{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}{% for content in message['content'] %}"
    "{% if 'image' in content %}<|vision_start|><|image_pad|><|vision_end|>{% endif %}{% endfor %}<|im_end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)  # the shape of Qwen2.5-VL's


@pytest.mark.parametrize("template", [CHATML, VISION, (DEMO / "chat_template.jinja").read_text()])
def test_templates_of_the_family_come_out_as_one(template: str) -> None:
    assert split_template(template) == QWEN


def test_another_template_is_taken_as_it_is() -> None:
    template = "[{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}]{% if add_generation_prompt %}bot={% endif %}"
    parts = split_template(template)
    assert (
        parts.before_system + parts.after_system + parts.before_user + parts.after_user
        == "[system=;user=;]bot="
    )
    assert parts.before_system == "[system="
    assert parts.after_user == ";]bot="
    assert parts.after_assistant is None  # the bracket closes behind the last message
    tagged = "{% for m in messages %}<{{ m.role[0] }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
    assert split_template(tagged) == ChatTemplate("<s>", "\n", "<u>", "\n<a>", "\n")


def test_a_chat_that_goes_on_is_what_the_template_makes_of_it() -> None:
    """Answers whose end is not the system prompt's, and templates that rewrite what was said before."""
    closing = (
        "{% for m in messages %}[{{ m.role }}]\n{{ m.content }}{{ '</s>' if m.role == 'assistant' else '' }}\n{% endfor %}"
        "{% if add_generation_prompt %}[assistant]\n{% endif %}"
    )
    parts = split_template(closing)
    assert parts.after_assistant == "</s>\n"
    assert parts.answer_end == "</s>\n"
    forgetful = CHATML.replace(
        "message.content", "(message.content if not loop.index0 == 1 or loop.last else '...')"
    )
    assert split_template(forgetful).after_assistant is None
    strict = "{{ 1 / 0 if messages | length > 2 else '' }}" + CHATML
    assert split_template(strict).after_assistant is None


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% for %}", "cannot be rendered"),
        ("{{ messages[1].content }}", "once each"),
        ("{{ 1/0 }}", "cannot be rendered"),
    ],
)
def test_a_template_that_is_of_no_use_is_refused(template: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        split_template(template)


def test_it_is_found_where_checkpoints_keep_it(tmp_path: Path) -> None:
    assert read_template(tmp_path) == CHATML
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "in the config"}))
    assert read_template(tmp_path) == "in the config"
    several = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "by name"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": several}))
    assert read_template(tmp_path) == "by name"
    (tmp_path / "chat_template.jinja").write_text("its own file")
    assert read_template(tmp_path) == "its own file"

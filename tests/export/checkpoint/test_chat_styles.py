"""Chat templates of ten styles render as in transformers, and none runs for ever.

The templates are written anew in the styles that published models have. Where transformers is
importable (PYTHONPATH), each is compared with its apply_chat_template.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="needs jinja2, which torch brings")

from kinetoken.base.errors import FormatError, InputError
from kinetoken_export.checkpoint.chat_template import (
    leading_token,
    read_template,
    read_token_names,
    split_prompt_template,
    split_template,
)
from kinetoken_export.checkpoint.render_template import TemplateFailure, render_template
from tiny_checkpoint import write_tokenizer

SYSTEM, PROMPT = "You move. Use <move></move>.", 'wave "twice" & bow — 人'
NO_SYSTEM = "{{ raise_exception('System role not supported') }}"
STYLES: dict[str, str] = {
    "chatml": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "header_and_date": "{{- bos_token }}{% set date = strftime_now('%d %b %Y') if strftime_now is defined else 'x' %}"
    "{% if messages[0]['role'] == 'system' %}{% set head = messages[0]['content'] | trim %}{% set messages = messages[1:] %}"
    "{% else %}{% set head = '' %}{% endif %}"
    "{{- '<|sh|>system<|eh|>\n\nToday: ' + date + '\n\n' }}{{- head }}{{- '<|eot|>' }}"
    "{% for m in messages %}{{- '<|sh|>' + m['role'] + '<|eh|>\n\n' + m['content'] | trim + '<|eot|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{- '<|sh|>assistant<|eh|>\n\n' }}{% endif %}",
    "inst_strict": "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}" + NO_SYSTEM + "{% endif %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ m['content'] + eos_token }}{% endif %}{% endfor %}",
    "turns_without_system": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}" + NO_SYSTEM + "{% endif %}"
    "{% for m in messages %}{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
    "parts_only": "{% for m in messages %}<|{{ m['role'] }}|>\n{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "strings_or_parts": "{%- macro show(c) -%}{%- if c is string -%}{{ c }}{%- else -%}{%- for p in c -%}{{ p.text }}{%- endfor -%}"
    "{%- endif -%}{%- endmacro -%}{%- for m in messages -%}{{ '<|' ~ m.role ~ '|>' ~ show(m.content) ~ eos_token }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}",
    "generation_tag": "{% for m in messages %}{% if m.role == 'assistant' %}<a>{% generation %}{{ m.content }}{{ eos_token }}"
    "{% endgeneration %}\n{% else %}<{{ m.role }}>{{ m.content }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<a>{% endif %}",
    "loop_controls": "{% for m in messages %}{% if m.role == 'tool' %}{% continue %}{% endif %}{% if loop.index0 > 99 %}{% break %}"
    "{% endif %}### {{ m.role | capitalize }}:\n{{ m.content }}\n\n{% endfor %}{% if add_generation_prompt %}### Assistant:\n{% endif %}",
    "json_inside": "{% for m in messages %}{{ {'role': m.role} | tojson }} {{ m.content }}{{ eos_token }}{{ '\n' }}{% endfor %}"
    "{% if tools is not none and tools is defined and tools %}{{ tools | tojson(indent=2) }}{% endif %}"
    "{% if add_generation_prompt %}{{ {'role': 'ассистент <a>'} | tojson }} {% endif %}",
    "namespace_and_think": "{%- set ns = namespace(system='') -%}{%- for m in messages if m.role == 'system' -%}"
    "{%- set ns.system = m.content -%}{%- endfor -%}{{ bos_token }}{{ ns.system }}"
    "{%- for m in messages -%}{%- if m.role == 'user' -%}{{ '<|User|>' + m.content }}{%- elif m.role == 'assistant' -%}"
    "{%- set said = m.content.split('</think>')[-1] -%}{{ '<|Assistant|>' + said + eos_token }}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|Assistant|>' }}{% if enable_thinking is defined and not enable_thinking %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{%- endif -%}",
}  # fmt: skip
WITHOUT_SYSTEM = ("inst_strict", "turns_without_system")
TOKENS = {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>"}


def checkpoint(folder: Path, template: str) -> Path:
    write_tokenizer(folder, 50, 1, 4, motion_special=True)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text()) | TOKENS
    config |= {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}
    config["bos_token"] = {"__type": "AddedToken", "content": TOKENS["bos_token"], "special": True,
        "lstrip": False, "rstrip": False, "normalized": False, "single_word": False}  # fmt: skip
    path.write_text(json.dumps(config))
    return folder


def messages(style: str, parts: bool) -> list[dict[str, Any]]:
    said = (
        (("user", f"{SYSTEM}\n\n{PROMPT}"),)
        if style in WITHOUT_SYSTEM
        else (("system", SYSTEM), ("user", PROMPT))
    )
    return [
        {"role": role, "content": [{"type": "text", "text": text}] if parts else text}
        for role, text in said
    ]


def joined(folder: Path) -> str:
    around = split_template(read_template(folder), read_token_names(folder))
    before = around.before_system + SYSTEM + around.after_system + around.before_user
    return before + PROMPT + around.after_user


@pytest.mark.parametrize("style", STYLES)
def test_styles_render_as_in_transformers(style: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip(
        "transformers", reason="needs transformers in PYTHONPATH, to compare with"
    )
    folder = checkpoint(tmp_path, STYLES[style])
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    said = messages(style, style == "parts_only")
    expected = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert joined(folder) == expected
    assert read_token_names(folder) == {
        name: token
        for name, token in tokenizer.special_tokens_map.items()
        if isinstance(token, str)
    }


@pytest.mark.parametrize("style", STYLES)
def test_styles_have_a_place_for_all_that_is_said(style: str, tmp_path: Path) -> None:
    text = joined(checkpoint(tmp_path, STYLES[style]))
    assert SYSTEM in text
    assert PROMPT in text
    if style in WITHOUT_SYSTEM:
        assert f"{SYSTEM}\n\n{PROMPT}" in text
    if "date" in style:
        assert datetime.now().strftime("%d %b %Y") in text
    if "bos_token" in STYLES[style]:
        assert text.startswith("<|endoftext|>")
    if style == "json_inside":
        assert '{"role": "ассистент <a>"}' in text


def test_a_chat_without_a_system_role_goes_on(tmp_path: Path) -> None:
    around = split_template(STYLES["turns_without_system"], TOKENS)
    assert around.before_user == ""
    assert around.answer_end == "<end_of_turn>\n<start_of_turn>user\n"
    parts = split_template(STYLES["parts_only"], TOKENS)
    assert parts.answer_end == "<|end|>\n"
    assert split_template(STYLES["generation_tag"], TOKENS).answer_end == "<|im_end|>"


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ ().__class__.__bases__ }}{{ messages.append(1) }}",
        "{% for a in range(1000000) %}{% endfor %}",
    ],
)
def test_no_template_runs_for_ever(template: str) -> None:
    began = time.perf_counter()
    with pytest.raises(TemplateFailure):
        render_template(template, [], {})
    assert time.perf_counter() - began < 20


def test_one_of_several_by_name(tmp_path: Path) -> None:
    given = [{"name": "tool_use", "template": "T"}, {"name": "rag", "template": "R"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": given}))
    assert read_template(tmp_path, "rag") == "R"
    with pytest.raises(InputError, match="found tool_use, rag: name one with --chat-template"):
        read_template(tmp_path)
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "short.jinja").write_text("S")
    assert read_template(tmp_path, "short") == "S"


def test_tokens_of_classes_and_of_old_checkpoints(tmp_path: Path) -> None:
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps({"tokenizer_class": "LlamaTokenizerFast", "eos_token": None}))
    assert read_token_names(tmp_path) == {"bos_token": "<s>", "unk_token": "<unk>"}
    (tmp_path / "special_tokens_map.json").write_text(
        json.dumps({"eos_token": {"content": "</x>"}})
    )
    assert read_token_names(tmp_path)["eos_token"] == "</x>"
    config.write_text(json.dumps({"added_tokens_decoder": {}, "eos_token": "<e>"}))
    assert read_token_names(tmp_path) == {"eos_token": "<e>"}


def test_a_prompt_template_is_the_users_own(tmp_path: Path) -> None:
    around = split_prompt_template("In: {prompt}\\n\\nResponse: <Motion>", "<s>")
    assert (around.before_system, around.before_user) == ("<s>In: ", "")
    assert around.after_user == "\n\nResponse: <Motion>"
    assert around.answer_end is None
    both = split_prompt_template("{system} / {prompt}:")
    assert (both.before_system, both.after_system, both.after_user) == ("", " / ", ":")
    for wrong in ("no place", "{prompt} {prompt}", "{prompt} {system}"):
        with pytest.raises(InputError, match="prompt"):
            split_prompt_template(wrong)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"post_processor": {
        "type": "Sequence", "processors": [{"type": "ByteLevel"}, {
            "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        }]}}))  # fmt: skip
    assert leading_token(tmp_path) == "<s>"


def test_a_template_that_takes_nothing_is_refused() -> None:
    with pytest.raises(FormatError, match="--prompt-template"):
        split_template("{{ messages | length }}")

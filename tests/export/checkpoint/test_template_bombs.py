"""Chat templates that loop or fill the memory: each ends within seconds, in one line."""

from __future__ import annotations

import pytest

pytest.importorskip("jinja2", reason="needs jinja2, in kinetoken[export]")

from kinetoken.base.errors import FormatError
from kinetoken_export.checkpoint import template_process
from kinetoken_export.checkpoint.chat_template import CHATML, split_template
from kinetoken_export.checkpoint.render_template import TemplateFailure, render_template

SAID = [{"role": "user", "content": "x"}]
ENDLESS = {
    "lines": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "long lines": "{% set x = 'a' * 999999 %}{% for i in range(99999) %}"
    "{% set y = x | replace('a', 'b') | upper %}{% endfor %}",
    "filters": "{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}",
    "macros": "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}",
    "doubled text": "{% set n = namespace(s='a') %}{% for i in range(40) %}"
    "{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s | length }}",
    "a wide field": "{{ '{:>10000000000}'.format(1) }}",
    "a wide line": "{{ 'a' | center(10000000000) }}",
    "a large number": "{{ 10 ** 10000000 }}",
    "lists in lists": "{% set n = namespace(l=[1]) %}{% for i in range(40) %}"
    "{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | tojson | length }}",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_template_without_an_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_process, "LONGEST_TEMPLATE_SECONDS", 2.0)
    with pytest.raises((TemplateFailure, FormatError)) as caught:
        render_template(ENDLESS[name], SAID, {})
    assert "\n" not in str(caught.value)
    assert split_template(CHATML).before_user == "<|im_start|>user\n"  # the next one is rendered


def test_it_is_refused_at_the_first_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_process, "LONGEST_TEMPLATE_SECONDS", 0.5)
    with pytest.raises(FormatError, match=r"does not come to an end within 0\.5 s: mend it"):
        split_template(ENDLESS["filters"])

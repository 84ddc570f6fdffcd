"""A clip as a page: whole, offline, with words that stay words; a browser plays it where one is installed."""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinetoken import Clip, InputError
from kinetoken.formats.clip_page import MOST_FRAMES, clip_page
from synthetic_motion import walking

PROMPT = 'walk</script><script>document.title="no"</script> & "wave"'


@pytest.fixture
def clip() -> Clip:
    return Clip(walking(40).astype(np.float32), prompt=PROMPT, text="I walk. <move><m_0_1></move>")


def facts(page: str) -> dict[str, object]:
    found = re.search(r"const clip = (\{.*\});\n", page)
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_page_holds_the_whole_clip_and_asks_for_nothing(clip: Clip) -> None:
    page = clip_page(clip)
    told = facts(page)
    joints = np.frombuffer(base64.b64decode(str(told["joints"])), "<f4")
    assert np.array_equal(joints.reshape(-1, 22, 3), clip.joints)
    assert (told["prompt"], told["thought"]) == (PROMPT, "I walk.")
    assert not re.findall(r"https?:|src=|@import|url\(", page)
    assert page.count("</script>") == 1  # the prompt ends nothing


def test_notebooks_get_it_in_a_frame(clip: Clip) -> None:
    shown = clip._repr_html_()
    assert shown is not None
    found = re.fullmatch(r'<iframe srcdoc="([^"]*)" .* sandbox="allow-scripts"></iframe>', shown)
    assert found is not None
    assert html.unescape(found[1]) == clip_page(clip)


def test_what_cannot_be_shown_is_told(clip: Clip) -> None:
    empty = replace(clip, joints=clip.joints[:0])
    assert empty._repr_html_() is None
    with pytest.raises(InputError, match="no frames"):
        clip_page(empty)
    with pytest.raises(InputError, match=r"show\(\) is for notebooks.*kinetoken play"):
        clip.show()
    long = Clip(np.repeat(clip.joints, 200, axis=0))
    told = facts(clip_page(long))
    assert len(base64.b64decode(str(told["joints"]))) == MOST_FRAMES * 66 * 4
    assert told["thought"] == "the first 300 s of 400 s. "


def test_a_browser_plays_it(clip: Clip, tmp_path: Path) -> None:
    from browser import browser

    (tmp_path / "clip.html").write_text(clip_page(clip), encoding="utf-8")
    with browser(tmp_path) as chromium:
        tab = chromium.open((tmp_path / "clip.html").as_uri())
        tab.until("parseFloat(document.getElementById('time').textContent) > 0")
        assert tab.run("document.title") == "kinetoken"
        assert tab.run("document.getElementById('prompt').textContent") == PROMPT
        assert tab.complaints == []

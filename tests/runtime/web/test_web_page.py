"""The page of `kinetoken web` in a real browser, with real clicks, keys and files; pictures lie in the test's folder.

Those marked `browser` are run by `make browser`; last on 2026-11-29 with Chromium 156 on two busy cores, software
rendering: all 15 held, in 171 s.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kinetoken.live.avatar_rotations import rest_offsets
from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import JOINT_NAMES, PARENTS

pytest.importorskip("websockets", reason="websockets is not installed: pip install '.[live]'")
Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install '.[viewer]'")

import avatar_models
from browser import Browser, Tab, browser
from web_process import serving

Array = NDArray[np.float64]
DONE = "document.querySelector('#turns li')?.dataset.state === 'done'"
MOVING = "['moving', 'done'].includes(document.querySelector('#turns li')?.dataset.state)"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def chromium(folder: Path) -> Iterator[Browser]:
    with browser(folder) as found:
        yield found


@pytest.fixture
def tab(chromium: Browser, url: str) -> Iterator[Tab]:
    made = chromium.open(url)
    made.until("kinetoken.frame !== null")
    yield made
    assert made.complaints == []
    assert {
        address.split("/")[2]
        for address in made.asked
        if not address.startswith(("blob:", "data:"))
    } == {url.split("/")[2]}
    made.call("Page.close")


def ask(tab: Tab, prompt: str) -> None:
    tab.click("#ask")
    tab.write(prompt)
    tab.press("Enter", 13)


def colours(path: Path) -> NDArray[np.int64]:
    with Image.open(path) as shot:
        return np.asarray(shot.convert("RGBA"), np.int64)


def limbs_of(turns: Array) -> dict[tuple[str, str], Array]:
    """Directions of the limbs of a body with these rotations (22, 4) xyzw, by the textbook."""
    places, world = np.zeros((22, 3)), np.zeros((22, 3, 3))
    offsets = rest_offsets()
    for joint, parent in enumerate(PARENTS):
        x, y, z, w = turns[joint]
        own = np.array([
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ])  # fmt: skip
        world[joint] = own if parent < 0 else world[parent] @ own
        if parent >= 0:
            places[joint] = places[parent] + world[parent] @ offsets[joint]
    pairs = [("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")]
    found = {}
    for side in ("left", "right"):
        for a, b in pairs:
            start, end = f"{side}_{a}", f"{side}_{b}"
            found[start, end] = places[JOINT_NAMES.index(end)] - places[JOINT_NAMES.index(start)]
    return found


def test_a_prompt_is_typed_and_the_body_moves_in_every_tab(
    chromium: Browser, tab: Tab, url: str, folder: Path
) -> None:
    other = chromium.open(url)
    other.until("kinetoken.frame !== null")
    tab.click("#seed")
    tab.write("7")
    tab.choose("#levels", "2")
    ask(tab, "wave with both <b>hands</b>")
    tab.until(
        "Math.max(kinetoken.frame.joints[61], kinetoken.frame.joints[64]) > 1.3"
    )  # a wrist's height
    tab.picture(folder / "page.png")
    for page in (tab, other):
        page.until(MOVING)
        assert (
            page.run("document.querySelector('#turns .ask').textContent")
            == "wave with both <b>hands</b>"
        )
        assert (
            page.run("document.querySelector('#prompt').textContent")
            == "wave with both <b>hands</b>"
        )
        assert page.run("document.querySelectorAll('#turns b, #words b').length") == 0
        assert page.run("document.querySelector('#said').textContent").strip()
        assert "seed 7" in page.run("document.querySelector('#turns .facts').textContent")
    other.call("Page.close")
    seen = colours(folder / "page.png")[:, :480]  # left of the history
    red, blue = seen[..., 0], seen[..., 2]
    assert np.count_nonzero(blue - red > 60) > 300  # left limbs
    assert np.count_nonzero(red - blue > 60) > 300  # right limbs
    assert np.count_nonzero(seen[..., :3].min(-1) > 200) > 5  # the eyes' whites, and words

    tab.click("#ask")  # a prompt that is refused stays to be corrected
    tab.write("walk.bvh")
    tab.press("Enter", 13)
    tab.until("document.getElementById('notice').textContent.includes('looks like a file')")
    tab.until("document.getElementById('ask').value === 'walk.bvh'")
    tab.run("document.getElementById('ask').value = ''")
    tab.click("#turns a[href$='.glb']")
    tab.click("#turns a[href$='.npz']")
    end = time.monotonic() + 60
    while len(saved := [*folder.glob("*.glb"), *folder.glob("*.npz")]) < 2:
        assert time.monotonic() < end
        time.sleep(0.1)
    clips = [Clip.load(path) for path in saved]
    assert len(clips[0]) == len(clips[1])
    assert saved[0].name.startswith("wave-with-both-b-hands-b")


@pytest.mark.browser
def test_a_tab_pauses_loops_and_turns_its_camera_for_itself(tab: Tab) -> None:
    ask(tab, "turn around to the left")
    tab.until("kinetoken.frame !== null && " + MOVING)
    tab.click("#pause")
    still = tab.run("kinetoken.playback.position")
    newest = tab.run("kinetoken.playback.newest")
    tab.until(f"kinetoken.playback.newest > {newest} + 30")
    assert tab.run("kinetoken.playback.position") == still
    tab.choose("#speed", "0.5")
    tab.click("#pause")
    tab.until(f"kinetoken.playback.position > {still} + 5")
    assert not tab.run("kinetoken.playback.live")
    tab.until(DONE)
    tab.click("#turns button[title^='over and over']")
    start = tab.run("kinetoken.playback.range.start")
    end = tab.run("kinetoken.playback.range.end")
    assert end - start > 30
    tab.choose("#speed", "2")
    tab.run(
        "kinetoken.places = []; setInterval(() => kinetoken.places.push(kinetoken.playback.position), 20); null"
    )
    tab.until("kinetoken.places.some((at, i, all) => i > 0 && at < all[i - 1])")  # it begins again
    assert start <= tab.run("kinetoken.playback.position") <= end
    tab.click("#live")
    tab.until("kinetoken.playback.live")
    tab.click("#cameras button:nth-child(3)")
    tab.until(
        "Math.abs(Math.sin((kinetoken.camera.yaw - kinetoken.camera.heading - Math.PI / 2) / 2)) < 0.05"
    )
    tab.drag((300, 200), (360, 220))
    assert tab.run("kinetoken.camera.preset") == "free"


@pytest.mark.browser
@pytest.mark.parametrize("size", [(800, 500), (640, 360), (390, 844), (1280, 720)])
def test_nobody_is_cut_off_or_hidden_by_panels(
    chromium: Browser, url: str, folder: Path, size: tuple[int, int]
) -> None:
    tab = chromium.open(url, width=size[0], height=size[1])
    tab.until("kinetoken.frame !== null")
    if size[0] < 700:
        assert tab.run("document.getElementById('history').offsetWidth") == 0
    try:
        for people in range(1, 5):
            if people > 1:
                tab.click("#more")
            tab.until(f"kinetoken.seen.length === {people}")
            time.sleep(2)  # the camera goes there
            tab.picture(folder / f"{people}-in-{size[0]}.png")
            x, y = np.moveaxis(np.array(tab.run("kinetoken.seen")), -1, 0)
            right = tab.run("innerWidth > 700 ? document.getElementById('history').offsetWidth : 0")
            bottom = tab.run("document.getElementById('bottom').offsetHeight")
            assert x.min() > 0
            assert x.max() < size[0] - right
            assert y.min() > 0
            assert y.max() < size[1] - bottom
            assert np.ptp(y) > size[1] / 8
    finally:
        while (people := tab.run("kinetoken.seen.length")) > 1:
            tab.run("document.getElementById('fewer').click()")
            tab.until(f"kinetoken.seen.length < {people}", 20)
        tab.call("Page.close")


@pytest.mark.browser
def test_a_phone_opens_the_history_and_gets_a_file(
    chromium: Browser, url: str, folder: Path
) -> None:
    tab = chromium.open(url, width=390, height=844)
    tab.until("kinetoken.frame !== null")
    ask(tab, "bow")
    tab.until("document.querySelector('#turns .ask')?.textContent === 'bow' && " + MOVING)
    tab.click("#past")
    tab.until("document.getElementById('history').offsetWidth > 300")
    tab.click("#turns a[href$='.vrma']")
    end = time.monotonic() + 60
    while not [*folder.glob("bow*.vrma")]:
        assert time.monotonic() < end
        time.sleep(0.1)
    tab.picture(folder / "phone.png")
    tab.click("#past")
    tab.until("document.getElementById('history').offsetWidth === 0")
    tab.call("Page.close")


@pytest.mark.browser
@pytest.mark.parametrize("size", [(390, 844), (800, 500)])
def test_a_long_prompt_leaves_the_body_in_sight(
    chromium: Browser, url: str, folder: Path, size: tuple[int, int]
) -> None:
    tab = chromium.open(url, width=size[0], height=size[1])
    tab.until("kinetoken.frame !== null")
    ask(tab, "w" * 400)
    tab.until("document.querySelector('#prompt').textContent.length === 400")
    words = tab.run("document.getElementById('words').getBoundingClientRect().bottom")
    assert words < 0.45 * size[1]
    tops = [tab.run(f"document.getElementById('{name}').offsetTop") for name in ("send", "stop")]
    assert tops[0] == tops[1]
    tab.picture(folder / f"long-{size[0]}.png")
    tab.click("#stop")
    tab.call("Page.close")


@pytest.mark.browser
def test_people_come_and_go_and_prompts_can_be_for_everybody(tab: Tab, folder: Path) -> None:
    tab.click("#more")
    tab.until("kinetoken.frame.others.length === 1")
    tab.choose("#to", "all")
    ask(tab, "march in place for thirty seconds")
    tab.until("document.querySelectorAll('#turns li').length >= 2 && " + MOVING)
    tab.picture(folder / "people.png")
    tab.click("#stop")
    tab.until(
        "[...document.querySelectorAll('#turns li')].slice(0, 2).every((row) => row.dataset.state === 'stopped')"
    )
    tab.click("#fewer")
    tab.until("kinetoken.frame.others.length === 0")


@pytest.mark.browser
@pytest.mark.parametrize("make", [avatar_models.vrm_1, avatar_models.vrm_0, avatar_models.mixamo])
def test_an_avatar_that_is_dropped_moves_as_the_body_does(
    tab: Tab, folder: Path, make: Any
) -> None:
    path = folder / f"{make.__name__}.{'vrm' if make.__name__.startswith('vrm') else 'glb'}"
    path.write_bytes(make())
    tab.click("#cameras button:nth-child(2)")
    tab.drop(path)
    tab.until("kinetoken.avatars[0] !== null")
    ask(tab, "wave with both hands")
    tab.until(DONE)
    tab.click("#turns button[title^='over and over']")
    tab.click("#pause")
    start, end = tab.run("[kinetoken.playback.range.start, kinetoken.playback.range.end]")
    wrists = []
    for position in np.linspace(start, end, 10):
        tab.run(
            f"(() => {{ const seek = document.getElementById('seek'); seek.value = {position};"
            " seek.dispatchEvent(new Event('input')); })()"
        )
        tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        shown = tab.run("({turns: [...kinetoken.frame.rotations], avatar: kinetoken.avatars[0]})")
        for (start, end), direction in limbs_of(np.reshape(shown["turns"], (22, 4))).items():
            limb = np.subtract(shown["avatar"][end], shown["avatar"][start])
            cosine = limb @ direction / np.linalg.norm(limb) / np.linalg.norm(direction)
            assert np.degrees(np.arccos(min(cosine, 1.0))) < 4, (start, end)
        wrists.append(max(shown["avatar"][f"{side}_wrist"][1] for side in ("left", "right")))
    assert np.ptp(wrists) > 0.2  # metres, of an avatar of 1.2
    picture = folder / f"{make.__name__}.png"
    tab.resize(1280, 960)
    time.sleep(2)  # the camera goes there
    tab.picture(picture)
    red, green, blue = np.moveaxis(colours(picture)[..., :3], -1, 0)
    assert np.count_nonzero((green - red > 60) & (green - blue > 60)) > 1500
    tab.click("#undress")
    tab.until("kinetoken.avatars[0] === null && document.getElementById('undress').hidden")


@pytest.mark.browser
def test_what_is_no_avatar_is_refused_in_a_line(tab: Tab, folder: Path) -> None:
    whole = avatar_models.vrm_1()
    cases = {
        "cut.vrm": (whole[: len(whole) // 2], "cut off or damaged"),
        "garbled.vrm": (whole[:20] + b"\xff" * 200 + whole[220:], "description is damaged"),
        "text.vrm": (b"hello, I am a text and no avatar at all", "no glTF binary"),
        "null.vrm": (avatar_models.described(b"null"), "description is damaged"),
        "list.vrm": (avatar_models.described(b'{"images": [{"uri": 7}]}'), "description is damaged"),
        "point.glb": (avatar_models.point(), "no humanoid skeleton"),
        "crate.glb": (avatar_models.box(), "no humanoid skeleton"),
        "walk.fbx": (b"FBX", "expected a .vrm or .glb"),
    }  # fmt: skip
    for name, (content, why) in cases.items():
        path = folder / name
        path.write_bytes(content)
        tab.run("document.getElementById('notice').hidden = true; null")
        tab.drop(path)
        line = tab.until(
            "(({hidden, textContent}) => !hidden && !textContent.startsWith('reading') && textContent)"
            "(document.getElementById('notice'))"
        )
        assert name in line
        assert why in line
    large = folder / "large.vrm"
    with large.open("wb") as stream:
        stream.truncate(300 << 20)
    tab.drop(large)
    tab.until(
        "document.getElementById('notice').textContent.includes('large.vrm is too large (300 MB, at most 256 MB)')"
    )
    assert tab.run("kinetoken.avatars[0]") is None


@pytest.mark.browser
def test_for_obs_everything_but_the_body_is_see_through(
    chromium: Browser, url: str, folder: Path
) -> None:
    tab = chromium.open(url + "?transparent=1&camera=front", see_through=True)
    tab.until("kinetoken.frame !== null")
    time.sleep(0.5)
    tab.picture(folder / "obs.png")
    seen = colours(folder / "obs.png")
    alpha = seen[..., 3]
    assert 0.01 < np.mean(alpha > 250) < 0.3
    assert np.mean(alpha == 0) > 0.6
    assert (alpha[:40] == 0).all()
    assert (alpha[-40:] == 0).all()
    tab.call("Page.close")

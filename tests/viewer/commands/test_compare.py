"""Several people: what --compare means, where they stand, and how their answers arrive."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from called import play
from kinetoken.base.errors import FormatError, InputError, KinetokenError
from kinetoken.engines.load_options import LoadOptions
from kinetoken.generation.options import GenerateOptions
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken_viewer import file_names
from kinetoken_viewer.commands.compare_option import parse_comparison
from kinetoken_viewer.commands.saving import keep_clips, path_beside
from kinetoken_viewer.generator.comparison import ComparisonJob, Variant
from kinetoken_viewer.generator.messages import (
    AnswerEnded,
    AnswerStarted,
    GeneratorFailed,
    MotionArrived,
    PersonMessage,
)
from kinetoken_viewer.render.camera import THREE_QUARTER, look_at
from kinetoken_viewer.stage.layers import pose
from kinetoken_viewer.stage.places import CLEAR_METRES, NamedClip, live_places, places_of, track_at
from kinetoken_viewer.stage.playhead import Track
from kinetoken_viewer.stage.side_by_side import AnswersSideBySide, ClipsSideBySide
from kinetoken_viewer.window.controls import Controls
from kinetoken_viewer.window.view import View
from synthetic_motion import walking

NOBODY = GenerateOptions(seed=7, seconds=2.0)


pytestmark = pytest.mark.usefixtures("own_folder")


def test_an_option_with_several_values() -> None:
    asked = parse_comparison(" max-thought = 0, 5 ", "walk", NOBODY, None)
    assert [(way.name, way.options.max_thought, way.options.seed) for way in asked.variants] == [
        ("max thought 0", 0, 7), ("max thought 5", 5, 7)]  # fmt: skip
    temperatures = parse_comparison("temperature=0,0.75", "walk", NOBODY, None).variants
    assert [way.options.temperature for way in temperatures] == [0, 0.75]
    locks = parse_comparison("foot_lock=on,off", "walk", NOBODY, None).variants
    assert [way.options.foot_lock for way in locks] == [True, False]
    assert [
        way.options.thought
        for way in parse_comparison("thought=none,full", "walk", NOBODY, None).variants
    ] == [
        "none",
        "full",
    ]
    bundles = parse_comparison("bundle=a/small,b/large", "walk", NOBODY, "c").variants
    assert [(way.name, way.bundle) for way in bundles] == [
        ("small", "a/small"),
        ("large", "b/large"),
    ]


def test_files_beside_a_clip_or_an_answer(walk_file: Path) -> None:
    Path("other.npz").write_bytes(walk_file.read_bytes())
    assert [n.name for n in parse_comparison("walk.npz, other.npz", None, NOBODY, None).clips] == [
        "walk",
        "other",
    ]
    assert [n.name for n in parse_comparison("other.npz", "walk.npz", NOBODY, None).clips] == [
        "walk",
        "other",
    ]
    mixed = parse_comparison("other.npz", "a person walks", NOBODY, "folder")
    assert [(way.options, way.bundle) for way in mixed.variants] == [(NOBODY, "folder")]
    assert [named.name for named in mixed.clips] == ["other"]


@pytest.mark.parametrize(
    ("text", "what", "error", "words"),
    [
        ("seed=1,2", None, InputError, "needs a PROMPT"),
        ("seed=1,2", "walk.npz", InputError, "needs a PROMPT"),
        ("seed=1", "walk", InputError, "2 to 9 people, got 1"),
        ("seed=" + ",".join("123456789a"), "walk", InputError, "seed"),
        ("seed=1,,2", "walk", InputError, "nothing between two commas"),
        ("seed=", "walk", InputError, "nothing between two commas"),
        ("colour=red,blue", "walk", InputError, 'no option "colour"'),
        ("seed=one,two", "walk", InputError, "seed: expected a whole number"),
        ("temperature=-1,0", "walk", InputError, "temperature: expected"),
        ("nothing.npz,walk.npz", None, FormatError, "no such file"),
        ("walk.npz", None, InputError, "2 to 9 people, got 1"),
    ],
)
def test_mistakes(
    walk_file: Path, text: str, what: str | None, error: type[KinetokenError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        parse_comparison(text, what, GenerateOptions(), None)
    assert "\n" not in str(caught.value)


def test_ten_people_are_too_many() -> None:
    with pytest.raises(InputError, match="2 to 9 people, got 10"):
        parse_comparison("seed=1,2,3,4,5,6,7,8,9,10", "walk", GenerateOptions(), None)


def test_neighbours_do_not_touch_and_the_middle_is_the_origin() -> None:
    wide = walking(40).copy()
    wide[..., 0] += np.linspace(0, 1.5, 40)[:, None]  # walks toward its neighbour
    tracks = [Track(wide), Track(walking(30)), Track(walking(40))]
    xs = [place[0] for place in places_of(tracks)]
    assert xs == sorted(xs)
    assert xs[0] + xs[-1] == pytest.approx(0.0)
    for at in range(40):
        first, second, _ = (track.sample(at)[:, 0] + x for track, x in zip(tracks, xs, strict=True))
        assert first.max() + CLEAR_METRES - 1e-6 <= second.min()
    assert [place[0] for place in live_places(3)] == pytest.approx([-1.7, 0.0, 1.7])


def test_a_clip_of_another_rate_keeps_its_time() -> None:
    slow = Clip(walking(40)[::2], fps=10.0)
    track = track_at(slow, 20.0)
    assert len(track) == 39
    np.testing.assert_allclose(track.frames[::2], slow.joints, atol=1e-6)
    assert len(track_at(Clip(walking(1), fps=10.0), 20.0)) == 1


def cast() -> ClipsSideBySide:
    return ClipsSideBySide(
        "two",
        [
            NamedClip("long", Clip(walking(40), seed=1)),
            NamedClip("short", Clip(walking(20), seed=2)),
        ],
    )


def test_the_one_who_is_through_stands_still_until_all_are() -> None:
    stage = cast()
    assert stage.finished
    for _ in range(12):
        stage.tick(0.1)
    long, short = stage.people()
    at = stage.playhead.position
    assert at == 24.0
    np.testing.assert_allclose(pose(short, at), pose(short, 19.0))
    assert [person.name for person in (long, short)] == ["long", "short"]
    assert stage.words(60).thought == ""
    assert "seed" not in stage.words(60).status


def test_the_foot_lock_can_be_switched_and_nobody_jumps() -> None:
    stage = cast()
    controls = Controls(stage, View(stage, THREE_QUARTER, 1.5))
    before = stage.people()
    assert controls.press("K")
    assert "no foot lock" in stage.words(60).status
    for locked, plain in zip(before, stage.people(), strict=True):
        assert locked.place == plain.place
        assert np.abs(locked.track.frames - plain.track.frames).max() < 0.1
        assert (locked.track.frames != plain.track.frames).any()


def test_the_camera_looks_between_everybody() -> None:
    stage = cast()
    view = View(stage, THREE_QUARTER, 1.5)
    looks = [look_at(pose(person, 0.0)) for person in stage.people()]
    np.testing.assert_allclose(view.middle(), np.mean(looks, axis=0), atol=0.02)
    alone = View(ClipsSideBySide("one", [NamedClip("a", Clip(walking(40)))]), THREE_QUARTER, 1.5)
    assert view.camera.distance > alone.camera.distance
    Controls(stage, view).press("A")
    frames = [person.track.frames + person.place for person in stage.people()]
    places = view.camera.project(np.concatenate(frames).reshape(-1, 3), 300, 200)
    assert places[:, :2].min() >= 0
    assert (places[:, :2] <= (300, 200)).all()
    assert not view.following


class Script:
    """A feed that says it all at once."""

    def __init__(self, *messages: object) -> None:
        self.left = list(messages)

    def poll(self) -> list[object]:
        out, self.left = self.left, []
        return out

    def close(self) -> None:
        """Nothing is held."""


def moved(count: int, fps_chunk: int = 10) -> MotionArrived:
    joints = walking(count * fps_chunk)[-fps_chunk:]
    features, codes = np.zeros((fps_chunk, 263), np.float32), np.zeros((1, 4), np.int64)
    return MotionArrived(MotionChunk((count - 1) * fps_chunk, joints, features, codes), 2.0)


def test_answers_arrive_side_by_side() -> None:
    feed = Script(
        AnswerStarted(1, 20.0),
        PersonMessage(1, moved(1)),
        moved(1),
        PersonMessage(1, moved(2)),
        moved(2),
        PersonMessage(1, AnswerEnded(Clip(walking(20)), 0.0)),
        AnswerEnded(Clip(walking(20)), 2.0),
    )
    stage = AnswersSideBySide(
        "walk", ["seed 1", "seed 2"], feed, [NamedClip("file", Clip(walking(30)))]
    )
    assert [len(person.track) for person in stage.people()] == [
        1,
        1,
        30,
    ]  # they stand until they move
    stage.tick(0.0)
    assert [len(person.track) for person in stage.people()] == [20, 20, 30]
    assert [named.name for named in stage.answers()] == ["seed 1", "seed 2"]
    assert stage.finished


QUESTION = """
import json, sys
from called import play
from kinetoken.engines.load_options import LoadOptions
from kinetoken.generation.options import GenerateOptions
from kinetoken_viewer.stage.side_by_side import AnswersSideBySide
from kinetoken_viewer.generator.comparison import ComparisonJob, Variant, serve_comparison
from kinetoken_viewer.generator.feed import GeneratorProcess
import time

def main():
    options = [GenerateOptions(seed=1, seconds=s, max_thought=2) for s in (0.6, 1.2)]
    ways = tuple(Variant(f"seconds {each.seconds}", each, sys.argv[1]) for each in options)
    feed = GeneratorProcess(ComparisonJob("walk", ways, LoadOptions()), serve_comparison)
    stage = AnswersSideBySide("walk", [w.name for w in ways], feed)
    end = time.monotonic() + 40
    while not stage.finished and time.monotonic() < end:
        stage.tick(0.0)
        time.sleep(0.005)
    print(json.dumps({"frames": [len(p.track) for p in stage.people()],
                      "failure": stage.failure and stage.failure.reason,
                      "clips": [len(n.clip) for n in stage.answers()]}))
    stage.close()

if __name__ == "__main__":
    main()
"""


def test_one_process_answers_in_turns(python, tiny_bundle: Path, tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text(QUESTION)
    done = python(str(script), str(tiny_bundle))
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen == {
        "frames": [24, 24],
        "failure": None,
        "clips": [12, 24],
    }  # who is through waits for the other


def test_a_mistake_in_one_way_is_told(python, tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text(QUESTION)
    done = python(str(script), "no-such-bundle")
    assert "no-such-bundle" in json.loads(done.stdout.splitlines()[-1])["failure"]


def test_a_comparison_becomes_a_file(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        "--bundle",
        str(tiny_bundle),
        "--seconds",
        "0.6",
        "--size",
        "120x80",
        "--max-thought",
        "2",
    )
    assert (
        play(
            "walk",
            "--compare",
            "seed=1,2,3",
            "--film",
            "cmp.gif",
            "--film-fps",
            "10",
            "-o",
            "kept.npz",
            *options,
        )
        == 0
    )
    with Image.open("cmp.gif") as image:
        assert image.n_frames == 6
    kept = [Clip.load(f"kept-seed-{seed}.npz") for seed in (1, 2, 3)]
    assert [clip.seed for clip in kept] == [1, 2, 3]
    assert "seed 1, seed 2, seed 3 -> cmp.gif" in capsys.readouterr().out
    assert (
        play("--compare", "kept-seed-1.npz,kept-seed-2.npz", "--headless", "--size", "120x80") == 0
    )
    assert Path("kept-seed-1-kept-seed-2.gif").is_file()
    with pytest.raises(InputError, match="one body"):
        play("walk", "--compare", "seed=1,2", "--stdout")
    with pytest.raises(InputError, match="strip"):
        play("walk", "--compare", "seed=1,2", "--strip", "4")


def test_equal_names_are_numbered(walk_file: Path) -> None:
    asked = parse_comparison("seed=1,1,1", "walk", NOBODY, None)
    assert [way.name for way in asked.variants] == ["seed 1", "seed 1 (2)", "seed 1 (3)"]
    folder = Path("other")
    folder.mkdir()
    (folder / "walk.npz").write_bytes(walk_file.read_bytes())
    assert [
        n.name for n in parse_comparison("walk.npz,other/walk.npz", None, NOBODY, None).clips
    ] == ["walk", "walk (2)"]
    assert file_names.distinct_names(["a-2", "a", "A", "a (2)"]) == [
        "a-2",
        "a",
        "A (3)",
        "a (2) (2)",
    ]


def test_clips_that_are_files_are_not_kept_again(walk_file: Path) -> None:
    with pytest.raises(InputError, match="these clips are files already"):
        play("--compare", "walk.npz,walk.npz", "-o", "again.npz", "--headless")


def test_halves_of_answers_are_kept() -> None:
    feed = Script(
        AnswerStarted(1, 10.0),
        *(PersonMessage(person, AnswerStarted(person + 1, 10.0)) for person in range(3)),
        PersonMessage(1, moved(1)),
        moved(1),
        PersonMessage(1, moved(2)),
        moved(2),
        PersonMessage(0, AnswerEnded(Clip(walking(15), seed=1), 0.0)),
        GeneratorFailed("gone", 6),
    )
    stage = AnswersSideBySide("walk", ["a", "b", "c"], feed, [NamedClip("file", Clip(walking(30)))])
    stage.tick(0.0)
    assert [(n.name, len(n.clip), n.clip.seed) for n in stage.answers()] == [
        ("a", 15, 1),
        ("b", 20, 2),
    ]
    assert stage.answers()[1].clip.fps == 10.0
    assert len(stage.people()[3].track) == 15  # a clip of 20 fps on a clock of 10
    assert "seed" not in stage.words(60).status
    assert keep_clips(stage.answers(), "q.npz")
    assert [len(Clip.load(f"q-{name}.npz")) for name in "ab"] == [15, 20]


def test_ctrl_c_keeps_the_half_of_an_answer(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0

    def show(self: object, generation: object) -> None:
        nonlocal calls
        calls += 1
        if generation.clip().seed == 2 and len(generation.clip()):  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    monkeypatch.setattr("kinetoken.cli.terminal.ProgressLine.show", show)
    options = ("--bundle", str(tiny_bundle), "--seconds", "3", "--max-thought", "2", "--headless")
    assert play("walk", "--compare", "seed=1,2,3", "-o", "kept.npz", *options) == 130
    whole, half = (len(Clip.load(f"kept-seed-{seed}.npz")) for seed in (1, 2))
    assert 0 < half < whole == 60
    assert not Path("kept-seed-3.npz").exists()
    assert "stopped; the motion so far is kept" in capsys.readouterr().err


def test_questions_can_be_sent_to_a_process() -> None:
    question = ComparisonJob("walk", (Variant("a", NOBODY),), LoadOptions())
    assert pickle.loads(pickle.dumps(question)) == question


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        ("clips.npz", "clips-seed-1.npz"),
        ("a/clips.AMASS.npz", "a/clips-seed-1.AMASS.npz"),
        ("walk.v2.bvh", "walk.v2-seed-1.bvh"),
    ],
)
def test_a_name_beside_keeps_the_whole_suffix(path: str, beside: str) -> None:
    assert path_beside(path, "seed 1") == Path(beside)

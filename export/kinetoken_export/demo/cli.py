"""`kinetoken train-demo`: from motion capture to the checkpoint that ships, step by step."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kinetoken.base.errors import InputError
from kinetoken.cli.parser import Subparsers, new_command

from ..packages import require_packages
from .training.defaults import (
    CODEC_STEPS,
    EXAM_SEEDS,
    EXAM_TEMPERATURE,
    LM_STEPS,
    TEACHER_EPOCHS,
    WORD_STEPS,
    WORDS_ONLY,
)

if TYPE_CHECKING:
    from .words.requests import CaptionSet, Exclusion

_WORK: Final = Path("work")
_CAPTIONS: Final = Path("export/captions")
_MINUTES: Final = "end after so many minutes in all, or before, when the steps are done"
# Options that are fields of a training's plan.
_PLANNED: Final = (
    "steps",
    "minutes",
    "peak",
    "teacher",
    "decoder_only",
    "device",
    "workers",
    "epochs",
)
_EXAM: Final = Path("export/exam/eighth")  # the one that captions are kept apart from


@dataclass(frozen=True)
class TrainRequest:
    """The options of one training."""

    work: Path
    codec: Path
    out: Path
    plan: dict[str, Any]
    """Fields of the training's plan that were given."""
    threads: int | None
    """Cores; None: all."""
    start: Path | None = None
    """Folder of a codec or language model whose weights a new training of one begins with."""
    source: Path = Path()
    """Folder of the sentence encoder to train."""
    words_only: float | None = None
    """Share of drawn chats without motion; None: as the plan says."""
    captions: Path = _CAPTIONS
    exams: Path = _EXAM
    """Folder of exam wordings, which are kept out of the captions."""
    vectors: Path | None = None
    """Folder of a BERT whose word vectors a training of words begins with."""

    def __post_init__(self) -> None:
        for option, number in (
            ("--steps", self.plan.get("steps")),
            ("--minutes", self.plan.get("minutes")),
            ("--threads", self.threads),
            ("--epochs", self.plan.get("epochs")),
        ):
            if number is not None and number < 1:
                raise InputError(f"{option}: expected 1 or more, got {number}")
        workers, words_only = self.plan.get("workers"), self.words_only
        if workers is not None and workers < 0:
            raise InputError(f"--workers: expected 0 or more, got {workers}")
        if words_only is not None and not 0 <= words_only <= 1:
            raise InputError(f"--words-only: expected a share from 0 to 1, got {words_only:g}")
        peak = self.plan.get("peak")
        if peak is not None and not 0 < peak < 1:
            raise InputError(f"--peak: expected a learning rate between 0 and 1, got {peak:g}")


def add_command(subparsers: Subparsers) -> None:
    """Add `kinetoken train-demo STEP`."""
    demo = new_command(
        subparsers,
        "train-demo",
        "make the demo model from motion capture",
        "kinetoken train-demo prepare cmu-bvh",
        "kinetoken train-demo train-codec",
        "kinetoken train-demo train-teacher all-MiniLM-L6-v2",
        "kinetoken train-demo train-words",
        "kinetoken train-demo train-lm",
        "kinetoken train-demo evaluate --bundle my-demo -o results",
    )
    steps = demo.add_subparsers(dest="step", metavar="STEP", required=True)
    _add_prepare(steps)
    _add_train_codec(steps)
    _add_train_teacher(steps)
    _add_train_words(steps)
    _add_train_lm(steps)
    _add_evaluate(steps)


def _add_prepare(steps: Subparsers) -> None:
    parser = new_command(steps, "prepare", "turn CMU BVH files into clips on the 22 joints")
    add = parser.add_argument
    add("source", type=Path, help="folder of CMU .bvh files (cgspeed's Daz-friendly conversion)")
    add(
        "--clips",
        type=Path,
        nargs="+",
        default=(),
        help="npz files of more clips, (T, 22, 3) at 20 fps in metres",
    )
    _add_work(parser)
    parser.set_defaults(func=lambda args: _prepare(args.source, args.work, args.clips))


def _add_train_codec(steps: Subparsers) -> None:
    parser = new_command(
        steps, "train-codec", "train the codec on the clips; a stopped training goes on"
    )
    add = parser.add_argument
    add("--steps", type=int, help=f"training steps (default: {CODEC_STEPS})")
    add("--minutes", type=float, help=_MINUTES)
    _add_machine(parser)
    _add_workers(parser)
    add("--start", type=Path, help="codec folder whose weights a new training begins with")
    text = "leave encoder and codebooks as they are, so that codes made before stay valid"
    add("--decoder-only", action="store_const", const=True, help=text)
    add("-o", "--out", type=Path, help="codec folder to write (default: WORK/codec)")
    _add_work(parser)
    parser.set_defaults(func=lambda args: _train_codec(_training(args, "codec")))


def _add_train_words(steps: Subparsers) -> None:
    parser = new_command(
        steps, "train-words", "train the language model on captions; a stopped training goes on"
    )
    _add_word_options(parser, WORD_STEPS)
    _add_machine(parser)
    _add_workers(parser)
    parser.add_argument(
        "--vectors", type=Path, help="folder of a BERT whose word vectors a training begins with"
    )
    _add_work(parser)
    parser.set_defaults(func=lambda args: _train_words(_training(args, "lm")))


def _add_train_lm(steps: Subparsers) -> None:
    parser = new_command(
        steps, "train-lm", "train the language model on coded clips; a stopped training goes on"
    )
    add = parser.add_argument
    add("--codec", type=Path, help="codec folder (default: WORK/codec)")
    _add_word_options(parser, LM_STEPS)
    _add_machine(parser)
    _add_workers(parser)
    text = (
        f"share of drawn chats without motion (default: {WORDS_ONLY}); give less for the last part"
    )
    add("--words-only", type=float, help=text)
    text = "language model folder whose weights and tokenizer a new training begins with"
    add("--start", type=Path, help=text)
    add("--peak", type=float, help="highest learning rate (default: 1.3e-3)")
    add("-o", "--out", type=Path, help="Hugging Face folder to write (default: WORK/lm)")
    _add_work(parser)
    parser.set_defaults(func=lambda args: _train_lm(_training(args, "lm", args.codec)))


def _add_train_teacher(steps: Subparsers) -> None:
    parser = new_command(
        steps, "train-teacher", "train a sentence encoder on captions, for --teacher"
    )
    add = parser.add_argument
    text = "folder of a sentence encoder (BERT), such as all-MiniLM-L6-v2's"
    add("source", type=Path, help=text)
    add("--epochs", type=int, help=f"rounds through the captions (default: {TEACHER_EPOCHS})")
    _add_captions(parser)
    _add_machine(parser)
    add("-o", "--out", type=Path, help="folder to write (default: WORK/teacher)")
    _add_work(parser)
    parser.set_defaults(func=lambda args: _train_teacher(_training(args, "teacher")))


def _add_word_options(parser: argparse.ArgumentParser, steps: int) -> None:
    add = parser.add_argument
    add("--steps", type=int, help=f"training steps (default: {steps})")
    text = "folder of a sentence encoder (BERT) whose sense of a request it learns to foretell"
    add("--teacher", type=Path, help=text)
    add("--minutes", type=float, help=_MINUTES)
    _add_captions(parser)


def _add_machine(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--threads", type=int, help="cores to train on (default: all)")
    add("--device", help="PyTorch device to train on, such as cuda (default: cpu)")


def _add_workers(parser: argparse.ArgumentParser) -> None:
    text = "processes that draw examples (default: 0, the one that trains)"
    parser.add_argument("--workers", type=int, help=text)


def _add_captions(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--captions", type=Path, default=_CAPTIONS, help=f"caption files (default: {_CAPTIONS})")
    add(
        "--exams",
        type=Path,
        default=_EXAM,
        help=f"wordings to keep out of them (default: {_EXAM})",
    )


def _add_evaluate(steps: Subparsers) -> None:
    parser = new_command(
        steps, "evaluate", "judge a bundle by physics, and the codec on held-out clips"
    )
    add = parser.add_argument
    add("--bundle", type=Path, help="bundle to examine (default: the demo)")
    add("--codec", type=Path, help="codec folder (default: WORK/codec)")
    add("--seeds", type=int, help=f"samples of each wording (default: {EXAM_SEEDS})")
    temperature = f"temperature of the sampling (default: {EXAM_TEMPERATURE:g})"
    add("--temperature", type=float, help=temperature)
    add("--levels", type=int, help="codes of each frame (default: all)")
    add("--exam", type=Path, default=_EXAM, help=f"folder of questions (default: {_EXAM})")
    add("-o", "--out", type=Path, help="also write OUT.md and OUT.json")
    _add_work(parser)
    parser.set_defaults(
        func=lambda args: _evaluate(
            args.bundle,
            args.exam,
            args.work,
            args.codec or args.work / "codec",
            _given(args, "seeds", "temperature", "levels"),
            args.out,
        )
    )


def _add_work(parser: argparse.ArgumentParser) -> None:
    text = f"folder for clips, checkpoints and logs (default: {_WORK})"
    parser.add_argument("--work", type=Path, default=_WORK, help=text)


def _training(args: argparse.Namespace, name: str, codec: Path | None = None) -> TrainRequest:
    work, plan = args.work, _given(args, *_PLANNED)
    return TrainRequest(
        work,
        codec or work / "codec",
        getattr(args, "out", None) or work / name,
        plan,
        args.threads,
        getattr(args, "start", None),
        captions=getattr(args, "captions", _CAPTIONS),
        exams=getattr(args, "exams", _EXAM),
        **_given(args, "vectors", "source", "words_only"),
    )


def _given(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given; the others keep the default of the object that takes them."""
    return {name: value for name in names if (value := getattr(args, name, None)) is not None}


def _prepare(source: Path, work: Path, clips: Sequence[Path]) -> int:
    from .data.prepare import prepare

    prepare(source, work, clips)
    return 0


def _train_codec(request: TrainRequest) -> int:
    _require_training(request)
    from .data.clips import load_clips
    from .data.windows import action_windows
    from .training.codec.train_codec import CodecTraining, train_codec

    windows = action_windows(load_clips(request.work))
    plan = CodecTraining(**request.plan)
    train_codec(request.work, plan, request.out, windows, request.start)
    print(f"codec written to {request.out}")
    return 0


def _require_training(request: TrainRequest) -> None:
    """Check for PyTorch and the device asked for, and train on no more cores. InputError."""
    require_packages()
    import torch

    name = request.plan.get("device", "cpu")
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"--device: expected a device that PyTorch has here, got {name} ({reason}): leave it "
            "out to train on the CPU"
        ) from error
    if request.threads is not None:
        torch.set_num_threads(request.threads)


def _words(request: TrainRequest) -> tuple[CaptionSet, Exclusion]:
    """The captions that may be learnt from, and what keeps the exams out."""
    from .words.requests import Exclusion, exam_wordings, read_captions

    exams = exam_wordings(request.exams)
    return read_captions(request.captions, exams), Exclusion(exams)


def _train_words(request: TrainRequest) -> int:
    _require_training(request)
    from .training.train_words import WordTraining, train_words
    from .words.word_vectors import read_word_vectors

    vectors = None if request.vectors is None else read_word_vectors(request.vectors)
    train_words(request.work, *_words(request), WordTraining(**request.plan), vectors)
    print(f"words written to {request.work / 'words.pt'}")
    return 0


def _train_teacher(request: TrainRequest) -> int:
    _require_training(request)
    from .training.teacher.train_teacher import TeacherTraining, train_teacher

    captions, _ = _words(request)
    plan = TeacherTraining(**request.plan)
    share = train_teacher(request.source, captions, plan, request.out)
    print(
        f"sentence encoder written to {request.out}; {share:.1%} of held-out "
        "captions of one action right"
    )
    return 0


def _train_lm(request: TrainRequest) -> int:
    _require_training(request)
    from .training.lm_examples import ExampleShares
    from .training.train_lm import LmTraining, train_lm

    shares = ExampleShares()
    if request.words_only is not None:
        shares = replace(shares, words_only=request.words_only)
    plan = LmTraining(**request.plan, shares=shares)
    train_lm(request.work, request.codec, *_words(request), plan, request.out, request.start)
    print(f"language model written to {request.out}")
    return 0


def _evaluate(
    bundle: Path | None,
    exam: Path,
    work: Path,
    codec: Path,
    conditions: dict[str, Any],
    out: Path | None,
) -> int:
    require_packages()
    from .training.evaluate import ExamConditions, evaluate

    evaluate(bundle, exam, work, codec, ExamConditions(**conditions), out)
    return 0

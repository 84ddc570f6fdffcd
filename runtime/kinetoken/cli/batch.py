"""kinetoken batch: many prompts become a folder of clips."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..base.errors import INTERRUPTED, FormatError, InputError, KinetokenError
from .arguments import add_bundle, add_generation, generate_options, load_options
from .batch_progress import BatchLine

if TYPE_CHECKING:
    from ..batch.folder import BatchFolder, BatchInfo
    from ..batch.jobs import Answer, Job, Problem
    from ..generation.bundle import Bundle

    Maker = Callable[[Sequence[Job]], Iterator[Answer | Problem]]

FORMATS: Final = ("npz", "bvh", "glb", "vrma")
AT_ONCE: Final = 4
MOST_SHOWN: Final = 20  # problems


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken batch PROMPTS -o FOLDER."""
    parser = subparsers.add_parser("batch", help="make a clip of every line of a file")
    add = parser.add_argument
    add(
        "prompts",
        metavar="PROMPTS",
        help='.jsonl: {"prompt": ..., "id": ..., any option}; .txt: a prompt a line',
    )
    add(
        "-o",
        "--out",
        metavar="FOLDER",
        required=True,
        help="of the clips; made where it is not there",
    )
    add("--format", choices=FORMATS, default=FORMATS[0], help="of the clips (default: npz)")
    add(
        "--parallel",
        type=int,
        default=AT_ONCE,
        metavar="N",
        help=f"answers at once on an engine (default: {AT_ONCE})",
    )
    add("--force", action="store_true", help="make clips anew that another run has made")
    add("--json", action="store_true", help="report as one JSON object")
    add("--ray", metavar="ADDRESS", help="over a Ray cluster: HOST:PORT, auto, or local")
    add(
        "--ray-workers",
        type=int,
        metavar="N",
        help="engines in the cluster (default: one on each machine)",
    )
    add_bundle(parser)
    add_generation(parser)
    parser.set_defaults(func=run)


@dataclass
class Tally:
    """How a batch went."""

    total: int
    there: int
    """Clips that were made before."""
    problems: list[Problem]
    made: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.perf_counter)
    interrupted: bool = False

    @property
    def elapsed(self) -> float:
        """Seconds since the first clip was begun."""
        return time.perf_counter() - self.began

    @property
    def sorted_problems(self) -> list[Problem]:
        """In the order of the lines."""
        return sorted(self.problems, key=lambda problem: problem.line)

    def report(self, out: str) -> dict[str, Any]:
        """For machines."""
        failed = [problem.row for problem in self.sorted_problems]
        return {
            "out": out, "clips": self.made + self.there, "made": self.made, "there_before": self.there, "failed": failed,
            "seconds_of_motion": self.seconds, "elapsed": self.elapsed, "interrupted": self.interrupted,
        }  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Read, open the folder, make what is not there, report."""
    from dataclasses import replace

    from ..batch.folder import BatchFolder
    from ..batch.prompts import read_prompts

    _check(args)
    usual = replace(generate_options(args), seed=None)  # --seed is the batch's, see Job.seeded
    prompts = read_prompts(Path(args.prompts), usual)
    with BatchFolder(Path(args.out)) as folder, _quiet(args.ray is not None):
        server = _server(args)
        info = _info(args, folder, server)
        nothing = not folder.left(info, prompts.jobs, args.force)
        with contextlib.nullcontext() if nothing else _maker(args, info, server) as make:
            left = folder.open(info, prompts.jobs, args.force)
            total = len(prompts.jobs) + len(prompts.problems)
            tally = Tally(total, len(prompts.jobs) - len(left), list(prompts.problems))
            jobs = [job.seeded(info.seed) for job in left]
            try:
                _make(folder, info, tally, make(jobs) if make else iter(()))
            except KinetokenError as error:
                if not tally.made:
                    raise
                raise error.adding(_kept(tally, args.out)) from error
            finally:
                folder.close(tally.problems)
    return _tell(args, tally)


def _check(args: argparse.Namespace) -> None:
    for name in ("parallel", "ray_workers"):
        count = getattr(args, name)
        if count is not None and count < 1:
            raise InputError(
                f"--{name.replace('_', '-')}: expected a whole number of 1 or more, got {count}"
            )
    if args.engine is not None and args.ray is not None:
        raise InputError(
            "--engine names a server and --ray machines that run the model themselves; give one of the two"
        )
    if args.ray_workers is not None and args.ray is None:
        raise InputError(
            "--ray-workers is for a Ray cluster; name it with --ray ADDRESS, or leave it out"
        )
    if args.ray is not None:
        from ..batch.address import host_and_port

        host_and_port(args.ray)


def _server(args: argparse.Namespace) -> Bundle | None:
    """The bundle whose answers a server writes; None: they are made here or in a cluster."""
    if args.engine is None:
        return None
    from ..generation.bundle import bundle_folder, open_bundle

    return open_bundle(bundle_folder(args.bundle), load_options(args))


def _info(args: argparse.Namespace, folder: BatchFolder, parts: Bundle | None) -> BatchInfo:
    """What will make the clips."""
    from ..batch.folder import HERE, BatchInfo, digest
    from ..generation.bundle import bundle_folder
    from ..generation.options import GenerateOptions
    from ..manifest.manifest_file import read_manifest
    from ..manifest.schema import MANIFEST_NAME

    bundle = bundle_folder(args.bundle)
    manifest, prompts = read_manifest(bundle), Path(args.prompts)
    lookahead = manifest.codec.lookahead if args.lookahead is None else args.lookahead
    seed = folder.seed(args.force) if args.seed is None else args.seed
    if seed is None:
        seed = GenerateOptions().chosen_seed()
    server = parts.server if parts is not None else None
    engine, model = (HERE, None) if server is None else (server.name, server.model_name)
    return BatchInfo(
        bundle=manifest.name, bundle_sha256=digest(bundle / MANIFEST_NAME), engine=engine, engine_model=model,
        lookahead=lookahead, clips=args.format, seed=seed, parallel=args.parallel, prompts=prompts.name, prompts_sha256=digest(prompts),
    )  # fmt: skip


@contextlib.contextmanager
def _maker(args: argparse.Namespace, info: BatchInfo, server: Bundle | None) -> Iterator[Maker]:
    """What makes answers of jobs; it is there and loaded before anything is written."""
    from functools import partial

    options = load_options(args)
    if args.ray is not None:
        from ..batch.cluster import Plan, answer_over, joined
        from ..batch.worker import Order

        order = Order(_named_bundle(args), info.bundle_sha256, options, args.parallel, info.clips)
        with joined(args.ray):
            yield partial(answer_over, Plan(args.ray_workers, order))
        return
    from ..batch.apart import answer_apart
    from ..batch.driver import BatchRun
    from ..generation.bundle import bundle_folder, open_bundle

    if server is not None:
        yield lambda jobs: answer_apart(server, jobs, args.parallel)
        return
    yield BatchRun(open_bundle(bundle_folder(args.bundle), options), args.parallel).answers


@contextlib.contextmanager
def _quiet(ray: bool) -> Iterator[None]:
    """Ray writes of lost workers on standard output, where the report belongs; the runtime says it in a line of its own."""
    if not ray:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _named_bundle(args: argparse.Namespace) -> str | None:
    """The bundle's whole path, for other machines; None for the demo, which lies elsewhere in each installation."""
    from ..generation.bundle import DEMO_BUNDLE, bundle_folder

    folder = bundle_folder(args.bundle)
    return None if folder == DEMO_BUNDLE else str(folder.resolve())


def _make(
    folder: BatchFolder, info: BatchInfo, tally: Tally, answers: Iterator[Answer | Problem]
) -> None:
    """Every clip into its place as it comes, until the last or Ctrl-C."""
    from ..base.processes import ctrl_c_later
    from ..batch.jobs import Problem

    with BatchLine(tally.total, tally.there + len(tally.problems)) as line:
        try:
            for answer in answers:
                if isinstance(answer, Problem):
                    tally.problems.append(answer)
                else:
                    with ctrl_c_later():
                        _keep(folder, info, tally, answer)
                line.show(tally.there + tally.made + len(tally.problems), tally.seconds)
        except KeyboardInterrupt:
            tally.interrupted = True


def _keep(folder: BatchFolder, info: BatchInfo, tally: Tally, answer: Answer) -> None:
    if answer.frames:
        folder.begin(answer.job)
        answer.save(folder.file(answer.job, info.clips))
    folder.note(answer)
    tally.made += 1
    tally.seconds += answer.seconds


def _kept(tally: Tally, out: str) -> str:
    there = f"{tally.made + tally.there:,} of {tally.total:,} clips are in {out}"
    return f"{there}; the same command goes on from there"


def _tell(args: argparse.Namespace, tally: Tally) -> int:
    """What was made and what was not; the exit code."""
    problems = tally.sorted_problems
    if args.json:
        print(json.dumps(tally.report(args.out)))
    else:
        work = tally.elapsed
        speed = f"{tally.seconds:.1f} s of motion in {work:.1f} s ({tally.seconds / max(work, 1e-9):.1f}x real time)"
        there = f", {tally.there:,} were there" if tally.there else ""
        print(f"{tally.made:,} clips made{there}: {speed} -> {args.out}")
    for problem in problems[:MOST_SHOWN]:
        print(f"{args.prompts}: line {problem.line}: {problem.message}", file=sys.stderr)
    if len(problems) > MOST_SHOWN:
        print(
            f"{len(problems) - MOST_SHOWN:,} more in {Path(args.out) / 'report.jsonl'}",
            file=sys.stderr,
        )
    if tally.interrupted:
        print(f"kinetoken: stopped; {_kept(tally, args.out)}", file=sys.stderr)
        return INTERRUPTED
    if problems:
        failed = f"{len(problems):,} of {tally.total:,} lines gave no clip"
        print(f"kinetoken: {failed}; correct them and run the same command again", file=sys.stderr)
        return FormatError.exit_code
    return 0

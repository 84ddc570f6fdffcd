"""kinetoken batch: makes a folder of clips from a file of prompts."""

from __future__ import annotations

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
from ..formats.registry import WRITABLE
from .arguments import BundleRequest, add_bundle, add_generation
from .parser import Advanced, Subparsers, new_command
from .terminal import ProgressBar, counted, real_time

if TYPE_CHECKING:
    from ..batch.folder import BatchFolder, BatchInfo
    from ..batch.jobs import Job, JobAnswer, Problem
    from ..generation.bundle import Bundle
    from ..generation.options import GenerateOptions

    Maker = Callable[[Sequence[Job]], Iterator[JobAnswer | Problem]]

_FORMATS: Final = tuple(suffix[1:] for suffix in WRITABLE)
_PARALLEL: Final = 4
_MAX_SHOWN: Final = 20  # problems


@dataclass(frozen=True)
class BatchRequest:
    """Everything that the command line asks for."""

    prompts: Path
    out: Path
    clips: str
    """Format of the clips."""
    parallel: int
    force: bool
    json: bool
    ray: str | None
    ray_workers: int | None
    bundle: BundleRequest
    options: GenerateOptions

    def __post_init__(self) -> None:
        _check_count("--parallel", self.parallel)
        _check_count("--ray-workers", self.ray_workers)
        if self.bundle.options.engine is not None and self.ray is not None:
            raise InputError(
                "--engine asks a server, --ray runs the model elsewhere; give one of the two"
            )
        if self.ray_workers is not None and self.ray is None:
            raise InputError("--ray-workers is for a Ray cluster; name it with --ray ADDRESS")
        if self.ray is not None:
            from ..batch.cluster_address import host_and_port

            host_and_port(self.ray)


def _check_count(option: str, count: int | None) -> None:
    if count is not None and count < 1:
        raise InputError(f"{option}: expected a whole number of 1 or more, got {count}")


def add_command(subparsers: Subparsers) -> None:
    """kinetoken batch PROMPTS -o FOLDER."""
    parser = new_command(
        subparsers,
        "batch",
        "make a motion from every line of a file",
        "kinetoken batch prompts.txt -o clips",
        "kinetoken batch prompts.jsonl -o clips --file-format bvh --seed 7",
        "kinetoken batch prompts.jsonl -o clips --ray auto",
    )
    add = parser.add_argument
    prompts = 'a prompt per line (.txt), or {"prompt": ..., "id": ..., any option} (.jsonl)'
    add("prompts", metavar="PROMPTS", help=prompts)
    out = "folder of the motions; run the same command again to continue"
    add("-o", "--out", metavar="FOLDER", required=True, help=out)
    clips = f"file format of the motions (default: {_FORMATS[0]})"
    add("--file-format", choices=_FORMATS, default=_FORMATS[0], help=clips)
    at_once = f"answers at the same time on each engine (default: {_PARALLEL})"
    add("--parallel", type=int, default=_PARALLEL, metavar="N", help=at_once)
    add("--force", action="store_true", help="replace motions that another run has made")
    add("--json", action="store_true", help="print the report as one JSON object")
    ray = "run on a Ray cluster: HOST:PORT, auto or local"
    add("--ray", metavar="ADDRESS", help=ray)
    workers = "engines in the cluster (default: one per machine)"
    add("--ray-workers", type=int, metavar="N", help=Advanced(workers))
    bundle, options = add_bundle(parser), add_generation(parser)
    parser.set_defaults(
        func=lambda args: run(
            BatchRequest(
                prompts=Path(args.prompts),
                out=Path(args.out),
                clips=args.file_format,
                parallel=args.parallel,
                force=args.force,
                json=args.json,
                ray=args.ray,
                ray_workers=args.ray_workers,
                bundle=bundle(args),
                options=options(args),
            )
        )
    )


@dataclass
class Tally:
    """The progress of a batch."""

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
        """Seconds since the first clip began."""
        return time.perf_counter() - self.began

    @property
    def rtf(self) -> float:
        """Seconds of motion per second of work."""
        return self.seconds / max(self.elapsed, 1e-9)

    @property
    def sorted_problems(self) -> list[Problem]:
        """The problems in the order of the lines."""
        return sorted(self.problems, key=lambda problem: problem.line)

    def report(self, out: Path) -> dict[str, Any]:
        """The report of --json."""
        return {
            "out": str(out),
            "clips": self.made + self.there,
            "made": self.made,
            "there_before": self.there,
            "failed": [problem.row for problem in self.sorted_problems],
            "seconds_of_motion": self.seconds,
            "elapsed": self.elapsed,
            "interrupted": self.interrupted,
        }


def run(request: BatchRequest) -> int:
    """Read the prompts, open the folder, make the missing clips, report."""
    from dataclasses import replace

    from ..batch.folder import BatchFolder
    from ..batch.prompts import read_prompts_file

    usual = replace(request.options, seed=None)  # --seed is the batch's, see Job.seeded
    prompts = read_prompts_file(request.prompts, usual)
    with BatchFolder(request.out) as folder, _quiet(request.ray is not None):
        server = _server(request)
        info = _info(request, folder, server, prompts.sha256)
        nothing = not folder.left(info, prompts.jobs, request.force)
        with contextlib.nullcontext() if nothing else _maker(request, info, server) as make:
            left = folder.open(info, prompts.jobs, request.force)
            total = len(prompts.jobs) + len(prompts.problems)
            tally = Tally(total, len(prompts.jobs) - len(left), list(prompts.problems))
            jobs = [job.seeded(info.seed) for job in left]
            _note_folder(request.out)
            try:
                _make(folder, info, tally, make(jobs) if make else iter(()))
            except KinetokenError as error:
                if not tally.made:
                    raise
                raise error.adding(_kept(tally, request.out)) from error
            finally:
                folder.close(tally.problems)
    return _tell(request, tally)


def _note_folder(out: Path) -> None:
    """Write down where the clips are, for the process that tells if this one is killed."""
    from ..base.survivor import kept_file
    from ..live.chunk_spool import ChunkSpool, SpoolHead

    if (file := kept_file()) is not None:
        ChunkSpool(file, SpoolHead(str(out)))


def _server(request: BatchRequest) -> Bundle | None:
    """Open a bundle whose answers a server writes; None: they are made here or in a cluster."""
    if request.bundle.options.engine is None:
        return None
    from ..generation.bundle import open_bundle

    return open_bundle(request.bundle.folder, request.bundle.options)


def _info(
    request: BatchRequest, folder: BatchFolder, parts: Bundle | None, prompts_sha256: str
) -> BatchInfo:
    """The model, engine and settings of the clips."""
    from ..batch.folder import LOCAL_ENGINE, BatchInfo, digest
    from ..generation.options import GenerateOptions
    from ..manifest.manifest_file import read_manifest
    from ..manifest.schema import MANIFEST_NAME

    bundle = request.bundle.folder
    manifest, prompts = read_manifest(bundle), request.prompts
    lookahead = request.bundle.options.lookahead
    if lookahead is None:
        lookahead = manifest.codec.lookahead
    seed = folder.seed(request.force) if request.options.seed is None else request.options.seed
    if seed is None:
        seed = GenerateOptions().chosen_seed()
    writer = parts.writer if parts is not None else None
    engine = LOCAL_ENGINE if writer is None or writer.engine_name is None else writer.engine_name
    model = None if writer is None else writer.model_name
    return BatchInfo(
        bundle=manifest.name,
        bundle_sha256=digest(bundle / MANIFEST_NAME),
        engine=engine,
        engine_model=model,
        lookahead=lookahead,
        clips=request.clips,
        seed=seed,
        parallel=request.parallel,
        prompts=prompts.name,
        prompts_sha256=prompts_sha256,
    )


@contextlib.contextmanager
def _maker(request: BatchRequest, info: BatchInfo, server: Bundle | None) -> Iterator[Maker]:
    """Load what answers the jobs, before anything is written."""
    from functools import partial

    options = request.bundle.options
    if request.ray is not None:
        from ..batch.cluster import ClusterPlan, answer_by_cluster, joined_cluster
        from ..batch.worker import WorkerSetup

        setup = WorkerSetup(
            _named_bundle(request), info.bundle_sha256, options, request.parallel, info.clips
        )
        with joined_cluster(request.ray):
            yield partial(answer_by_cluster, ClusterPlan(request.ray_workers, setup))
        return
    from ..batch.batch_run import BatchRun
    from ..batch.server_requests import answer_by_server
    from ..generation.bundle import open_bundle

    if server is not None:
        yield lambda jobs: answer_by_server(server, jobs, request.parallel)
        return
    yield BatchRun(open_bundle(request.bundle.folder, options), request.parallel).answers


@contextlib.contextmanager
def _quiet(ray: bool) -> Iterator[None]:
    """Silence Ray, which reports lost workers on standard output; warnings of our own say it."""
    if not ray:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _named_bundle(request: BatchRequest) -> str | None:
    """The bundle's name on the hub or its whole path, for other machines.

    None for the demo, which lies elsewhere in each installation.
    """
    from ..generation.bundle import DEMO_BUNDLE, named_bundle
    from ..hub.bundle_name import is_bundle_name

    if (name := named_bundle(request.bundle.bundle)) and is_bundle_name(name):
        return name
    folder = request.bundle.folder
    return None if folder == DEMO_BUNDLE else str(folder.resolve())


def _make(
    folder: BatchFolder, info: BatchInfo, tally: Tally, answers: Iterator[JobAnswer | Problem]
) -> None:
    """Write every clip as it comes, until the last or Ctrl-C."""
    from ..base.signals import deferring_ctrl_c
    from ..batch.jobs import Problem

    with ProgressBar("", tally.total, before=tally.there + len(tally.problems)) as bar:
        try:
            for answer in answers:
                if isinstance(answer, Problem):
                    tally.problems.append(answer)
                else:
                    with deferring_ctrl_c():
                        _keep(folder, info, tally, answer)
                bar.show(tally.there + tally.made + len(tally.problems), real_time(tally.rtf))
        except KeyboardInterrupt:
            tally.interrupted = True


def _keep(folder: BatchFolder, info: BatchInfo, tally: Tally, answer: JobAnswer) -> None:
    if answer.frames:
        folder.begin(answer.job)
        answer.save(folder.file(answer.job, info.clips))
    folder.note(answer)
    tally.made += 1
    tally.seconds += answer.seconds


def _kept(tally: Tally, out: Path) -> str:
    there = f"{tally.made + tally.there:,} of {tally.total:,} clips are in {out}"
    return f"{there}; the same command continues from there"


def _tell(request: BatchRequest, tally: Tally) -> int:
    """Report what was made and what was not; the exit code."""
    problems = tally.sorted_problems
    if request.json:
        print(json.dumps(tally.report(request.out)))
    else:
        speed = f"{tally.seconds:.1f} s of motion in {tally.elapsed:.1f} s"
        if factor := real_time(tally.rtf):
            speed += f" ({factor})"
        there = f", {tally.there:,} existed" if tally.there else ""
        print(f"{counted(tally.made, 'clip')} made{there}: {speed} -> {request.out}")
    for problem in problems[:_MAX_SHOWN]:
        print(f"{request.prompts}: line {problem.line}: {problem.message}", file=sys.stderr)
    if len(problems) > _MAX_SHOWN:
        print(
            f"{len(problems) - _MAX_SHOWN:,} more in {request.out / 'report.jsonl'}",
            file=sys.stderr,
        )
    if tally.interrupted:
        print(f"kinetoken: stopped; {_kept(tally, request.out)}", file=sys.stderr)
        return INTERRUPTED
    if problems:
        failed = f"{len(problems):,} of {counted(tally.total, 'line')} gave no clip"
        print(f"kinetoken: {failed}; correct them and run the same command again", file=sys.stderr)
        return FormatError.exit_code
    return 0

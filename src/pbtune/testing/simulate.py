"""Simulate seeds: ``python -m pbtune.testing.simulate --seeds 0:1000 [--jobs 2] [--show]``.

Every failure prints the options that its seed expands to, and one command that repeats it.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final, cast

import msgspec

from pbtune.core.story import story_line
from pbtune.testing.options import Options, expand
from pbtune.testing.simulation import Outcome, simulate

CHUNK: Final = 50
FAILURES_MAX: Final = 5


class Result(msgspec.Struct, frozen=True):
    """What one run says beside its options."""

    options: Options
    violation: str | None
    trace: str
    died_at: tuple[str, ...]
    ops: int
    sessions: int
    commits: int
    liveness: float


def options_of(seed: int, changes: Sequence[str]) -> Options:
    """What a seed expands to, with some options replaced.

    Args:
        seed: The seed.
        changes: "name=value", the value as JSON.
    """
    plain = cast("dict[str, object]", msgspec.to_builtins(expand(seed)))
    for change in changes:
        name, _, value = change.partition("=")
        if name not in plain:
            message = f"there is no option {name!r}; there are {', '.join(plain)}"
            raise SystemExit(message)
        try:
            plain[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            plain[name] = value
    return msgspec.convert(plain, Options)


def shown(options: Options) -> str:
    """The options as they can be given again."""
    plain = cast("dict[str, object]", msgspec.to_builtins(options))
    return " ".join(f"{name}={msgspec.json.encode(it).decode()}" for name, it in plain.items())


def command(result: Result, changes: Sequence[str]) -> str:
    """The one command that repeats a run."""
    seed = result.options.seed
    given = "".join(f" --set '{change}'" for change in changes)
    return f"python -m pbtune.testing.simulate --seeds {seed}:{seed + 1}{given} --show"


def result_of(outcome: Outcome) -> Result:
    """An outcome without its records."""
    fields = {name: getattr(outcome, name) for name in Result.__struct_fields__}
    return Result(**fields)


def run_seed(seed: int, changes: Sequence[str]) -> Result:
    """Simulate one seed."""
    return result_of(simulate(options_of(seed, changes)))


def sweep(seed: int, changes: Sequence[str]) -> Iterator[tuple[Result, Sequence[str]]]:
    """Let the driver of one seed die before each of its operations, and again while it recovers."""
    calm = [*changes, "crashes=[]", "interrupts=[]", "full=0.0", "broken=0.0"]
    op_count = run_seed(seed, calm).ops
    for at in range(1, op_count + 1):
        for crashes in (f"crashes=[{at}]", f"crashes=[{at},2,3]"):
            given = [*changes, "interrupts=[]", "full=0.0", "broken=0.0", crashes]
            yield run_seed(seed, given), given


def results(
    seeds: range, changes: Sequence[str], jobs: int
) -> Iterator[tuple[Result, Sequence[str]]]:
    """The results of all seeds, in their order."""
    work = partial(run_seed, changes=changes)
    if jobs == 1:
        yield from ((work(seed), changes) for seed in seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from ((it, changes) for it in pool.map(work, seeds, chunksize=CHUNK))


def report(found: Iterable[tuple[Result, Sequence[str]]]) -> int:
    """Print the failures, and the sum of it all.

    Returns:
        How many runs have failed.
    """
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    failures = runs = commits = deaths = compared = 0
    slowest = 0.0
    for result, changes in found:
        runs += 1
        commits += result.commits
        deaths += len(result.died_at)
        compared += result.options.is_comparable
        slowest = max(slowest, result.liveness)
        if result.violation is not None:
            failures += 1
            if failures <= FAILURES_MAX:
                say(f"seed {result.options.seed}: {result.violation}")
                say(f"  {shown(result.options)}")
                say(f"  {command(result, changes)}")
    seconds, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    say(
        f"{runs:,} runs, {failures} failures: {commits:,} commits, {deaths:,} drivers died,"
        f" {compared:,} decision logs compared; the longest way to an end took {slowest:.0%} of its"
        f" time. {runs / seconds:.0f} runs/s, {cpu_s:.1f} s of this process."
    )
    return failures


def show(seed: int, changes: Sequence[str]) -> int:
    """Print one run, record by record.

    Returns:
        1 if a promise was broken, else 0.
    """
    outcome = simulate(options_of(seed, changes))
    say(shown(outcome.options))
    for number, record in enumerate(outcome.records, start=1):
        say(f"{number:5} {story_line(record)}")
    say(f"drivers died before: {', '.join(outcome.died_at) or 'nothing'}")
    say(outcome.trace + (outcome.violation or "every promise held"))
    return int(outcome.violation is not None)


def say(text: str) -> None:
    """One line for people; lone surrogates are shown."""
    sys.stdout.write(text.encode(errors="backslashreplace").decode() + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m pbtune.testing.simulate")
    parser.add_argument("--seeds", default="0:1000", help="first:end")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--set", action="append", default=[], help="replace an option: name=value")
    parser.add_argument("--show", action="store_true", help="print the records of the first seed")
    parser.add_argument("--sweep", action="store_true", help="crash before each operation")
    given = parser.parse_args(arguments)
    first, _, end = given.seeds.partition(":")
    seeds = range(int(first), int(end or int(first) + 1))
    if given.show:
        return show(seeds[0], given.set)
    if given.sweep:
        return int(report(it for seed in seeds for it in sweep(seed, given.set)) > 0)
    return int(report(results(seeds, given.set, given.jobs)) > 0)


if __name__ == "__main__":
    sys.exit(main())

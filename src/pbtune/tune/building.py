"""The executor of a run, by what ``pbtune.init`` said."""

from collections.abc import Callable

from pbtune.executors.base import AbstractExecutor
from pbtune.executors.inline import InlineExecutor
from pbtune.executors.processes.executor import Conduct, ProcessExecutor
from pbtune.executors.processes.launcher import AbstractLauncher
from pbtune.executors.processes.preload import needed_modules
from pbtune.executors.processes.starting import launch
from pbtune.tune.execution import Execution
from pbtune.tune.pickling import Packing, pickled
from pbtune.worker.process import Job
from pbtune.worker.protocol import WorkerSettings


def executor_of(
    execution: Execution, settings: WorkerSettings, started: list[AbstractLauncher]
) -> AbstractExecutor:
    """What carries the run's commands out.

    Args:
        execution: The run.
        settings: What all its attempts have in common.
        started: A template that runs already, if one does; the executor takes it out.

    Raises:
        Unpicklable: If the function can't be sent to workers; it says why.
    """
    job = Job(settings, execution.trainable, execution.objects)
    if execution.machine.executor == "inline":
        return InlineExecutor(settings, job.trainable, job.objects)
    slots, limit = execution.slots, execution.tune_config.max_concurrent_trials
    conduct = Conduct(
        reuse=execution.tune_config.reuse_actors,
        environments=slots.environments,
        pack=Packing(execution.objects),
        silence_s_max=execution.run_config.failure_config.report_timeout_s,
    )
    if execution.machine.executor == "ray":
        from pbtune.tune.on_ray import ray_executor  # noqa: PLC0415  an optional dependency

        return ray_executor(job, slots, limit, execution.tune_config.num_samples, conduct)
    count = min(slots.count, limit or slots.count)
    return ProcessExecutor(count, _launching(execution, job, started), conduct)


def _launching(
    execution: Execution, job: Job, started: list[AbstractLauncher]
) -> Callable[[], AbstractLauncher]:
    """What starts a launcher that has the job: again, when a template has died."""
    payload = pickled(job)

    def launching() -> AbstractLauncher:
        if started:
            launcher = started.pop()
        else:
            launcher = launch(needed_modules(job.trainable), execution.slots.threads)
        launcher.load(payload)
        return launcher

    return launching

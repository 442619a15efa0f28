"""What docs/compat.md says beyond the names: what is better here, and what of a class is not."""

BETTER = {
    "ray.init": "needed only to say how much of the machine runs may use; starts nothing",
    "ray.tune.Checkpoint": "as_directory() checks that the files are there",
    "ray.tune.CheckpointConfig": "nothing is deleted that another member may still need",
    "ray.tune.ExperimentAnalysis": "reads the journal: every row is there",
    "ray.tune.FailureConfig": "report_timeout_s= finds trials that hang; fail_fast leaves a run "
    "that can be resumed",
    "ray.tune.ResultGrid": "reads the journal, also of a run that is going on; get_rows() needs no "
    "pandas; plot()",
    "ray.tune.Result": "every row is there; rows and schedule",
    "ray.tune.RunConfig": 'resume="auto", durability=; a folder belongs to one run; the root is '
    "./pbtune_results or PBTUNE_STORAGE",
    "ray.tune.SyncConfig": "accepted; files are in the storage at once",
    "ray.tune.TuneConfig": "seed=; max_concurrent_trials limits parallelism, not the population; "
    "reuse_actors is True",
    "ray.tune.Tuner": "restore() goes on exactly, scheduler included, and takes stop= and "
    "num_samples=; fit() can be called again",
    "ray.tune.Trainable": "saves where the scheduler may act, whatever checkpoint_frequency is",
    "ray.tune.choice": "categories are moved along or drawn anew; text doesn't crash",
    "ray.tune.get_checkpoint": "always whole; never one that retention has taken away",
    "ray.tune.get_context": "get_trial_dir() is the trial's folder in storage, after a restart too",
    "ray.tune.lograndint": "stays in its range when perturbed",
    "ray.tune.loguniform": "stays in its range when perturbed, and moves on its own scale",
    "ray.tune.qlograndint": "stays in its range and on its grid when perturbed",
    "ray.tune.qloguniform": "stays in its range and on its grid when perturbed",
    "ray.tune.qrandint": "stays in its range and on its grid when perturbed",
    "ray.tune.quniform": "stays in its range and on its grid when perturbed",
    "ray.tune.randint": "stays in its range when perturbed, and moves by at least 1",
    "ray.tune.uniform": "stays in its range when perturbed",
    "ray.tune.register_env": "raises: environments are RLlib's",
    "ray.tune.report": "waits only where the report can change something",
    "ray.tune.run": "as Tuner.fit()",
    "ray.tune.with_parameters": "objects travel once to the process that forks workers",
    "ray.tune.with_resources": "an impossible request is an error at once, not a trial that waits",
    "ray.tune.schedulers.PopulationBasedTraining": "any pinned checkpoint serves; NaN is replaced "
    "first; synchronous mode can't hang; selection and growth are choices",
    "ray.tune.schedulers.pb2.PB2": "needs numpy alone",
    "ray.tune.search.BasicVariantGenerator": "max_concurrent limits parallelism alone",
    "ray.tune.search.optuna.OptunaSearch": "chooses the first members; works with PBT",
}
"""{the first place of a name: in what it is better, or means something else on purpose}."""

_TRIAL = "a trial as callbacks see it is a picture: it can't be changed, and runs nothing"
_SEARCHER = "chooses all first members at once, so that nothing is asked of it later"
_SCHEDULER = "Tune's controller calls these; here decisions are pure functions in pbtune.core"
_DOMAIN = "how a domain draws is its own affair: sample()"
_SETTINGS = "V2's, of Ray Train; a tuning run has no use for it"

MEMBERS = {
    "ray.tune.experiment.Trial": _TRIAL,
    "ray.tune.Experiment": "it is data for run_experiments(); a run's path is its result's",
    "ray.tune.PlacementGroupFactory": "one bundle is one process; there are no groups to ask for",
    "ray.air.integrations.wandb.WandbLoggerCallback": "W&B runs in the driver, not in actors",
    "ray.tune.CLIReporter": "Ray Tune's own machinery",
    "ray.tune.JupyterNotebookReporter": "Ray Tune's own machinery",
    "ray.tune.progress_reporter.TuneReporterBase": "Ray Tune's own machinery",
    "ray.tune.logger.JsonLoggerCallback": "params.json holds the config of the newest start anyway",
    "ray.tune.logger.TBXLoggerCallback": "every number of a config is a hyperparameter there",
    "ray.tune.search.BasicVariantGenerator": _SEARCHER,
    "ray.tune.search.ConcurrencyLimiter": _SEARCHER,
    "ray.tune.search.optuna.OptunaSearch": _SEARCHER,
    "ray.tune.search.sample.Categorical": _DOMAIN,
    "ray.tune.search.sample.Domain": _DOMAIN,
    "ray.tune.search.sample.Float": _DOMAIN,
    "ray.tune.search.sample.Function": _DOMAIN,
    "ray.tune.search.sample.Integer": _DOMAIN,
    "ray.tune.resources.Resources": "it is what with_resources() takes: a dict or a factory",
    "ray.tune.utils.warn_if_slow": "its arguments",
    "ray.air.RunConfig": "taken by name, to say that storage_path has replaced them",
    "ray.tune.RunConfig": "taken by name, to say that storage_path has replaced them",
    "ray.tune.TuneConfig": "taken by name, to say that the working directory is left alone",
    "ray.tune.search.searcher.ConcurrencyLimiter": _SEARCHER,
    "ray.train.RunConfig": _SETTINGS,
    "ray.train.FailureConfig": _SETTINGS,
    "ray.train.Result": _SETTINGS,
    "ray.train.ScalingConfig": _SETTINGS,
    "ray.air.ScalingConfig": "of Ray's cluster",
}
"""{the first place of a class: why some of its members are not here}."""

SCHEDULERS = _SCHEDULER

SIGNATURES = {
    "ray.air.integrations.mlflow.MLflowLoggerCallback": "what it sends is in docs/views.md",
    "ray.tune.Result": "results are read from a run's journal, and never made by hand",
    "ray.train.FailureConfig": _SETTINGS,
    "ray.train.Result": "results are read from a run's journal, and never made by hand",
    "ray.train.RunConfig": "the same class as tune.RunConfig, whose order it keeps",
    "ray.train.ScalingConfig": _SETTINGS,
    "ray.train.report": "the same function as tune.report: checkpoint= by name",
    "ray.tune.ResultGrid": "takes a run's folder, or an ExperimentAnalysis",
    "ray.tune.experiment.Trial": _TRIAL,
    "ray.tune.resources.Resources": "it is no class here, but what with_resources() takes",
    "ray.tune.search.sample.Function": "made by tune.sample_from(function)",
    "ray.tune.search.variant_generator.RecursiveDependencyError": "an error of the search space",
}
"""{a name: why a call of it takes other arguments here}."""

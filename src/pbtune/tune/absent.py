"""What of Ray's public names is not in pbtune, and why, with what to use instead.

Keys are paths without the leading ``ray.``. A key names a module, with all that is under it, or
one name in a module; the longest that fits counts. ``docs/compat.md`` is made from this table.
"""

from collections.abc import Mapping
from typing import Final

_ACTORS: Final = "it belongs to Ray's tasks and objects; call the function directly"
_IDS: Final = "it names a thing inside Ray's cluster; pbtune has no such things"
_CLUSTER: Final = 'it belongs to Ray\'s cluster; pbtune.init(executor="ray") runs trials on one'
_PRIVATE: Final = "it is Ray Tune's own machinery, which pbtune builds differently"
_TRAIN: Final = "it belongs to Ray Train; a trial of pbtune is one process"
_TESTS: Final = "it is for Ray's own tests; see pbtune.testing"
_RLLIB: Final = "it belongs to RLlib; make what you need in the training function"
_FIRST: Final = (
    "population based training searches while it trains; for the first members there are"
    " BasicVariantGenerator and OptunaSearch"
)
_SEARCHER: Final = (
    "derive from pbtune.tune.search.AbstractSearcher, which chooses the first members"
)
_DRAWS: Final = "a domain draws by itself: Domain.sample(size=, random_state=)"
_WHILE: Final = (
    "report from the training function: tune.report(metrics, checkpoint=...) at the end of an epoch"
)
_RESOURCES: Final = "a trial's resources are fixed while it trains; with_resources() says which"
_TENSORS: Final = "it belongs to Ray Data"
_OUTPUT: Final = "output is set by RunConfig(verbose=...) and progress_reporter=..."
_VARIABLES: Final = "it lists variables of Ray's; docs/compat.md says which of them pbtune reads"
_COMMANDS: Final = "use the commands pbtune list and pbtune show"
_RAY_FILE: Final = "it names a file or a key of Ray's own, which a run of pbtune doesn't have"

ABSENT: Final[Mapping[str, str]] = {
    # ray
    "ClientBuilder": _CLUSTER,
    "Language": _ACTORS,
    "LoggingConfig": _OUTPUT,
    "SCRIPT_MODE": _PRIVATE,
    "WORKER_MODE": _PRIVATE,
    "actor": _ACTORS,
    "autoscaler": _CLUSTER,
    "cancel": _ACTORS,
    "client": _CLUSTER,
    "cpp_function": _ACTORS,
    "data": "it is another library of Ray's; load your data in the training function",
    "get_actor": _ACTORS,
    "get_runtime_context": "use tune.get_context()",
    "internal": _PRIVATE,
    "java_actor_class": _ACTORS,
    "java_function": _ACTORS,
    "kill": _ACTORS,
    "method": _ACTORS,
    "nodes": _CLUSTER,
    "remote": _ACTORS,
    "rllib": "it is another library of Ray's; use any other one in the training function",
    "serve": "it is another library of Ray's",
    "timeline": "use the command pbtune story",
    "util": "it belongs to Ray's cluster; a trial of pbtune is one process",
    "wait": _ACTORS,
    "widgets": _OUTPUT,
    "workflow": "it is another library of Ray's",
    **dict.fromkeys(
        (
            *("ActorClassID", "ActorID", "DynamicObjectRefGenerator", "FunctionID", "JobID"),
            *("NodeID", "ObjectID", "ObjectRefGenerator", "PlacementGroupID", "TaskID"),
            *("UniqueID", "WorkerID"),
        ),
        _IDS,
    ),
    # ray.air
    "air.AcquiredResources": _PRIVATE,
    "air.DataBatchType": _TENSORS,
    "air.ResourceRequest": _PRIVATE,
    "air.config.SampleRange": _PRIVATE,
    "air.constants": _RAY_FILE,
    "air.data_batch_type": _TENSORS,
    "air.execution": _PRIVATE,
    "air.integrations.mlflow.setup_mlflow": "pass MLflowLoggerCallback to RunConfig(callbacks=...)",
    "air.integrations.wandb.setup_wandb": "pass WandbLoggerCallback to RunConfig(callbacks=...)",
    **{
        f"air.integrations.wandb.WANDB_{name}": "set W&B's own environment variables"
        for name in (
            *("ENV_VAR", "GROUP_ENV_VAR", "MODE_ENV_VAR", "PROJECT_ENV_VAR"),
            *("POPULATE_RUN_LOCATION_HOOK", "PROCESS_RUN_INFO_HOOK", "SETUP_API_KEY_HOOK"),
        )
    },
    "air.integrations.comet": "Comet's logger is not written yet; derive from tune.Callback",
    "air.integrations.keras": _WHILE,
    "air.util": _TENSORS,
    "air.session.get_dataset_shard": _TRAIN,
    # ray.train
    "train.constants": _RAY_FILE,
    "train.backend": _TRAIN,
    "train.base_trainer": _TRAIN,
    "train.utils": _PRIVATE,
    **{
        f"train.{name}": _TRAIN
        for name in (
            *("Backend", "BackendConfig", "CheckpointConsistencyMode", "CheckpointUploadMode"),
            *("ControllerError", "DataConfig", "NCCLHangError", "PreemptionError"),
            *("PreemptionInfo", "ReportedCheckpoint", "ReportedCheckpointStatus"),
            *("TrainingFailedError", "TrainingIterator", "UserCallback", "ValidationConfig"),
            *("ValidationFn", "ValidationTaskConfig", "WorkerGroupError", "collective"),
            *("data_parallel_trainer", "get_dataset_shard", "get_preemption_info", "horovod"),
            *("huggingface", "jax", "lightgbm", "lightning", "tensorflow", "torch", "trainer"),
            *("v2", "xgboost"),
        )
    },
    "train.LoggingConfig": _OUTPUT,
    "train.get_all_reported_checkpoints": "use Result.best_checkpoints after fit()",
    # ray.tune
    "tune.automl": "Ray has taken it out",
    "tune.callback.CallbackList": _PRIVATE,
    "tune.checkpoint_dir": (
        "Ray has taken it out; pass checkpoint=Checkpoint.from_directory(path) to tune.report()"
    ),
    "tune.cli": _COMMANDS,
    "tune.constants": _VARIABLES,
    "tune.execution.class_cache": _PRIVATE,
    "tune.execution.cluster_info": _PRIVATE,
    "tune.execution.experiment_state": "a run's state is its journal, run.db; see Tuner.restore()",
    "tune.execution.insufficient_resources_manager": _PRIVATE,
    "tune.execution.ray_trial_executor": _PRIVATE,
    "tune.execution.trial_runner": _PRIVATE,
    "tune.execution.tune_controller": _PRIVATE,
    "tune.experiment.config_parser": _PRIVATE,
    "tune.experiment.trial.DEBUG_PRINT_INTERVAL": _PRIVATE,
    "tune.experiment.trial.ExportFormat": "save what you need as a checkpoint",
    "tune.experiment.trial.TRIAL_STATE_FILENAME": _RAY_FILE,
    "tune.experimental": _OUTPUT,
    "tune.impl.out_of_band_serialize_dataset": _TENSORS,
    "tune.impl.placeholder": _PRIVATE,
    "tune.impl.test_utils": _TESTS,
    "tune.impl.tuner_internal": _PRIVATE,
    "tune.integration.keras": _WHILE,
    "tune.integration.lightgbm": _WHILE,
    "tune.integration.pytorch_lightning": _WHILE,
    "tune.integration.ray_train": _TRAIN,
    "tune.integration.xgboost": _WHILE,
    "tune.logger.Logger": "derive from tune.logger.LoggerCallback",
    "tune.logger.UnifiedLogger": "Ray has taken it out; use tune.Callback or a LoggerCallback",
    "tune.logger.aim": "Aim's logger is not written; derive from tune.logger.LoggerCallback",
    "tune.logger.comet": "Comet's logger is not written; derive from tune.logger.LoggerCallback",
    "tune.logger.tensorboardx.VALID_SUMMARY_TYPES": _PRIVATE,
    "tune.progress_reporter.IS_NOTEBOOK": _PRIVATE,
    "tune.progress_reporter.RemoteReporterMixin": _PRIVATE,
    "tune.progress_reporter.SKIP_RESULTS_IN_REPORT": _PRIVATE,
    "tune.progress_reporter.TrialProgressCallback": "Ray has renamed it; use a ProgressReporter",
    **{
        f"tune.registry.{name}": _RLLIB
        for name in (
            *("ENV_CREATOR", "RLLIB_ACTION_DIST", "RLLIB_CONNECTOR", "RLLIB_INPUT"),
            *("RLLIB_MODEL", "RLLIB_PREPROCESSOR", "register_input", "registry_contains_input"),
            "registry_get_input",
        )
    },
    "tune.registry.KNOWN_CATEGORIES": _PRIVATE,
    "tune.registry.TEST": _PRIVATE,
    "tune.registry.TRAINABLE_CLASS": _PRIVATE,
    "tune.resources.json_to_resources": "give with_resources() a dict",
    "tune.resources.resources_to_json": "give with_resources() a dict",
    "tune.result.EXPR_META_FILE": _RAY_FILE,
    "tune.result.JOB_META_FILE": _RAY_FILE,
    "tune.result.STDERR_FILE": _PRIVATE,
    "tune.result.STDOUT_FILE": _PRIVATE,
    "tune.save_checkpoint": (
        "Ray has taken it out; pass checkpoint=Checkpoint.from_directory(path) to tune.report()"
    ),
    "tune.load_checkpoint": "Ray has taken it out; use tune.get_checkpoint()",
    "tune.schedulers.HyperBandForBOHB": _FIRST,
    "tune.schedulers.ResourceChangingScheduler": _RESOURCES,
    "tune.schedulers.hb_bohb": _FIRST,
    "tune.schedulers.resource_changing_scheduler": _RESOURCES,
    "tune.schedulers.pb2.has_sklearn": _PRIVATE,
    "tune.schedulers.pb2.import_pb2_dependencies": _PRIVATE,
    "tune.schedulers.pb2_utils": _PRIVATE,
    "tune.schedulers.util": _PRIVATE,
    **dict.fromkeys(
        (
            *("tune.search._mock", "tune.search.ax", "tune.search.bayesopt", "tune.search.bohb"),
            *("tune.search.hebo", "tune.search.hyperopt", "tune.search.nevergrad"),
            "tune.search.zoopt",
        ),
        _FIRST,
    ),
    "tune.search.Repeater": "set num_samples instead, or a grid over seeds",
    "tune.search.SearchAlgorithm": _SEARCHER,
    "tune.search.SearchGenerator": "pass the searcher itself",
    "tune.search.Searcher": _SEARCHER,
    "tune.search.UNDEFINED_METRIC_MODE": _PRIVATE,
    "tune.search.UNDEFINED_SEARCH_SPACE": _PRIVATE,
    "tune.search.UNRESOLVED_SEARCH_SPACE": _PRIVATE,
    "tune.search.basic_variant.SERIALIZATION_THRESHOLD": _PRIVATE,
    "tune.search.optuna.optuna_search.DEFINE_BY_RUN_WARN_THRESHOLD_S": _PRIVATE,
    "tune.search.repeater": "set num_samples instead, or a grid over seeds",
    **{
        f"tune.search.sample.{name}": _DRAWS
        for name in (
            *("BaseSampler", "Grid", "LogUniform", "Normal", "Quantized", "RandomState"),
            *("Sampler", "Uniform"),
        )
    },
    "tune.search.search_algorithm": _SEARCHER,
    "tune.search.search_generator": "pass the searcher itself",
    "tune.search.searcher.Searcher": _SEARCHER,
    "tune.search.util": _PRIVATE,
    "tune.search.variant_generator.assign_value": _PRIVATE,
    "tune.search.variant_generator.format_vars": "a trial's experiment_tag has it",
    "tune.search.variant_generator.parse_spec_vars": _PRIVATE,
    "tune.suggest": "Ray has renamed it; use tune.search",
    "tune.trainable.FunctionTrainable": "give the Tuner the function itself",
    "tune.trainable.wrap_function": "give the Tuner the function itself",
    "tune.trainable.function_trainable": "give the Tuner the function itself",
    "tune.trainable.metadata": _PRIVATE,
    "tune.trainable.trainable.SETUP_TIME_THRESHOLD": _PRIVATE,
    "tune.tuner.ClientActorHandle": _CLUSTER,
    "tune.utils.UtilMonitor": "measure in the training function, and report it",
    "tune.utils.callback": _PRIVATE,
    "tune.utils.file_transfer": "trials write into the run's folder; nothing is copied",
    "tune.utils.log": _OUTPUT,
    "tune.utils.mock": _TESTS,
    "tune.utils.mock_trainable": _TESTS,
    "tune.utils.object_cache": _PRIVATE,
    "tune.utils.release_test_util": _TESTS,
    "tune.utils.resource_updater": _RESOURCES,
    "tune.utils.serialization": _PRIVATE,
    "tune.utils.util.START_OF_TIME": _PRIVATE,
    "tune.utils.util.Tee": "RunConfig(log_to_file=...) names the files of a trial's output",
    "tune.utils.util.UtilMonitor": "measure in the training function, and report it",
    "tune.utils.util.validate_warmstart": "BasicVariantGenerator checks its points by itself",
    "tune.web_server": "Ray has taken it out; use the command pbtune dashboard",
}


def why_absent(path: str, name: str) -> str | None:
    """Why a name under a module is not here; None if Ray has no such name either.

    Args:
        path: The module's, without the leading ``ray.``; empty for ``ray`` itself.
        name: The name in it, or that of a module.
    """
    full = f"{path}.{name}" if path else name
    while full:
        if full in ABSENT:
            return ABSENT[full]
        full = full.rpartition(".")[0]
    return None

"""Every setting of the app in one frozen value, read once from the environment and checked at the edge."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from shared.errors import SettingsError
from shared.price import Price, read_price

COMPUTES = ("local", "azure_batch", "azure_ml")


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a service: a connection string, or (without keys) the addresses used with an identity."""

    name: str
    string: str | None = field(default=None, repr=False)
    blob_uri: str | None = None
    queue_uri: str | None = None
    namespace: str | None = None

    @classmethod
    def from_env(cls, name: str, env: Mapping[str, str]) -> "Connection":
        """Read `NAME`, or `NAME__blobServiceUri`, `__queueServiceUri`, `__fullyQualifiedNamespace`."""
        return cls(
            name,
            env.get(name) or None,
            env.get(f"{name}__blobServiceUri"),
            env.get(f"{name}__queueServiceUri"),
            env.get(f"{name}__fullyQualifiedNamespace"),
        )


def _setting(env: str, default: Any, text: str) -> Any:
    return field(default=default, metadata={"env": env, "help": text})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, each named in its metadata by its environment variable, with a sentence of help."""

    data_storage: Connection = _setting(
        "DataStorage", Connection("DataStorage"), "Storage account of uploads and results; users may see it."
    )
    control_storage: Connection = _setting(
        "ControlStorage",
        Connection("ControlStorage"),
        "Storage account of runs, bundles, logs and queues; users may not see it.",
    )
    event_hubs: Connection = _setting(
        "EventHubs", Connection("EventHubs"), "Event Hubs namespace that devices send readings to."
    )
    event_hub_name: str = _setting("EVENT_HUB_NAME", "readings", "Event hub of the readings.")
    event_hub_consumer_group: str = _setting(
        "EVENT_HUB_CONSUMER_GROUP", "$Default", "Consumer group that the app reads with."
    )
    partition_count: int = _setting(
        "PARTITION_COUNT", 4, "Partitions of the hub where Tally creates it (on this machine, by `azd up`)."
    )
    window_seconds: int = _setting(
        "WINDOW_SECONDS", 5, "Length of a window; divides FILE_SECONDS. Change it only for a new hub."
    )
    file_seconds: int = _setting(
        "FILE_SECONDS", 60, "Windows of this interval share a Parquet file per partition; divides 3600."
    )
    allowed_lateness_seconds: int = _setting(
        "ALLOWED_LATENESS_SECONDS", 10, "How far behind the newest event a reading may be and still count."
    )
    max_ahead_seconds: int = _setting(
        "MAX_AHEAD_SECONDS",
        300,
        "A reading stamped this far past its arrival is refused: its clock is wrong.",
    )
    idle_seconds: int = _setting("IDLE_SECONDS", 60, "A partition silent for this long has its open windows closed.")
    flush_schedule: str = _setting(
        "FLUSH_SCHEDULE", "0 * * * * *", "When silent partitions are looked for (NCRONTAB, seconds first)."
    )
    scoring_schedule: str = _setting(
        "SCORING_SCHEDULE",
        "0 5 * * * *",
        "When due spans are looked for and scored (NCRONTAB, seconds first).",
    )
    scoring_span_seconds: int = _setting(
        "SCORING_SPAN_SECONDS", 3600, "How much time one run scores; a multiple of FILE_SECONDS."
    )
    sweep_schedule: str = _setting("SWEEP_SCHEDULE", "30 * * * * *", "When runs whose message was lost are looked for.")
    poll_seconds: int = _setting("POLL_SECONDS", 5, "How often a run in progress is looked at.")
    task_work: int = _setting(
        "TASK_WORK",
        4_000_000_000,
        "Work of one scoring task: windows times the numbers in their model and 300 more.",
    )
    task_retries: int = _setting("TASK_RETRIES", 2, "How often a failed task is tried again.")
    task_seconds: int = _setting("TASK_SECONDS", 3600, "Wall-clock limit of one task.")
    error_budget_percent: int = _setting(
        "ERROR_BUDGET_PERCENT",
        0,
        "Share of a run's scoring tasks that may fail for good; their series are then reported as not scored.",
    )
    predictions_csv: bool = _setting(
        "PREDICTIONS_CSV", False, "Also write predictions as CSV (TS,Device,Tag,Val,Prediction)."
    )
    task_threads: int = _setting(
        "TASK_THREADS", 0, "Threads of one task; 0 for all cores. Local compute gives each task one core."
    )
    style: str = _setting("STYLE", "wave", "Style of videos whose upload names none.")
    style_crf: int = _setting(
        "STYLE_CRF", 18, "Quality of styled videos (x264's constant rate factor): 0 is lossless, 51 the worst."
    )
    style_steady: bool = _setting(
        "STYLE_STEADY", False, "Blend each styled frame with the one before along the motion: less flicker, more time."
    )
    style_memory_mb: int = _setting(
        "STYLE_MEMORY_MB", 800, "Memory a style network may use; larger frames are styled in tiles."
    )
    video_segment_bytes: int = _setting(
        "VIDEO_SEGMENT_BYTES", 500_000, "A video is cut into one segment per so many bytes, 100 at most."
    )
    video_max_pixels: int = _setting(
        "VIDEO_MAX_PIXELS", 36_000_000, "Videos with larger frames are refused (8K has 33 million pixels)."
    )
    video_max_frames: int = _setting("VIDEO_MAX_FRAMES", 500_000, "Videos with more frames are refused.")
    strict_video: bool = _setting(
        "STRICT_VIDEO", False, "Fail a damaged video; otherwise its missing frames are counted and left out."
    )
    upload_sweep_schedule: str = _setting(
        "UPLOAD_SWEEP_SCHEDULE", "15 * * * * *", "When uploads are looked for whose event was lost."
    )
    reload_seconds: int = _setting(
        "RELOAD_SECONDS", 5, "How often a process looks for newer models and changes of the FAQ, beside the requests."
    )
    scoring_threads: int = _setting("SCORING_THREADS", 0, "Threads of one call of an image model; 0 for all cores.")
    batch_size: int = _setting("BATCH_SIZE", 16, "Items that one call of a real-time model takes at most.")
    batch_wait_ms: int = _setting(
        "BATCH_WAIT_MS", 2, "How long a call waits for items that are being read already; a lone one never waits."
    )
    queue_limit: int = _setting(
        "QUEUE_LIMIT", 128, "Items a real-time model may have inside; more are answered 503. One caller gets half."
    )
    question_chars: int = _setting("QUESTION_CHARS", 2000, "Longer questions are refused.")
    body_bytes: int = _setting("BODY_BYTES", 10_000_000, "Larger bodies of scoring requests are refused.")
    image_pixels: int = _setting("IMAGE_PIXELS", 25_000_000, "Images with more pixels are refused.")
    compute: str = _setting(
        "COMPUTE",
        "local",
        "Where tasks run: local, azure_batch or azure_ml; or by workload, such as anomaly=azure_batch,style=azure_ml.",
    )
    node_price: str = _setting(
        "NODE_PRICE",
        "",
        "What a node costs per hour, with its currency, such as 0.23 EUR, for an estimate of each run's cost; "
        "or by workload, such as anomaly=0.23 EUR,style=0.53 EUR.",
    )
    local_compute_dir: str = _setting(
        "LOCAL_COMPUTE_DIR", ".tally/compute", "Folder of local compute's runs; survives the host."
    )
    batch_endpoint: str = _setting(
        "BATCH_ENDPOINT", "", "Batch account that runs tasks: https://ACCOUNT.REGION.batch.azure.com."
    )
    batch_pool: str = _setting(
        "BATCH_POOL", "tally", "Pool that runs tasks; {image} in it stands for the image's name, for a pool per image."
    )
    batch_image: str = _setting(
        "BATCH_IMAGE", "", "Images of tasks, {image} standing for the name: REGISTRY.azurecr.io/tally-{image}:TAG."
    )
    batch_identity: str = _setting(
        "BATCH_IDENTITY", "", "Resource id of the identity of the pool's nodes: they pull images and keep logs with it."
    )
    batch_job_seconds: int = _setting("BATCH_JOB_SECONDS", 86_400, "Wall-clock limit of a run on Batch.")
    batch_start_seconds: int = _setting(
        "BATCH_START_SECONDS", 3600, "A run on Batch fails, with the pool's reason, if no task starts for so long."
    )
    batch_vm_size: str = _setting("BATCH_VM_SIZE", "Standard_D4ads_v5", "Size of the nodes of a new pool.")
    batch_video_vm_size: str = _setting(
        "BATCH_VIDEO_VM_SIZE",
        "",
        "The same for the pool of videos, such as Standard_NC4as_T4_v3 with a GPU; needs BATCH_POOL=tally-{image}.",
    )
    batch_mounts: str = _setting(
        "BATCH_MOUNTS",
        "",
        "What nodes of a new pool mount: NAME=https://ACCOUNT.blob.core.windows.net/CONTAINER,NAME=nfs://HOST/PATH,...",
    )
    batch_max_nodes: int = _setting("BATCH_MAX_NODES", 10, "Nodes that a new pool grows to; without tasks it has none.")
    batch_spot: bool = _setting(
        "BATCH_SPOT", False, "Give a new pool spot nodes, and dedicated ones while those are taken away."
    )
    batch_node_tasks: int = _setting("BATCH_NODE_TASKS", 1, "Tasks that a node of a new pool runs at once.")
    batch_warm_seconds: int = _setting(
        "BATCH_WARM_SECONDS", 0, "How long a new pool keeps a node after the last task; 0 lets it go at once."
    )
    aml_workspace: str = _setting(
        "AML_WORKSPACE",
        "",
        "Resource id of the Azure Machine Learning workspace: /subscriptions/S/resourceGroups/G/providers/...",
    )
    aml_endpoint: str = _setting(
        "AML_ENDPOINT", "https://management.azure.com", "Azure Resource Manager, which the workspace is reached by."
    )
    aml_compute: str = _setting(
        "AML_COMPUTE",
        "tally-{image}",
        "Cluster that runs tasks; {image} in it stands for the image's name, for one with GPUs for videos.",
    )
    aml_image: str = _setting(
        "AML_IMAGE", "", "Images of tasks, {image} standing for the name: REGISTRY.azurecr.io/tally-{image}:TAG."
    )
    aml_identity: str = _setting(
        "AML_IDENTITY", "", "Resource id of the identity that jobs and new clusters have; empty: the cluster's own."
    )
    aml_job_seconds: int = _setting("AML_JOB_SECONDS", 86_400, "Wall-clock limit of a run on Machine Learning.")
    aml_start_seconds: int = _setting(
        "AML_START_SECONDS",
        3600,
        "A run on Machine Learning fails, with the reason, if it waits for nodes for so long.",
    )
    aml_max_nodes: int = _setting(
        "AML_MAX_NODES", 4, "Nodes that a run takes at most, and that a new cluster grows to."
    )
    aml_node_tasks: int = _setting("AML_NODE_TASKS", 1, "Tasks that a node runs at once: MPI processes per node.")
    aml_vm_size: str = _setting(
        "AML_VM_SIZE", "", "Size of the nodes of a cluster that is made where there is none; empty: none is made."
    )
    aml_video_vm_size: str = _setting(
        "AML_VIDEO_VM_SIZE", "", "The same for videos, such as Standard_NC4as_T4_v3 with a GPU; empty: AML_VM_SIZE."
    )
    aml_spot: bool = _setting("AML_SPOT", False, "Give a new cluster low-priority nodes, which may be taken away.")
    aml_warm_seconds: int = _setting(
        "AML_WARM_SECONDS", 120, "How long a new cluster keeps an idle node; without tasks it has none."
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read all settings; raises SettingsError naming the one that cannot be used."""
        settings = cls(**{f.name: _read(f.metadata["env"], f.default, env) for f in fields(cls)})
        _check_spans(settings)
        _check_compute(settings.compute)
        for price in by_workload(settings.node_price).values():
            read_price(price)
        return settings

    def compute_of(self, workload: str) -> str:
        """Where the tasks of a workload run."""
        return _of(self.compute, workload) or "local"

    def price_of(self, workload: str) -> Price | None:
        """What a node of a workload's tasks costs; None where nothing is set."""
        return read_price(_of(self.node_price, workload))

    def estimate(self, workload: str, task_seconds: float) -> str:
        """What so many seconds of a workload's tasks cost; empty where no price is set."""
        price = self.price_of(workload)
        side_by_side = {"azure_batch": self.batch_node_tasks, "azure_ml": self.aml_node_tasks}
        at_once = side_by_side.get(self.compute_of(workload), 1)
        return price.estimate(task_seconds / max(1, at_once)) if price else ""


def _read(name: str, default: Any, env: Mapping[str, str]) -> Any:
    if isinstance(default, Connection):
        return Connection.from_env(name, env)
    text = env.get(name, "")
    if text == "":
        return default
    if isinstance(default, bool):
        return _read_bool(name, text)
    return _read_int(name, text) if isinstance(default, int) else text


def _read_bool(name: str, text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise SettingsError(f"{name} is {text!r}, which is neither true nor false.")


def _read_int(name: str, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}, which is not a whole number.") from None
    if value < 0:
        raise SettingsError(f"{name} is {value}; it must not be negative.")
    return value


def by_workload(text: str) -> dict[str, str]:
    """A setting as each workload has it, `anomaly=this,style=that`; what names no workload is for the others, ""."""
    parts = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
    return {name.strip(): value.strip() for name, _, value in parts}


def _of(text: str, workload: str) -> str:
    chosen = by_workload(text)
    return chosen.get(workload, chosen.get("", ""))


def _check_compute(text: str) -> None:
    for value in by_workload(text).values():
        if value not in COMPUTES:
            raise SettingsError(
                f"COMPUTE is {text!r}, but there is no compute {value!r}.",
                f"It can be {', '.join(COMPUTES)}, or name one by workload: anomaly=azure_batch,style=azure_ml.",
            )


def _check_spans(s: Settings) -> None:
    for name, part, whole_name, whole in (
        ("WINDOW_SECONDS", s.window_seconds, "FILE_SECONDS", s.file_seconds),
        ("FILE_SECONDS", s.file_seconds, "an hour", 3600),
        ("FILE_SECONDS", s.file_seconds, "SCORING_SPAN_SECONDS", s.scoring_span_seconds),
    ):
        if part == 0 or whole == 0 or whole % part:
            raise SettingsError(f"{name} is {part} s, which does not divide {whole_name} ({whole} s).")


def load_local_settings(root: Path) -> dict[str, str]:
    """Values of local.settings.json, or of the sample where there is none; raises SettingsError."""
    path = root / "local.settings.json"
    if not path.exists():
        path = root / "local.settings.sample.json"
    try:
        values = dict(json.loads(path.read_text())["Values"])
    except FileNotFoundError:
        raise SettingsError(f"There is no {path}.", "Run the command in the project's folder.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path} is not a settings file: {error}.") from error
    return {str(name): str(value) for name, value in values.items()}

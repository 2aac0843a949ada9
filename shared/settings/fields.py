"""Every setting of the app in one frozen value, each with its rule and a sentence of help."""

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from shared.price import Price, read_price
from shared.settings.checks import by_workload, check_together
from shared.settings.connection import Connection, read_connection
from shared.settings.faults import Faults
from shared.settings.rules import YEAR, Rule, https, matching, plain, ruled, schedule, truth, whole

HOST_BODY_BYTES = 104_857_600
"""The Functions host takes no larger body."""
HUB = matching(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,254}[A-Za-z0-9])?", "a hub's name: letters, digits, '.', '-' and '_'", exact=True
)
GROUP = matching(
    r"\$Default|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?",
    "$Default or a group's name, of 50 characters",
    exact=True,
)
STYLE = matching(r"[a-z0-9][a-z0-9-]{0,39}", "a style's name: lower-case letters, digits and '-'")
POOL = matching(r"(?:[A-Za-z0-9_-]|\{image\}){1,64}", "a pool's id: letters, digits, '-', '_' and {image}")
CLUSTER = matching(r"(?:[A-Za-z0-9-]|\{image\}){1,32}", "a cluster's name: letters, digits, '-' and {image}")
IMAGE = matching(
    r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/(?:[A-Za-z0-9._/:@-]|\{image\})+",
    "REGISTRY/NAME:TAG, with {image} where the image's name stands",
    optional=True,
)
DATE = matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date such as 2025-11-05", optional=True)
VM_SIZE = matching(r"[A-Za-z0-9_]+", "a size such as Standard_D4ads_v5")
NO_VM_SIZE = matching(r"[A-Za-z0-9_]+", "a size such as Standard_D4ads_v5", optional=True)


def _resource(kind: str) -> Rule:
    return matching(
        rf"(?i:/subscriptions/[^/\s]+/resourceGroups/[^/\s]+/providers/{kind}/[^/\s]+)",
        f"a resource id: /subscriptions/S/resourceGroups/G/providers/{kind}/NAME",
        optional=True,
    )


IDENTITY = _resource("Microsoft.ManagedIdentity/userAssignedIdentities")
WORKSPACE = _resource("Microsoft.MachineLearningServices/workspaces")


def _setting(env: str, default: Any, rule: Rule, text: str) -> Any:
    return field(default=default, metadata={"env": env, "rule": rule, "help": text})


def _connection(env: str, text: str) -> Any:
    return field(default=Connection(env), metadata={"env": env, "help": text})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, each named in its metadata by its environment variable, with a sentence of help."""

    data_storage: Connection = _connection("DataStorage", "Storage account of uploads and results; users may see it.")
    control_storage: Connection = _connection(
        "ControlStorage", "Storage account of runs, bundles, logs and queues; users may not see it."
    )
    storage_api_version: str = _setting(
        "STORAGE_API_VERSION",
        "",
        DATE,
        "Version of the storage services' interface, such as 2025-11-05, for a cloud that is behind; empty: newest.",
    )
    event_hubs: Connection = _connection("EventHubs", "Event Hubs namespace that devices send readings to.")
    event_hub_name: str = _setting("EVENT_HUB_NAME", "readings", HUB, "Event hub of the readings.")
    event_hub_consumer_group: str = _setting(
        "EVENT_HUB_CONSUMER_GROUP", "$Default", GROUP, "Consumer group that the app reads with."
    )
    partition_count: int = _setting(
        "PARTITION_COUNT",
        4,
        whole(1, 1024),
        "Partitions of the hub where Tally creates it (on this machine, by `azd up`).",
    )
    window_seconds: int = _setting(
        "WINDOW_SECONDS", 5, whole(1, 3600), "Length of a window; divides FILE_SECONDS. Change it only for a new hub."
    )
    file_seconds: int = _setting(
        "FILE_SECONDS", 60, whole(1, 3600), "Windows of this interval share a Parquet file per partition; divides 3600."
    )
    allowed_lateness_seconds: int = _setting(
        "ALLOWED_LATENESS_SECONDS",
        10,
        whole(0, YEAR),
        "How far behind the newest event a reading may be and still count.",
    )
    max_ahead_seconds: int = _setting(
        "MAX_AHEAD_SECONDS",
        300,
        whole(0, YEAR),
        "A reading stamped this far past its arrival is refused: its clock is wrong.",
    )
    idle_seconds: int = _setting(
        "IDLE_SECONDS", 60, whole(1, YEAR), "A partition silent for this long has its open windows closed."
    )
    flush_schedule: str = _setting(
        "FLUSH_SCHEDULE", "0 * * * * *", schedule, "When silent partitions are looked for (NCRONTAB, seconds first)."
    )
    scoring_schedule: str = _setting(
        "SCORING_SCHEDULE",
        "0 5 * * * *",
        schedule,
        "When due spans are looked for and scored (NCRONTAB, seconds first).",
    )
    scoring_span_seconds: int = _setting(
        "SCORING_SPAN_SECONDS", 3600, whole(1, YEAR), "How much time one run scores; a multiple of FILE_SECONDS."
    )
    sweep_schedule: str = _setting(
        "SWEEP_SCHEDULE", "30 * * * * *", schedule, "When runs whose message was lost are looked for."
    )
    poll_seconds: int = _setting("POLL_SECONDS", 5, whole(1, 3600), "How often a run in progress is looked at.")
    task_work: int = _setting(
        "TASK_WORK",
        4_000_000_000,
        whole(1, 10**18),
        "Work of one scoring task: windows times the numbers in their model and 300 more.",
    )
    task_retries: int = _setting("TASK_RETRIES", 2, whole(0, 100), "How often a failed task is tried again.")
    task_seconds: int = _setting("TASK_SECONDS", 3600, whole(1, YEAR), "Wall-clock limit of one task.")
    error_budget_percent: int = _setting(
        "ERROR_BUDGET_PERCENT",
        0,
        whole(0, 100),
        "Share of a run's scoring tasks that may fail for good; their series are then reported as not scored.",
    )
    predictions_csv: bool = _setting(
        "PREDICTIONS_CSV", False, truth, "Also write predictions as CSV (TS,Device,Tag,Val,Prediction)."
    )
    task_threads: int = _setting(
        "TASK_THREADS",
        0,
        whole(0, 1024),
        "Threads of one task; 0 for all cores. Local compute gives each task one core.",
    )
    style: str = _setting("STYLE", "wave", STYLE, "Style of videos whose upload names none.")
    style_crf: int = _setting(
        "STYLE_CRF",
        18,
        whole(0, 51),
        "Quality of styled videos (x264's constant rate factor): 0 is lossless, 51 the worst.",
    )
    style_steady: bool = _setting(
        "STYLE_STEADY",
        False,
        truth,
        "Blend each styled frame with the one before along the motion: less flicker, more time.",
    )
    style_memory_mb: int = _setting(
        "STYLE_MEMORY_MB", 800, whole(50, 10**7), "Memory a style network may use; larger frames are styled in tiles."
    )
    video_segment_bytes: int = _setting(
        "VIDEO_SEGMENT_BYTES",
        500_000,
        whole(1, 10**15),
        "A video is cut into one segment per so many bytes, 100 at most.",
    )
    video_max_pixels: int = _setting(
        "VIDEO_MAX_PIXELS",
        36_000_000,
        whole(1, 10**12),
        "Videos with larger frames are refused (8K has 33 million pixels).",
    )
    video_max_frames: int = _setting(
        "VIDEO_MAX_FRAMES", 500_000, whole(1, 10**12), "Videos with more frames are refused."
    )
    strict_video: bool = _setting(
        "STRICT_VIDEO", False, truth, "Fail a damaged video; otherwise its missing frames are counted and left out."
    )
    upload_sweep_schedule: str = _setting(
        "UPLOAD_SWEEP_SCHEDULE", "15 * * * * *", schedule, "When uploads are looked for whose event was lost."
    )
    reload_seconds: int = _setting(
        "RELOAD_SECONDS",
        5,
        whole(0, YEAR),
        "How often a process looks for newer models and changes of the FAQ, beside the requests.",
    )
    scoring_threads: int = _setting(
        "SCORING_THREADS", 0, whole(0, 1024), "Threads of one call of an image model; 0 for all cores."
    )
    batch_size: int = _setting(
        "BATCH_SIZE", 16, whole(1, 10_000), "Items that one call of a real-time model takes at most."
    )
    batch_wait_ms: int = _setting(
        "BATCH_WAIT_MS",
        2,
        whole(0, 60_000),
        "How long a call waits for items that are being read already; a lone one never waits.",
    )
    queue_limit: int = _setting(
        "QUEUE_LIMIT",
        128,
        whole(2, 10**6),
        "Items a real-time model may have inside; more are answered 503. One caller gets half.",
    )
    question_chars: int = _setting("QUESTION_CHARS", 2000, whole(1, 10**6), "Longer questions are refused.")
    body_bytes: int = _setting(
        "BODY_BYTES", 10_000_000, whole(1, HOST_BODY_BYTES), "Larger bodies of scoring requests are refused."
    )
    image_pixels: int = _setting("IMAGE_PIXELS", 25_000_000, whole(1, 10**10), "Images with more pixels are refused.")
    compute: str = _setting(
        "COMPUTE",
        "local",
        plain,
        "Where tasks run: local, azure_batch or azure_ml; or by workload, such as anomaly=azure_batch,style=azure_ml.",
    )
    node_price: str = _setting(
        "NODE_PRICE",
        "",
        plain,
        "What a node costs per hour, with its currency, such as 0.23 EUR, for an estimate of each run's cost; "
        "or by workload, such as anomaly=0.23 EUR,style=0.53 EUR.",
    )
    local_compute_dir: str = _setting(
        "LOCAL_COMPUTE_DIR", ".tally/compute", plain, "Folder of local compute's runs; survives the host."
    )
    batch_endpoint: str = _setting(
        "BATCH_ENDPOINT", "", https, "Batch account that runs tasks: https://ACCOUNT.REGION.batch.azure.com."
    )
    batch_pool: str = _setting(
        "BATCH_POOL",
        "tally",
        POOL,
        "Pool that runs tasks; {image} in it stands for the image's name, for a pool per image.",
    )
    batch_image: str = _setting(
        "BATCH_IMAGE",
        "",
        IMAGE,
        "Images of tasks, {image} standing for the name: REGISTRY.azurecr.io/tally-{image}:TAG.",
    )
    batch_identity: str = _setting(
        "BATCH_IDENTITY",
        "",
        IDENTITY,
        "Resource id of the identity of the pool's nodes: they pull images and keep logs with it.",
    )
    batch_job_seconds: int = _setting(
        "BATCH_JOB_SECONDS", 86_400, whole(1, YEAR), "Wall-clock limit of a run on Batch."
    )
    batch_start_seconds: int = _setting(
        "BATCH_START_SECONDS",
        3600,
        whole(0, YEAR),
        "A run on Batch fails, with the pool's reason, if no task starts for so long.",
    )
    batch_vm_size: str = _setting("BATCH_VM_SIZE", "Standard_D4ads_v5", VM_SIZE, "Size of the nodes of a new pool.")
    batch_video_vm_size: str = _setting(
        "BATCH_VIDEO_VM_SIZE",
        "",
        NO_VM_SIZE,
        "The same for images that want a GPU (videos'), such as Standard_NC4as_T4_v3; needs BATCH_POOL=tally-{image}.",
    )
    batch_mounts: str = _setting(
        "BATCH_MOUNTS",
        "",
        plain,
        "What nodes of a new pool mount: NAME=https://ACCOUNT.blob.core.windows.net/CONTAINER,NAME=nfs://HOST/PATH,...",
    )
    batch_max_nodes: int = _setting(
        "BATCH_MAX_NODES", 10, whole(1, 10_000), "Nodes that a new pool grows to; without tasks it has none."
    )
    batch_spot: bool = _setting(
        "BATCH_SPOT", False, truth, "Give a new pool spot nodes, and dedicated ones while those are taken away."
    )
    batch_node_tasks: int = _setting(
        "BATCH_NODE_TASKS", 1, whole(1, 256), "Tasks that a node of a new pool runs at once."
    )
    batch_warm_seconds: int = _setting(
        "BATCH_WARM_SECONDS",
        0,
        whole(0, YEAR),
        "How long a new pool keeps a node after the last task; 0 lets it go at once.",
    )
    aml_workspace: str = _setting(
        "AML_WORKSPACE",
        "",
        WORKSPACE,
        "Resource id of the Azure Machine Learning workspace: /subscriptions/S/resourceGroups/G/providers/...",
    )
    aml_endpoint: str = _setting(
        "AML_ENDPOINT",
        "",
        https,
        "Azure Resource Manager; empty for that of the cloud that the other addresses are in.",
    )
    aml_compute: str = _setting(
        "AML_COMPUTE",
        "tally-{image}",
        CLUSTER,
        "Cluster that runs tasks; {image} in it stands for the image's name, for one with GPUs for videos.",
    )
    aml_image: str = _setting(
        "AML_IMAGE", "", IMAGE, "Images of tasks, {image} standing for the name: REGISTRY.azurecr.io/tally-{image}:TAG."
    )
    aml_identity: str = _setting(
        "AML_IDENTITY",
        "",
        IDENTITY,
        "Resource id of the identity that jobs and new clusters have; empty: the cluster's own.",
    )
    aml_job_seconds: int = _setting(
        "AML_JOB_SECONDS", 86_400, whole(1, YEAR), "Wall-clock limit of a run on Machine Learning."
    )
    aml_start_seconds: int = _setting(
        "AML_START_SECONDS",
        3600,
        whole(0, YEAR),
        "A run on Machine Learning fails, with the reason, if it waits for nodes for so long.",
    )
    aml_max_nodes: int = _setting(
        "AML_MAX_NODES", 4, whole(1, 10_000), "Nodes that a run takes at most, and that a new cluster grows to."
    )
    aml_node_tasks: int = _setting(
        "AML_NODE_TASKS", 1, whole(1, 256), "Tasks that a node runs at once: MPI processes per node."
    )
    aml_vm_size: str = _setting(
        "AML_VM_SIZE",
        "",
        NO_VM_SIZE,
        "Size of the nodes of a cluster that is made where there is none; empty: none is made.",
    )
    aml_video_vm_size: str = _setting(
        "AML_VIDEO_VM_SIZE",
        "",
        NO_VM_SIZE,
        "The same for images that want a GPU (videos'), such as Standard_NC4as_T4_v3; empty: AML_VM_SIZE.",
    )
    aml_spot: bool = _setting(
        "AML_SPOT", False, truth, "Give a new cluster low-priority nodes, which may be taken away."
    )
    aml_warm_seconds: int = _setting(
        "AML_WARM_SECONDS", 120, whole(0, YEAR), "How long a new cluster keeps an idle node; without tasks it has none."
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read all settings; raises SettingsError naming every one that cannot be used."""
        faults = Faults()
        settings = cls.read(env, faults)
        faults.raise_all()
        return settings

    @classmethod
    def read(cls, env: Mapping[str, str], faults: Faults) -> "Settings":
        """Read all settings, with the default in place of each that is noted as faulty."""
        values = {}
        for each in fields(cls):
            with faults.gathered():
                values[each.name] = _read(each, env)
        settings = cls(**values)
        check_together(settings, faults)
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


def _read(setting: Field[Any], env: Mapping[str, str]) -> Any:
    """The value that a field's setting has; raises SettingsError."""
    name = setting.metadata["env"]
    if isinstance(setting.default, Connection):
        return read_connection(name, env)
    return ruled(env, name, setting.default, setting.metadata["rule"])


def _of(text: str, workload: str) -> str:
    chosen = by_workload(text)
    return chosen.get(workload, chosen.get("", ""))

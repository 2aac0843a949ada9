"""What settings have to be together, after each has been read by itself."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from shared.errors import SettingsError, shown
from shared.price import read_price
from shared.settings.connection import Connection
from shared.settings.faults import Faults
from shared.settings.mounts import read_mounts

if TYPE_CHECKING:
    from shared.settings.fields import Settings

COMPUTES = ("local", "azure_batch", "azure_ml")


def by_workload(text: str) -> dict[str, str]:
    """A setting as each workload has it, `anomaly=this,style=that`; what names no workload is for the others, ""."""
    parts = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
    return {name.strip(): value.strip() for name, _, value in parts}


def check_together(settings: "Settings", faults: Faults) -> None:
    """Note what does not fit together, each fault by itself."""
    with faults.gathered():
        _check_compute(settings.compute)
    with faults.gathered():
        _check_once("NODE_PRICE", settings.node_price)
    for price in by_workload(settings.node_price).values():
        with faults.gathered():
            read_price(price)
    with faults.gathered():
        read_mounts(settings.batch_mounts)
    for names in (
        ("FILE_SECONDS", settings.file_seconds, "an hour", 3600),
        ("WINDOW_SECONDS", settings.window_seconds, "FILE_SECONDS", settings.file_seconds),
        ("FILE_SECONDS", settings.file_seconds, "SCORING_SPAN_SECONDS", settings.scoring_span_seconds),
    ):
        if not faults.about("FILE_SECONDS"):
            with faults.gathered():
                _check_divides(*names)


def check_names(settings: "Settings", workloads: Collection[str]) -> None:
    """Raise SettingsError where a setting has a value for a workload that is none of these."""
    for name, text in (("COMPUTE", settings.compute), ("NODE_PRICE", settings.node_price)):
        if unknown := by_workload(text).keys() - {*workloads, ""}:
            raise SettingsError(
                f"{name} names a workload {shown(min(unknown))}.", f"The workloads are {', '.join(workloads)}."
            )


def check_complete(settings: "Settings", workloads: Collection[str], faults: Faults) -> None:
    """Note what the app of these workloads needs with these settings and does not have: of its compute, and queues."""
    with faults.gathered():
        check_names(settings, workloads)
    with faults.gathered():
        _check_queues(settings.control_storage)
    with faults.gathered():
        if settings.batch_video_vm_size and "{image}" not in settings.batch_pool:
            raise SettingsError(
                f"BATCH_POOL is {shown(settings.batch_pool)}, but BATCH_VIDEO_VM_SIZE gives some nodes of their own.",
                "Set BATCH_POOL=tally-{image}, for a pool per image.",
            )
    needs = {
        "azure_batch": {"BATCH_ENDPOINT": settings.batch_endpoint, "BATCH_IMAGE": settings.batch_image},
        "azure_ml": {"AML_WORKSPACE": settings.aml_workspace, "AML_IMAGE": settings.aml_image},
    }
    for compute in sorted({settings.compute_of(workload) for workload in workloads}):
        for name, value in needs.get(compute, {}).items():
            with faults.gathered():
                if not value and not faults.about(name):
                    raise SettingsError(
                        f"{name} is not set, although COMPUTE says {compute}.", f"Set {name}; see docs/settings.md."
                    )


def _check_queues(control: Connection) -> None:
    if control.string and "QueueEndpoint=" not in control.string:
        raise SettingsError(f"{control.name} names no QueueEndpoint.", "Messages about runs lie in its queues.")
    if not control.string and control.blob_uri and not control.queue_uri:
        raise SettingsError(f"{control.name}__queueServiceUri is not set.", "Messages about runs lie in its queues.")


def _check_compute(text: str) -> None:
    for value in by_workload(text).values():
        if value not in COMPUTES:
            raise SettingsError(
                f"COMPUTE is {shown(text)}, but there is no compute {shown(value)}.",
                f"It can be {', '.join(COMPUTES)}, or name one by workload, such as anomaly=azure_batch.",
            )
    _check_once("COMPUTE", text)


def _check_once(name: str, text: str) -> None:
    if len(by_workload(text)) < sum(bool(part.strip()) for part in text.split(",")):
        raise SettingsError(f"{name} is {shown(text)}, which says something twice.", "It has one value per workload.")


def _check_divides(name: str, part: int, whole_name: str, whole: int) -> None:
    if whole % part:
        raise SettingsError(
            f"{name} is {part} s, which does not divide {whole_name} ({whole} s).",
            "WINDOW_SECONDS divides FILE_SECONDS, and that divides an hour and SCORING_SPAN_SECONDS.",
        )

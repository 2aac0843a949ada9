"""The pool that runs tasks, as the management plane is told of it: only there can a pool have an identity.

`python -m shared.compute.azure_batch.pool` prints it from the settings, for `az rest --method put`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from shared.compute import Image
from shared.compute.azure_batch.formula import INTERVAL, Scale, formula
from shared.compute.azure_batch.mounts import mounts
from shared.compute.azure_batch.submission import named, vm_size
from shared.errors import SettingsError
from shared.settings import Settings

NODE_IMAGE = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404", "version": "latest"}
NODE_AGENT = "batch.node.ubuntu 24.04"


def pool_formula(settings: Settings) -> str:
    """The autoscale formula of every pool."""
    scale = Scale(settings.batch_max_nodes, settings.batch_node_tasks, settings.batch_spot, settings.batch_warm_seconds)
    return formula(scale)


def definition(settings: Settings, images: Sequence[Image], files_key: str = "") -> dict[str, Any]:
    """The resource of the pool that runs these images (Microsoft.Batch/batchAccounts/pools); raises SettingsError.

    Nodes fetch the images as they start, with their identity: a task's time is not spent on it. `files_key` is the key
    of mounted SMB shares.
    """
    sizes = {vm_size(settings, image.node) for image in images}
    if len(sizes) > 1:
        hint = "Set BATCH_POOL=tally-{image} and print each pool, with --image."
        raise SettingsError("The images run on nodes of different sizes.", hint)
    if not settings.batch_identity:
        raise SettingsError("BATCH_IDENTITY is not set.", "It is the resource id of a user-assigned identity.")
    names = [named(settings.batch_image, image.name) for image in images]
    containers = {
        "type": "DockerCompatible",
        "containerImageNames": names,
        "containerRegistries": [
            {
                "registryServer": names[0].partition("/")[0],
                "identityReference": {"resourceId": settings.batch_identity},
            }
        ],
    }
    mounted = mounts(settings, files_key)
    return {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {settings.batch_identity: {}}},
        "properties": {
            "vmSize": sizes.pop(),
            "taskSlotsPerNode": settings.batch_node_tasks,
            "taskSchedulingPolicy": {"nodeFillType": "Pack"},
            **({"mountConfiguration": mounted} if mounted else {}),
            "deploymentConfiguration": {
                "virtualMachineConfiguration": {
                    "imageReference": NODE_IMAGE,
                    "nodeAgentSkuId": NODE_AGENT,
                    "containerConfiguration": containers,
                }
            },
            "scaleSettings": {"autoScale": {"formula": pool_formula(settings), "evaluationInterval": INTERVAL}},
        },
    }


def main(images: Sequence[Image], argv: Sequence[str] | None = None) -> int:
    """Print the definition of the pool of these images."""
    parser = argparse.ArgumentParser("shared.compute.azure_batch.pool", description=__doc__)
    names = [image.name for image in images]
    parser.add_argument("--image", action="append", choices=names, help="only this image (for a pool of its own)")
    chosen = parser.parse_args(argv).image
    try:
        wanted = [image for image in images if not chosen or image.name in chosen]
        made = definition(Settings.from_env(), wanted, os.environ.get("AZURE_FILES_KEY", ""))
        print(msgspec.json.format(msgspec.json.encode(made)).decode())
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    # Only this command needs the list of workloads: numpy comes with it.
    from shared.workloads import IMAGES

    sys.exit(main(IMAGES))

"""Published networks that are known to be served well, by name."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.models.image.download import Published, fetch
from shared.models.image.preprocessing import Preprocessing

_ZOO = "vision/classification/resnet/model/resnet152-v1-7.onnx"
_ZOO_COMMIT = "4c46cd00fbdb7cd30b6c1c17ab54f2e1f4f7b177"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A published network and its labels (Keras' class index: `{"0": ["n01440764", "tench"], ...}`)."""

    network: Published
    labels: Published
    source: dict[str, Any]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def fetch(self, folder: Path, progress: Callable[[int], None]) -> tuple[bytes, dict[str, Any]]:
        """The network, and what its bundle says of it; files that are in the folder are not fetched again."""
        index = json.loads(fetch(self.labels, folder / f"{self.labels.sha256[:16]}.json").read_bytes())
        labels = tuple(" ".join(index[str(number)]).replace("_", " ") for number in range(len(index)))
        network = fetch(self.network, folder / f"{self.network.sha256[:16]}.onnx", progress).read_bytes()
        facts = {"labels": labels, "preprocessing": self.preprocessing, "softmax": True, "source": self.source}
        return network, facts | {"metrics": {}}


IMAGENET = Published(
    (
        "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",
        "https://s3.amazonaws.com/deep-learning-models/image-models/imagenet_class_index.json",
    ),
    "a1e7a966a1f601d39e4b43e119b3e7dd4a2ad3ea08cf69847cbaf021013767bc",
    35_363,
)
RECIPES = {
    # The digest is that of the file in the ONNX Model Zoo's Git LFS: 77.1 % top-1, 93.6 % top-5 on ImageNet, it says.
    "resnet152": Recipe(
        Published(
            (
                "https://huggingface.co/onnxmodelzoo/resnet152-v1-7/resolve/main/resnet152-v1-7.onnx",
                f"https://media.githubusercontent.com/media/onnx/models/{_ZOO_COMMIT}/validated/{_ZOO}",
            ),
            "b0ec92437bf8c9d0739bf9bafdea9638e13f9e3c1e2fb766ad546cc182fd3f6d",
            241_816_206,
        ),
        IMAGENET,
        {"network": "ResNet-152 v1 of the ONNX Model Zoo", "licence": "Apache-2.0", "paper": "He et al. 2015"},
    )
}

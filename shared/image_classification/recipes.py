"""Published networks that are known to be served well, by name."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.image_classification.download import Progress, Published, fetch
from shared.image_classification.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class Recipe:
    """Published weights, how they become a network, and its labels as Keras' class index."""

    weights: Published
    to_onnx: Callable[[bytes], bytes]
    labels: Published
    source: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)  # as those who publish it say
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def fetch(self, folder: Path, progress: Progress) -> tuple[bytes, dict[str, Any]]:
        """The network, and what its bundle says of it; files that are in the folder are not fetched again."""
        index = json.loads(fetch(self.labels, folder).read_bytes())
        weights = fetch(self.weights, folder, progress).read_bytes()
        facts = {
            "labels": class_names(index),
            "preprocessing": self.preprocessing,
            "softmax": True,
            "source": self.source | {"address": self.weights.addresses[0], "sha256": self.weights.sha256},
            "metrics": self.metrics,
        }
        return self.to_onnx(weights), facts


def class_names(index: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names in Keras' class index (`{"0": ["n01440764", "tench"], ...}`); of two with one name, their ids, too."""
    ids, names = zip(*(index[str(number)] for number in range(len(index))), strict=True)
    readable = [name.replace("_", " ") for name in names]
    return tuple(
        f"{name} ({number})" if readable.count(name) > 1 else name for number, name in zip(ids, readable, strict=True)
    )


def resnet_of_safetensors(data: bytes) -> bytes:
    """The network of a ResNet's weights in PyTorch's names, in a safetensors file."""
    from safetensors.numpy import load

    from shared.image_classification.resnet import to_onnx

    return to_onnx(load(data))


IMAGENET = Published(
    (
        "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",
        "https://s3.amazonaws.com/deep-learning-models/image-models/imagenet_class_index.json",
    ),
    "a1e7a966a1f601d39e4b43e119b3e7dd4a2ad3ea08cf69847cbaf021013767bc",
    100_000,
)
RECIPES = {
    # torchvision's weights without pickle, at one revision; the digest is the one that Hugging Face shows for the file.
    "resnet152": Recipe(
        Published(
            (
                "https://huggingface.co/timm/resnet152.tv_in1k/resolve/"
                "2a9b5c2460893a2ab13d8625db2383f3094d704f/model.safetensors",
            ),
            "15897077afdf4d6334dc0c3f8e6fb483afb3faa9298c139f3c6eb29bca6ae5b2",
            250_000_000,
        ),
        resnet_of_safetensors,
        IMAGENET,
        {
            "network": "ResNet-152, torchvision's IMAGENET1K_V1",
            "licence": "BSD-3-Clause",
            "paper": "He et al. 2015, https://arxiv.org/abs/1512.03385",
        },
        {"data": "ImageNet-1k", "accuracy": 0.78312, "accuracy_of_5": 0.94046},
    )
}

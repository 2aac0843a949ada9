"""The same network in PyTorch: `PYTHON resnet_torch.py WEIGHTS.npz IMAGE.npy ROUNDS` prints seconds and scores."""

import json
import sys
import time

import numpy as np
import torch
from torch.nn import functional


class ResNet(torch.nn.Module):
    """A convolution and a normalisation for every pair in the file, in evaluation mode."""

    def __init__(self, given, strides):
        super().__init__()
        self.convolutions, self.normals = torch.nn.ModuleDict(), torch.nn.ModuleDict()
        for name, stride in strides.items():
            outputs, inputs, side, _ = given[name].shape
            key = name.replace(".", "_")
            self.convolutions[key] = torch.nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False)
            self.normals[key] = torch.nn.BatchNorm2d(outputs, eps=0)
            self.convolutions[key].weight.data = torch.from_numpy(given[name])
            self.normals[key].weight.data = torch.from_numpy(given[f"{name}.scale"])
            self.normals[key].bias.data = torch.from_numpy(given[f"{name}.shift"])
        self.head, self.bias = torch.from_numpy(given["head"]), torch.from_numpy(given["bias"])
        self.blocks = [name[:-2] for name in strides if name.endswith(".1") and name.count(".") == 2]

    def convolved(self, name, values):
        """One convolution with its normalisation."""
        key = name.replace(".", "_")
        return self.normals[key](self.convolutions[key](values))

    def forward(self, values):
        """Scores (N, 1000) of images (N, 3, H, W)."""
        values = functional.max_pool2d(torch.relu(self.convolved("stem", values)), 3, 2, 1)
        for name in self.blocks:
            branch = torch.relu(self.convolved(f"{name}.1", values))
            branch = self.convolved(f"{name}.3", torch.relu(self.convolved(f"{name}.2", branch)))
            straight = values if not name.endswith(".0") else self.convolved(f"{name}.down", values)
            values = torch.relu(branch + straight)
        return functional.linear(values.mean((2, 3)), self.head, self.bias)


def main():
    """Time it, warm."""
    given = dict(np.load(sys.argv[1]))
    strides = {name: int(stride) for name, stride in zip(given.pop("names"), given.pop("strides"), strict=True)}
    network, image = ResNet(given, strides).eval(), torch.from_numpy(np.load(sys.argv[2]))
    seconds = []
    with torch.inference_mode():
        for _ in range(int(sys.argv[3]) + 1):
            begun = time.perf_counter()
            scores = network(image)
            seconds.append(time.perf_counter() - begun)
    print(json.dumps({"seconds": seconds[1:], "scores": scores[0].tolist()}))


if __name__ == "__main__":
    main()

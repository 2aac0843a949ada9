"""The same network in PyTorch: `PYTHON resnet_torch.py WEIGHTS.npz IMAGE.npy ROUNDS THREADS` prints seconds, scores."""

import json
import sys
import time

import numpy as np
import torch
from torch import nn

PAUSE = 0.2


class Bottleneck(nn.Module):
    """As torchvision draws it."""

    def __init__(self, inputs, middle, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, middle, 1, bias=False), nn.BatchNorm2d(middle)
        self.conv2, self.bn2 = nn.Conv2d(middle, middle, 3, stride, 1, bias=False), nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = nn.Conv2d(middle, 4 * middle, 1, bias=False), nn.BatchNorm2d(4 * middle)
        self.relu, self.downsample = nn.ReLU(inplace=True), None
        if stride > 1 or inputs != 4 * middle:
            convolution = nn.Conv2d(inputs, 4 * middle, 1, stride, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(4 * middle))

    def forward(self, values):
        """(N, inputs, H, W) to (N, 4 * middle, H / stride, W / stride)."""
        branch = self.relu(self.bn1(self.conv1(values)))
        branch = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(branch)))))
        return self.relu(branch + (self.downsample(values) if self.downsample else values))


class ResNet(nn.Module):
    """ResNet-152: images (N, 3, H, W) to scores (N, 1000)."""

    def __init__(self, blocks=(3, 8, 36, 3)):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for stage, count in enumerate(blocks):
            made = []
            for number in range(count):
                made.append(Bottleneck(inputs, 64 << stage, 2 if stage and not number else 1))
                inputs = 256 << stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*made))
        self.fc = nn.Linear(inputs, 1000)

    def forward(self, values):
        """Scores."""
        values = self.maxpool(self.relu(self.bn1(self.conv1(values))))
        values = self.layer4(self.layer3(self.layer2(self.layer1(values))))
        return self.fc(values.mean((2, 3)))


def main():
    """Time it, warm."""
    torch.set_num_threads(int(sys.argv[4]))
    network = ResNet().eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in np.load(sys.argv[1]).items()})
    image = torch.from_numpy(np.load(sys.argv[2]))
    seconds = []
    with torch.inference_mode():
        for _ in range(int(sys.argv[3]) + 1):
            clock, processor = time.perf_counter(), time.process_time()
            scores = network(image)
            seconds.append((time.perf_counter() - clock, time.process_time() - processor))
            time.sleep(PAUSE)
    print(json.dumps({"seconds": seconds[1:], "scores": scores[0].tolist()}))


if __name__ == "__main__":
    main()

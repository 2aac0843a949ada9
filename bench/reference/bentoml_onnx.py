"""An ONNX classifier on BentoML, as its documentation has one write a service."""

import os
from pathlib import Path

import bentoml
import onnxruntime as ort
from prepare import best, prepare


@bentoml.service(workers=1, traffic={"concurrency": 128, "timeout": 60})
class Classifier:
    """An image file in, the three best classes out."""

    def __init__(self) -> None:
        self.session = ort.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    @bentoml.api
    def classify(self, image: Path) -> list[int]:
        """The three best classes."""
        return best(self.session.run(None, {self.input: prepare(image.read_bytes())})[0][0])

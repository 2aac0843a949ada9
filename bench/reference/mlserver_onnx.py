"""An ONNX classifier on MLServer, as its documentation has one write a custom runtime."""

import os

import numpy as np
import onnxruntime as ort
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from prepare import best, prepare


class Classifier(MLModel):
    """Image files in (BYTES, base64), the three best classes of each out."""

    async def load(self) -> bool:
        self.session = ort.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        images = Base64Codec.decode_input(payload.inputs[0])
        scores = self.session.run(None, {self.input: np.concatenate([prepare(image) for image in images])})[0]
        found = np.array([best(row) for row in scores])
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("best", found)])

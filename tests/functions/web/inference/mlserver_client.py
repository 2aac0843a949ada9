"""A client made of MLServer's own types and codecs, in a process of its own: URL, key and an image file as arguments.

MLServer's package cannot be imported whole here (it wants Python below 3.13 and its server's dependencies), so only its
`types` and `codecs` are.
"""

import json
import sys
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from starlette import status

FOLDER, URL, KEY, IMAGE = sys.argv[1:]
sys.path.append(FOLDER)
package, fastapi = ModuleType("mlserver"), ModuleType("fastapi")
package.__path__ = [f"{FOLDER}/mlserver"]
fastapi.status = status  # type: ignore[attr-defined]  # all that MLServer's errors need of FastAPI: the same module
sys.modules |= {"mlserver": package, "fastapi": fastapi}

from mlserver.codecs import Base64Codec, NumpyCodec, StringCodec, StringRequestCodec  # noqa: E402
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse  # noqa: E402


def sent(path: str, body: bytes | None = None) -> bytes:
    headers = {"content-type": "application/json", "x-functions-key": KEY}
    with urllib.request.urlopen(urllib.request.Request(URL + path, body, headers)) as answer:
        return bytes(answer.read())


def inferred(model: str, request: InferenceRequest) -> dict[str, Any]:
    answer = sent(f"/v2/models/{model}/infer", request.model_dump_json().encode())
    response = InferenceResponse.model_validate_json(answer)
    assert response.id == request.id
    return {output.name: output for output in response.outputs}


questions = ['Is it you, "Tally"?', "Schlüssel 🗝"]
asked = StringCodec.encode_input("question", questions)
entries = inferred("faq", InferenceRequest(id="a", inputs=[asked], parameters={"top_k": 2}))
whole = inferred("faq", StringRequestCodec.encode_request(questions))
files = [Path(IMAGE).read_bytes()] * 2
pictures = inferred("image", InferenceRequest(inputs=[Base64Codec.encode_input("image", files)]))
metadata = MetadataModelResponse.model_validate_json(sent("/v2/models/image"))
network = next(tensor for tensor in metadata.inputs if str(tensor.datatype) != "BYTES")
rows = np.full((2, *network.shape[1:]), 0.5, {"FP32": "float32", "FP16": "float16", "UINT8": "uint8"}[network.datatype])
tensors = inferred("image", InferenceRequest(inputs=[NumpyCodec.encode_input(network.name, rows)]))

print(
    json.dumps(
        {
            "ids": StringCodec.decode_output(entries["id"]),
            "same ids": StringCodec.decode_output(whole["id"]),
            "probability": NumpyCodec.decode_output(entries["probability"]).tolist(),
            "answered": NumpyCodec.decode_output(entries["answered"]).tolist(),
            "labels": StringCodec.decode_output(pictures["label"]),
            "probabilities": NumpyCodec.decode_output(pictures["probabilities"]).tolist(),
            "of tensors": NumpyCodec.decode_output(tensors["probabilities"]).tolist(),
        }
    )
)

"""KServe's own client, in a process of its own; arguments: its packages, the app's address, a key, an image file."""

import asyncio
import json
import sys
from pathlib import Path

import numpy as np

FOLDER, URL, KEY, IMAGE = sys.argv[1:]
PICTURE = Path(IMAGE).read_bytes()
sys.path.append(FOLDER)

from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig  # noqa: E402

HEADERS = {"x-functions-key": KEY}
QUESTIONS = ["How do I run it on my laptop?", "What does it cost?"]


async def main() -> dict[str, object]:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    asked = InferInput("question", [2], "BYTES")
    asked.set_data_from_numpy(texts(*(question.encode() for question in QUESTIONS)), binary_data=False)
    found = await client.infer(URL, InferRequest("faq", [asked], parameters={"top_k": 1}), "faq", HEADERS)
    picture = InferInput("image", [1], "BYTES")
    picture.set_data_from_numpy(texts(PICTURE), binary_data=True)
    seen = await client.infer(URL, InferRequest("image", [picture]), "image", HEADERS)
    outputs = {output.name: output for output in [*found.outputs, *seen.outputs]}
    return {
        "live": await client.is_server_live(URL, HEADERS),
        "ready": await client.is_server_ready(URL, HEADERS),
        "model": await client.is_model_ready(URL, "faq", HEADERS),
        "ids": outputs["id"].data,
        "label": outputs["label"].data[:1],
    }


def texts(*values: bytes) -> "np.ndarray":
    return np.array(values, np.object_)


print(json.dumps(asyncio.run(main())))

"""The whole app in a sandbox for videos: a clip is uploaded as users do, and parts of the app are killed."""

import json
from pathlib import Path

from shared.storage import BlobInfo
from tests.end_to_end.world import World
from tests.scoring_images.style_transfer.clips import ffmpeg


def made_clip(path: Path) -> bytes:
    """Two seconds of a test card with a tone: long enough to be killed in the middle."""
    card, tone = "testsrc2=size=160x120:rate=25:duration=2", "sine=frequency=440:duration=2"
    ffmpeg("-f", "lavfi", "-i", card, "-f", "lavfi", "-i", tone, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path))
    return path.read_bytes()


def upload(world: World, clip: bytes, name: str, segments: int = 2) -> BlobInfo:
    """Put a video where users do; what Event Grid would say of it follows by itself."""
    videos = world.storage.data("videos")
    videos.put(name, clip, metadata={"style": "wave", "segments": str(segments)})
    info = videos.info(name)
    assert info
    return info


def event(info: BlobInfo) -> str:
    """What Event Grid says of an upload."""
    subject = f"/blobServices/default/containers/videos/blobs/{info.name}"
    said = {"subject": subject, "eventType": "Microsoft.Storage.BlobCreated", "data": {"eTag": info.etag.strip('"')}}
    return json.dumps(said)


def styled(world: World, name: str) -> bytes | None:
    """The result, once there is one."""
    blob = world.storage.data("styled").get(name)
    return blob.data if blob else None

"""A video through the whole app: told twice, killed anywhere, overwritten; every frame comes out, once."""

import socket
from collections.abc import Iterator
from io import BytesIO

import av
import pytest

from devhost.sandbox import running, sandbox_settings, wait_for
from shared.runs.record import Run, State
from shared.runs.uploads import run_id_of
from shared.storage import BlobInfo
from tests.end_to_end.studio import event, made_clip, styled, upload
from tests.end_to_end.world import World, kill, processes, start_azurite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An app without readings."""
    home = tmp_path_factory.mktemp("studio")
    env = sandbox_settings(home) | {
        "LOCAL_SERVICES": "eventhubs",
        "DEVHOST_AUTH": "off",
        "DEVHOST_QUEUE_LEASE_SECONDS": "5",
    }
    world = World(env, home, start_azurite(env, home))
    try:
        with running(env, home):
            yield world
    finally:
        world.azurite.terminate()
        world.azurite.wait()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return made_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def expected(world: World, clip: bytes) -> bytes:
    """What comes out when nothing goes wrong."""
    assert ended(world, upload(world, clip, "calm.mp4")).state is State.SUCCEEDED
    return styled(world, "calm.mp4") or b""


def started(world: World, info: BlobInfo) -> str:
    """The id of the run of an upload, once it exists."""
    run_id = run_id_of("style", "videos", info.name, info.etag)
    wait_for(lambda: run_id in world.runs.ids("style-"), "The upload started no run")
    return run_id


def ended(world: World, info: BlobInfo) -> Run:
    return world.ended(started(world, info))


def test_an_uploaded_video_comes_out_whole_with_its_sound_and_its_pictures(expected: bytes, world: World) -> None:
    with av.open(BytesIO(expected)) as file:
        assert [stream.type for stream in file.streams] == ["video", "audio"]
        assert [frame.pts for frame in file.decode(video=0)] == [512 * number for number in range(50)]
    names = {info.name for info in world.storage.data("styled").list("calm")}
    assert names == {"calm.mp4", "calm.jpg", "calm-sheet.jpg", "calm.json"}


def test_an_upload_told_three_times_is_styled_once(world: World, clip: bytes, expected: bytes) -> None:
    info = upload(world, clip, "-a b;$(touch x)'[/nope]%23?ü.mp4", segments=1)
    for _ in range(3):
        world.storage.queue("uploads").send(event(info))
    assert ended(world, info).state is State.SUCCEEDED
    world.tick("sweep_uploads")
    assert len([run for run in world.runs.newest(50) if run.params["video"] == info.name]) == 1
    assert styled(world, info.name) == expected


def test_each_kind_of_task_killed_with_signal_9(world: World, clip: bytes, expected: bytes) -> None:
    info = upload(world, clip, "killed.mp4")
    for task in ("stylize", "join"):
        kill("scoring_images.style_transfer", task, started(world, info))
    assert ended(world, info).state is State.SUCCEEDED
    assert styled(world, info.name) == expected


def test_the_host_killed_with_signal_9_in_the_middle_of_a_run(world: World, clip: bytes, expected: bytes) -> None:
    info = upload(world, clip, "host.mp4")
    run_id = started(world, info)
    wait_for(lambda: any(processes("scoring_images.style_transfer", "stylize", run_id)), "No task was started", 60)
    kill("devhost", " host ", str(world.home))
    assert ended(world, info).state is State.SUCCEEDED
    assert styled(world, info.name) == expected


def test_playlists_end_with_their_reason_without_a_result_and_without_a_connection(world: World) -> None:
    """HLS, a list for ffmpeg's concat, and DASH, under names that ffmpeg would take for protocols."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/film.ts"
        texts = {
            url: f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n",
            "concat:calm.mp4|calm.mp4": f"ffconcat version 1.0\nfile '{url}'\nfile 'file:///etc/passwd'\n",
            "film.mpd": f'<?xml version="1.0"?><MPD><BaseURL>{url}</BaseURL></MPD>',
        }
        uploads = [upload(world, text.encode(), name) for name, text in texts.items()]
        for info in uploads:
            run = ended(world, info)
            assert run.state is State.FAILED
            assert "This is a playlist" in run.reason
        with pytest.raises(BlockingIOError):
            server.accept()
    results = {info.name for info in world.storage.data("styled").list()}
    assert not [name for name in results if name.startswith(tuple(texts))]

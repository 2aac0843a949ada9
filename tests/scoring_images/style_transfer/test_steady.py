"""Steadying and measuring flicker: what moves with the video stays, what flickers is damped, segments do not show."""

import numpy as np
import pytest

from scoring_images.style_transfer.flicker import frames_error, shift_errors
from scoring_images.style_transfer.groups import groups, segment
from scoring_images.style_transfer.motion import motion
from scoring_images.style_transfer.pace import Pace
from scoring_images.style_transfer.steady import Steadier, steadied, warm_up

HEIGHT, WIDTH = 96, 128


def texture(seed: int = 0) -> np.ndarray:
    """A large picture with detail at several scales, (H, W, 3)."""
    random = np.random.default_rng(seed)
    layers = [
        np.kron(random.uniform(0, 255, (200 // size, 280 // size, 3)), np.ones((size, size, 1))) for size in (4, 10, 20)
    ]
    height, width = (min(layer.shape[axis] for layer in layers) for axis in (0, 1))
    return np.mean([layer[:height, :width] for layer in layers], 0)


PICTURE = texture()


def moving(number: int) -> np.ndarray:
    """A video's frame: the picture, two pixels further to the right each time."""
    return PICTURE[20 : 20 + HEIGHT, 2 * number : 2 * number + WIDTH].astype(np.uint8)


def flickering(number: int) -> np.ndarray:
    """A styled frame: it moves with the video, and its brightness jumps."""
    return np.clip(255 - moving(number).astype(int) + (12 if number % 2 else -12), 0, 255).astype(np.uint8)


def test_motion_leads_to_where_a_pixel_was() -> None:
    moved = motion(moving(0), moving(1))
    middle = moved.columns[20:-20, 20:-20] - np.arange(20, WIDTH - 20)
    assert np.median(middle) == pytest.approx(2, abs=0.2)
    assert moved.seen[20:-20, 20:-20].mean() > 0.7


def test_what_moves_with_the_video_does_not_flicker_and_jumps_do() -> None:
    still = frames_error(moving(0), moving(1), 255 - moving(0), 255 - moving(1))
    jumping = frames_error(moving(0), moving(1), flickering(0), flickering(1))
    assert still < 6
    assert jumping > 18


def test_a_cut_has_no_flicker_to_measure() -> None:
    assert np.isnan(
        frames_error(np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8), *[moving(0)[:64, :64]] * 2)
    )


def test_steadying_halves_flicker() -> None:
    steadier = Steadier()
    shown = [steadier.blend(moving(number), flickering(number)) for number in range(12)]

    def flicker(styled: list[np.ndarray]) -> float:
        return frames_error(moving(10), moving(11), styled[10], styled[11])

    assert flicker(shown) < flicker([flickering(number) for number in range(12)]) / 2


def test_what_is_done_band_by_band_does_not_depend_on_the_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> tuple[float, bytes]:
        steadier = Steadier()
        shown = [steadier.blend(moving(number), flickering(number)) for number in range(3)]
        return frames_error(moving(0), moving(1), flickering(0), flickering(1)), shown[-1].tobytes()

    whole = found()
    monkeypatch.setattr("scoring_images.style_transfer.motion.BAND", 7)
    assert found() == whole


def test_nothing_is_carried_over_a_cut() -> None:
    steadier = Steadier()
    steadier.blend(np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    assert np.array_equal(steadier.blend(white, white), white)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_segments_do_not_show_in_steadied_frames(count: int) -> None:
    whole = groups(42)

    def shown(number: int, of: int) -> list[np.ndarray]:
        mine = segment(whole, number, of)
        if not mine:
            return []
        first = warm_up(mine)
        pairs = ((moving(n), flickering(n)) for n in range(first, mine[-1].last))
        return [styled for _, styled in steadied(pairs, first, mine)]

    together = shown(0, 1)
    apart = [frame for number in range(count) for frame in shown(number, count)]
    assert len(together) == 42
    assert all(np.array_equal(one, other) for one, other in zip(together, apart, strict=True))


def test_a_style_that_moves_with_its_input_has_no_shift_error_and_one_on_a_grid_has() -> None:
    photo = PICTURE[:101, :131].astype(np.uint8)

    def on_a_grid(frames: np.ndarray) -> np.ndarray:
        coarse = frames[:, ::4, ::4]
        return coarse.repeat(4, 1).repeat(4, 2)[:, : frames.shape[1], : frames.shape[2]]

    assert set(shift_errors(lambda frames: 255 - frames, photo).values()) == {0.0}
    assert min(shift_errors(on_a_grid, photo).values()) > 1


def test_each_stage_is_charged_what_it_takes_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("scoring_images.style_transfer.pace.perf_counter", lambda: now[0])
    pace = Pace()

    def making(seconds: float, items: object = range(3)):
        for item in items:
            now[0] += seconds
            yield item

    with pace.stage("outer"):
        for _ in pace.of("middle", making(10, pace.of("inner", making(1)))):
            now[0] += 100
    assert pace.seconds() == {"outer": 300, "middle": 30, "inner": 3}

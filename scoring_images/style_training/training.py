"""Trains a style network: the steps, the checkpoint an interrupted training goes on from, and when it is good enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring_images.style_training import content, losses, motion
from scoring_images.style_training.features import Features
from scoring_images.style_training.network import Design, StyleNetwork

WARM_UP, FALLING = 100, 0.4
"""Steps until the learning rate is full; the share of all steps over which it falls at the end."""
WINDOW = 250
"""Steps over which losses are compared to see whether they still improve."""
GAIN = 0.01
"""A window that is not better by this share than the one before it shows that training no longer helps."""
TERMS = ("content", "style", "stability", "variation", "overshoot")


@dataclass(frozen=True)
class Parameters:
    """What a training is determined by, besides the images."""

    design: Design = Design()
    steps: int = 3000
    batch: int = 2
    crop: int = 144
    style_side: int = 256
    content_side: int = 320
    content_weight: float = 1.0
    content_tap: int = -1
    style_weight: float = 4.0
    stability_weight: float = 10.0
    variation_weight: float = 0.01
    rate: float = 1e-3
    seed: int = 1


@dataclass
class State:
    """Where a training is: the network, its optimiser, and the losses of every step so far, (steps, TERMS)."""

    network: StyleNetwork
    optimiser: torch.optim.Adam
    history: list[tuple[float, ...]] = field(default_factory=list)
    falling_from: int = 0

    @property
    def step(self) -> int:
        return len(self.history)


def new_state(parameters: Parameters, device: str = "cpu") -> State:
    """A network with the seed's weights."""
    torch.manual_seed(parameters.seed)
    network = StyleNetwork(parameters.design).to(device, memory_format=torch.channels_last)
    falling = round(parameters.steps * (1 - FALLING))
    return State(network, torch.optim.Adam(network.parameters(), parameters.rate), falling_from=falling)


def last_step(state: State, parameters: Parameters) -> int:
    """Where the training ends: when the rate has fallen."""
    return state.falling_from + round(parameters.steps * FALLING)


class Trainer:
    """Takes steps; each step's images and motions come from the seed and its number alone."""

    def __init__(
        self, parameters: Parameters, painting: content.Image, photos: Sequence[content.Image], features: Features
    ) -> None:
        self.parameters, self.photos, self.features = parameters, photos, features
        with torch.no_grad():
            self.targets = [losses.gram(f) for f in features(as_tensor([painting]))]

    def step(self, state: State) -> None:
        """One step of Adam; the losses are added to the history."""
        rng = np.random.default_rng([self.parameters.seed, state.step])
        device = next(state.network.parameters()).device
        for group in state.optimiser.param_groups:
            group["lr"] = self.parameters.rate * _share_of_rate(state, self.parameters)
        terms = self._losses(state, rng, str(device))
        state.optimiser.zero_grad()
        torch.stack(
            [weight * term for weight, term in zip(self._weights(state.step), terms, strict=True)]
        ).sum().backward()  # type: ignore[no-untyped-call]
        state.optimiser.step()
        state.history.append(tuple(float(term.detach()) for term in terms))
        if state.step < state.falling_from and no_longer_improves(state.history, self._weights(state.step)):
            state.falling_from = state.step

    def _losses(self, state: State, rng: np.random.Generator, device: str) -> list[Tensor]:
        size, border = self.parameters.crop, motion.MARGIN
        wide = as_tensor(
            [content.crop(self.photos, size + 2 * border, rng) for _ in range(self.parameters.batch)], device
        )
        photo = motion.inner(wide, border)
        styled = state.network(photo)
        seen = self.features(styled)
        with torch.no_grad():
            tap = self.features(photo)[self.parameters.content_tap]
        return [
            losses.content_loss(seen[self.parameters.content_tap], tap),
            losses.style_loss(seen, self.targets),
            self._instability(state, wide, styled, rng),
            losses.total_variation(styled),
            losses.overshoot(styled),
        ]

    def _instability(self, state: State, wide: Tensor, styled: Tensor, rng: np.random.Generator) -> Tensor:
        """How far the output of a moved, noisy copy is from the output moved likewise."""
        if not self.parameters.stability_weight:
            return styled.new_zeros(())
        step = motion.random_motion(rng)
        copy = motion.inner(motion.moved(wide, step), motion.MARGIN)
        noise = torch.from_numpy(rng.standard_normal(copy.shape, np.float32)).to(copy.device)
        again = state.network(copy + step.noise * noise)
        edge = motion.EDGE
        return losses.disagreement(motion.inner(motion.moved(styled, step), edge), motion.inner(again, edge))

    def _weights(self, step: int) -> tuple[float, ...]:
        given = self.parameters
        stability = given.stability_weight * min(1.0, step / (3 * WARM_UP))
        return given.content_weight, given.style_weight, stability, given.variation_weight, 1.0


def as_tensor(images: Sequence[content.Image], device: str = "cpu") -> Tensor:
    """Images (H, W, 3) as (N, 3, H, W) in float32."""
    stacked = torch.from_numpy(np.stack(images)).to(device)
    return stacked.permute(0, 3, 1, 2).float()


def _share_of_rate(state: State, parameters: Parameters) -> float:
    begins, ends = state.falling_from, last_step(state, parameters)
    if state.step < begins:
        return min(1.0, (state.step + 1) / WARM_UP)
    return 0.02 + 0.98 * (ends - state.step) / max(1, ends - begins)


def no_longer_improves(history: Sequence[Sequence[float]], weights: Sequence[float]) -> bool:
    """Whether the last WINDOW steps were no better than the WINDOW before them; looked at once per WINDOW."""
    if len(history) % WINDOW or len(history) < 4 * WINDOW:
        return False
    totals = np.asarray(history[-2 * WINDOW :]) @ np.asarray(weights)
    return bool(totals[WINDOW:].mean() > totals[:WINDOW].mean() * (1 - GAIN))


def arrays_of(state: State) -> dict[str, NDArray[Any]]:
    """Everything a training needs to go on exactly where it was, as plain arrays."""
    arrays: dict[str, NDArray[Any]] = {
        "history": np.asarray(state.history, np.float64),
        "falling_from": np.asarray(state.falling_from),
    }
    for name, parameter in state.network.named_parameters():
        arrays[f"weight/{name}"] = parameter.detach().cpu().numpy()
        for key, value in state.optimiser.state.get(parameter, {}).items():
            arrays[f"adam/{key}/{name}"] = value.detach().cpu().numpy()
    return arrays


def state_of(arrays: dict[str, NDArray[Any]], parameters: Parameters, device: str = "cpu") -> State:
    """The state that `arrays_of` wrote down."""
    state = new_state(parameters, device)
    state.history = [tuple(row) for row in arrays["history"].tolist()]
    state.falling_from = int(arrays["falling_from"])
    for name, parameter in state.network.named_parameters():
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(arrays[f"weight/{name}"]))
        held = {
            key.split("/")[1]: value
            for key, value in arrays.items()
            if key.startswith("adam/") and key.endswith(f"/{name}")
        }
        state.optimiser.state[parameter] = {
            key: torch.from_numpy(value.copy()).to(device if value.ndim else "cpu") for key, value in held.items()
        }
    return state


Progress = Callable[[State], None]

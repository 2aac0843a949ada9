"""Trains a style network: what a step does, how fast it learns, and when it stops."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from scoring_images.style_training import content, losses, motion
from scoring_images.style_training.export import SCALE
from scoring_images.style_training.features import Features
from scoring_images.style_training.network import Transformer
from scoring_images.style_training.parameters import MARGIN, Parameters

WARM_UP, FALLING = 100, 0.4
"""Steps until the learning rate is full; the share of all steps over which it falls at the end."""
RISING = 0.4
"""The share of all steps over which stability comes to count fully: strokes form first, then they learn to hold."""
WINDOW = 250
"""Steps over which losses are compared to see whether they still improve."""
GAIN = 0.01
"""A window that is not better by this share than the one before it shows that training no longer helps."""
MEASURED = 48
"""Photographs to compare trainings by."""
TERMS = ("content", "style", "stability", "variation", "overshoot")


@dataclass
class State:
    """Where a training is: the network, its optimiser, and the losses of every step so far, (steps, TERMS)."""

    network: Transformer
    optimiser: torch.optim.Adam
    history: list[tuple[float, ...]] = field(default_factory=list)
    falling_from: int = 0

    @property
    def step(self) -> int:
        return len(self.history)


def new_state(parameters: Parameters, device: str = "cpu") -> State:
    """A network with the seed's weights."""
    torch.manual_seed(parameters.seed)
    network = Transformer(parameters.width, parameters.blocks, smooth=parameters.smooth).to(device)
    falling = round(parameters.steps * (1 - FALLING))
    return State(network, torch.optim.Adam(network.parameters(), parameters.rate), falling_from=falling)


def last_step(state: State, parameters: Parameters) -> int:
    """Where the training ends: when the rate has fallen."""
    return state.falling_from + round(parameters.steps * FALLING)


class Trainer:
    """Takes steps; each step's images and motions come from the seed and its number alone."""

    def __init__(
        self,
        parameters: Parameters,
        painting: content.Picture,
        photos: Sequence[Sequence[content.Picture]],
        features: Features,
        device: str = "cpu",
    ) -> None:
        self.parameters, self.photos, self.features, self.device = parameters, photos, features, device
        with torch.no_grad():
            self.painting = losses.Painting.of(features(as_tensor([painting], device)))
            seen = [features(photo) for photo in self._fixed()]
        self.sizes = [float(np.mean([float(tap.pow(2).mean()) for tap in taps])) for taps in zip(*seen, strict=True)]

    def step(self, state: State) -> None:
        """One step of Adam; the losses are added to the history."""
        rng = np.random.default_rng([self.parameters.seed, state.step])
        for group in state.optimiser.param_groups:
            group["lr"] = self.parameters.rate * _share_of_rate(state, self.parameters)
        terms = self._losses(state, rng)
        state.optimiser.zero_grad()
        weights = torch.tensor(self._weights(state.step), device=terms.device)
        (weights * terms).sum().backward()
        state.optimiser.step()
        state.history.append(tuple(terms.tolist()))
        if state.step < state.falling_from and no_longer_improves(state.history, self._weights(state.step)):
            state.falling_from = state.step

    def _losses(self, state: State, rng: np.random.Generator) -> Tensor:
        size, border = self.parameters.crop, MARGIN
        wide = as_tensor(
            [content.crop(self.photos, size + 2 * border, rng) for _ in range(self.parameters.batch)], self.device
        )
        photo = motion.inner(wide, border)
        styled = state.network(photo)
        seen = self.features(styled)
        with torch.no_grad():
            wanted = self.features(photo)
        terms = [
            losses.content_distance(seen, wanted, self.sizes),
            self.painting.distance(seen),
            self._instability(state, wide, styled, rng),
            losses.roughness(styled, SCALE),
            losses.overshoot(styled, SCALE),
        ]
        return torch.stack(terms)

    def _instability(self, state: State, wide: Tensor, styled: Tensor, rng: np.random.Generator) -> Tensor:
        if not self.parameters.stability_weight:
            return styled.new_zeros(())
        step = motion.random_motion(rng)
        # One photograph of the batch is enough, and half the time.
        one, noise = styled[:1], rng.standard_normal(styled[:1].shape, np.float32)
        return motion.instability(state.network, wide[:1], one, step, torch.from_numpy(noise).to(self.device))

    def measure(self, network: Transformer) -> dict[str, float]:
        """Style and content loss over MEASURED crops that are the same for every training on these photographs."""
        style, likeness = 0.0, 0.0
        with torch.no_grad():
            for photo in self._fixed():
                seen = self.features(network(photo).clamp(0, 255))
                style += float(self.painting.distance(seen)) / MEASURED
                likeness += float(losses.content_distance(seen, self.features(photo), self.sizes)) / MEASURED
        return {"style_loss": style, "content_loss": likeness}

    def _fixed(self) -> list[Tensor]:
        rng = np.random.default_rng(0)
        crops = [content.crop(self.photos, self.parameters.crop, rng) for _ in range(MEASURED)]
        return [as_tensor([crop], self.device) for crop in crops]

    def _weights(self, step: int) -> tuple[float, ...]:
        given = self.parameters
        stability = given.stability_weight * min(1.0, step / (RISING * given.steps))
        return 1.0, given.style_weight, stability, given.variation_weight, 1.0


def as_tensor(images: Sequence[content.Picture], device: str = "cpu") -> Tensor:
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

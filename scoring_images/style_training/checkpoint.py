"""Keeps an interrupted training, as plain arrays, so that it goes on exactly where it was."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scoring_images.style_training.content import Picture
from scoring_images.style_training.errors import Refused
from scoring_images.style_training.parameters import Parameters
from scoring_images.style_training.training import State, new_state

Arrays = dict[str, NDArray[Any]]


class CheckpointError(Refused):
    """The checkpoint is of another training."""


def fingerprint(parameters: Parameters, painting: Picture, photos: list[list[Picture]], features: bytes) -> str:
    """A hash of everything that a training is determined by."""
    digest = sha256(json.dumps(asdict(parameters), sort_keys=True).encode())
    for data in (painting.tobytes(), *(photo.tobytes() for frames in photos for photo in frames), features):
        digest.update(sha256(data).digest())
    return digest.hexdigest()


def save(path: Path, state: State, mark: str) -> None:
    """Write the state, whole or not at all."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, mark=np.array(mark), **arrays_of(state))
    unfinished.replace(path)


def load(path: Path, parameters: Parameters, mark: str, device: str = "cpu") -> State | None:
    """The state that was saved, None where there is none; raises CheckpointError where it is of another training."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    if str(arrays.pop("mark")) != mark:
        raise CheckpointError(
            f"{path} is the checkpoint of a training with other parameters or images: --restart begins anew."
        )
    return state_of(arrays, parameters, device)


def load_weights(path: Path, state: State) -> None:
    """Take the weights of a checkpoint, and nothing else; raises CheckpointError where they do not fit."""
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.")
    with np.load(path, allow_pickle=False) as file, torch.no_grad():
        for name, parameter in state.network.named_parameters():
            if f"weight/{name}" not in file or file[f"weight/{name}"].shape != parameter.shape:
                raise CheckpointError(f"{path} is the checkpoint of a network of another shape.")
            parameter.copy_(torch.from_numpy(file[f"weight/{name}"]))


def arrays_of(state: State) -> Arrays:
    """Everything a training needs to go on exactly where it was."""
    arrays: Arrays = {"history": np.asarray(state.history, np.float64), "falling_from": np.asarray(state.falling_from)}
    for name, parameter in state.network.named_parameters():
        arrays[f"weight/{name}"] = parameter.detach().cpu().numpy()
        for key, value in state.optimiser.state.get(parameter, {}).items():
            arrays[f"{key}/{name}"] = value.detach().cpu().numpy()
    return arrays


def state_of(arrays: Mapping[str, NDArray[Any]], parameters: Parameters, device: str = "cpu") -> State:
    """The state that `arrays_of` wrote down."""
    state = new_state(parameters, device)
    state.history = [tuple(row) for row in arrays["history"].tolist()]
    state.falling_from = int(arrays["falling_from"])
    for name, parameter in state.network.named_parameters():
        kept = {key.partition("/")[0]: value for key, value in arrays.items() if key.partition("/")[2] == name}
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(kept.pop("weight")))
        # Adam counts its steps on the CPU, wherever its moments are.
        moments = {key: torch.from_numpy(value.copy()) for key, value in kept.items()}
        state.optimiser.state[parameter] = {k: v.to(device) if v.ndim else v for k, v in moments.items()}
    return state

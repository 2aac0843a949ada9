"""`python -m scoring_images.style_training`: trains one style and writes it as a folder."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring_images.style_training.arguments import check
from scoring_images.style_training.errors import Refused
from scoring_images.style_training.parameters import Parameters

if TYPE_CHECKING:
    from scoring_images.style_training.content import Picture
    from scoring_images.style_training.training import State, Trainer

CHECKPOINT, NETWORK, FACTS, PREVIEW = "checkpoint.npz", "network.onnx", "facts.json", "preview.jpg"
EVERY, KEPT = 10, 60
"""A line every so many steps, a checkpoint every so many seconds."""


def parser() -> argparse.ArgumentParser:
    """The command line: where things are, and an option for each of the parameters."""
    main = argparse.ArgumentParser("scoring_images.style_training", description=__doc__)
    main.add_argument("--style", type=Path, required=True, metavar="PAINTING", help="image to learn from")
    main.add_argument("--content", type=Path, required=True, action="append", help="photographs and videos; repeatable")
    main.add_argument("--features", required=True, help="an ONNX classifier, or the name of one of torchvision's")
    main.add_argument("--taps", default="", help="outputs of its nodes to compare at, with commas")
    main.add_argument("--out", type=Path, required=True, help="folder of the result and of the checkpoint")
    main.add_argument("--photo", type=Path, help="photograph of the preview; else the first of the content")
    main.add_argument("--threads", type=int, default=0, help="0: one per core")
    main.add_argument("--device", default="", help="cpu, cuda, ...; else a GPU where there is one")
    main.add_argument("--start", type=Path, help="checkpoint of another training to take the first weights from")
    main.add_argument("--restart", action="store_true", help="begin anew although there is a checkpoint")
    main.add_argument("--check", action="store_true", help="only look at what is given; needs no PyTorch")
    for one in fields(Parameters):
        name, told = f"--{one.name.replace('_', '-')}", one.metadata["help"]
        if one.type in (bool, "bool"):
            main.add_argument(name, action=argparse.BooleanOptionalAction, default=one.default, help=told)
        else:
            main.add_argument(name, type=type(one.default), default=one.default, help=told)
    return main


def run(given: argparse.Namespace) -> int:
    """Train and write the result; returns the exit code. Heavy imports wait until here."""
    import torch

    from scoring_images.style_training import checkpoint, content

    if given.threads:
        torch.set_num_threads(given.threads)
    parameters = Parameters(**{one.name: getattr(given, one.name) for one in fields(Parameters)})
    painting = content.small(content.read_image(given.style), parameters.style_side)
    photos = content.read_content(given.content, parameters.content_side)
    trainer = _trainer(given, parameters, painting, photos)
    print(f"{sum(map(len, photos))} photographs of {len(photos)} files, {trainer.device}", flush=True)
    mark = checkpoint.fingerprint(parameters, painting, photos, _other_files(given))
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / CHECKPOINT
    if given.restart:
        path.unlink(missing_ok=True)
    state = checkpoint.load(path, parameters, mark, trainer.device) or _new(trainer, given.start)
    if not _train(trainer, state, path, mark):
        return 130
    _write(given, trainer, state)
    return 0


def _trainer(
    given: argparse.Namespace, parameters: Parameters, painting: "Picture", photos: "list[list[Picture]]"
) -> "Trainer":
    import torch

    from scoring_images.style_training.features import load_features
    from scoring_images.style_training.training import Trainer

    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    features = load_features(given.features, [tap for tap in given.taps.split(",") if tap], device)
    return Trainer(parameters, painting, photos, features, device)


def _new(trainer: "Trainer", start: Path | None) -> "State":
    from scoring_images.style_training.checkpoint import load_weights
    from scoring_images.style_training.training import new_state

    state = new_state(trainer.parameters, trainer.device)
    if start:
        load_weights(start, state)
    return state


def _other_files(given: argparse.Namespace) -> bytes:
    name, taps = str(given.features), str(given.taps)
    network = Path(name).read_bytes() if Path(name).is_file() else name.encode()
    return network + taps.encode() + (given.start.read_bytes() if given.start else b"")


def _train(trainer: "Trainer", state: "State", path: Path, mark: str) -> bool:
    """Take the steps that are left; False where Ctrl-C came, with a checkpoint to go on from."""
    from scoring_images.style_training import checkpoint
    from scoring_images.style_training.training import last_step

    kept = time.monotonic()
    try:
        while state.step < last_step(state, trainer.parameters):
            trainer.step(state)
            if state.step % EVERY == 0:
                _tell(state, last_step(state, trainer.parameters))
            if time.monotonic() - kept > KEPT:
                checkpoint.save(path, state, mark)
                kept = time.monotonic()
    except KeyboardInterrupt:
        checkpoint.save(path, state, mark)
        print(f"Stopped at step {state.step}. The same command goes on from there.", flush=True)
        return False
    checkpoint.save(path, state, mark)
    return True


def _tell(state: "State", last: int) -> None:
    import numpy as np

    from scoring_images.style_training.training import TERMS

    recent = np.asarray(state.history[-100:]).mean(0)
    told = " ".join(f"{term} {value:.4f}" for term, value in zip(TERMS[:3], recent, strict=False))
    print(f"step {state.step} of {last} {told}", flush=True)


def _write(given: argparse.Namespace, trainer: "Trainer", state: "State") -> None:
    """The network, a preview and what there is to say about them."""
    from scoring_images.style_training import export, preview
    from scoring_images.style_training.content import read_image

    weights = {name: value.detach().cpu().numpy() for name, value in state.network.state_dict().items()}
    (given.out / NETWORK).write_bytes(export.to_onnx(weights))
    painting = read_image(given.style)
    photo = read_image(given.photo) if given.photo else trainer.photos[0][0]
    preview.write_jpeg(given.out / PREVIEW, preview.preview(state.network, painting, photo))
    metrics: dict[str, Any] = {
        **trainer.measure(state.network),
        "shift_error": preview.shift_error(state.network, trainer.photos[0][0]),
        "steps": state.step,
    }
    others = {"features": Path(given.features).name, "stride": 4, "started_from": _hash_of(given.start)}
    facts = {
        "parameters": asdict(trainer.parameters) | {key: value for key, value in others.items() if value},
        "metrics": {name: round(value, 4) for name, value in metrics.items()},
    }
    (given.out / FACTS).write_text(json.dumps(facts, indent=2))
    print(f"Wrote {given.out / NETWORK}.", flush=True)


def _hash_of(start: Path | None) -> str:
    return sha256(start.read_bytes()).hexdigest() if start else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Train a style; 0 done, 130 stopped with Ctrl-C, 2 it cannot be done, with the reason."""
    given = parser().parse_args(argv)
    try:
        check(given)
        return 0 if given.check else run(given)
    except KeyboardInterrupt:
        return 130
    except Refused as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

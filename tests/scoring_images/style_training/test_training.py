"""Training: what the losses punish, that a training can be interrupted, and that what is exported is what was trained.

Needs PyTorch, which the main environment does not have; the environment of `tally train style` does.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: `tally train style` makes an environment with it"
)

from scoring_images.style_training import checkpoint, losses, motion  # noqa: E402
from scoring_images.style_training.__main__ import main  # noqa: E402
from scoring_images.style_training.content import ContentError, read_content, read_image  # noqa: E402
from scoring_images.style_training.export import to_onnx  # noqa: E402
from scoring_images.style_training.features import FeaturesError, OnnxFeatures, load_features  # noqa: E402
from scoring_images.style_training.network import Transformer  # noqa: E402
from scoring_images.style_training.parameters import MARGIN, Parameters  # noqa: E402
from scoring_images.style_training.preview import preview, shift_error, write_jpeg  # noqa: E402
from scoring_images.style_training.training import Trainer, new_state, no_longer_improves  # noqa: E402

SMALL = Parameters(width=4, blocks=1, steps=4, batch=1, crop=64, style_side=64, content_side=80)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A small classifier: a fire module between two pools, as in SqueezeNet."""
    random = np.random.default_rng(0)
    shapes = {"a": (4, 3, 3, 3), "b": (4, 4, 1, 1), "c": (4, 4, 3, 3), "d": (4, 8, 3, 3)}
    kernels = [
        numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float16), name) for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["image", "a"], ["1"], strides=[2, 2]),
        helper.make_node("Relu", ["1"], ["2"]),
        helper.make_node("MaxPool", ["2"], ["3"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Conv", ["3", "b"], ["4"]),
        helper.make_node("Conv", ["3", "c"], ["5"], pads=[1, 1, 1, 1]),
        helper.make_node("Concat", ["4", "5"], ["6"], axis=1),
        helper.make_node("Relu", ["6"], ["7"]),
        helper.make_node("MaxPool", ["7"], ["8"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Softmax", ["8"], ["9"]),
    ]
    image, end = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("image", "9"))
    path = tmp_path / "classifier.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, "classifier", [image], [end], kernels)), path)
    return path


@pytest.fixture
def pictures() -> list:
    return [[np.random.default_rng(number).integers(0, 256, (80, 96, 3)).astype(np.uint8)] for number in range(3)]


@pytest.fixture
def trainer(classifier, pictures) -> Trainer:
    return Trainer(SMALL, pictures[0][0], pictures[1:], load_features(str(classifier)))


def state_after(trainer: Trainer, steps: int):
    state = new_state(SMALL)
    for _ in range(steps):
        trainer.step(state)
    return state


def test_a_network_that_changes_nothing_is_perfectly_stable():
    wide, noise = torch.rand(1, 3, 76, 76) * 255, torch.rand(1, 3, 64, 64)
    same, shift = motion.inner(wide, MARGIN), motion.Motion((2, -3))
    assert motion.instability(lambda image: image, wide, same, shift, noise) == 0
    noisy = motion.Motion((2, -3), noise=4)
    assert motion.instability(lambda image: image, wide, same, noisy, noise) > 0


def test_a_network_that_knows_where_pixels_are_is_not_stable():
    wide, noise = torch.full((1, 3, 76, 76), 100.0), torch.zeros(1, 3, 64, 64)
    ramp = torch.arange(64.0).expand(1, 3, 64, 64)
    found = motion.instability(lambda _: ramp, wide, ramp, motion.Motion((0, 2)), noise)
    assert found == pytest.approx((2 / 64) ** 2)


def test_a_motion_by_whole_pixels_is_a_shift():
    image = torch.arange(36.0).view(1, 1, 6, 6)
    assert torch.equal(motion.moved(image, motion.Motion((1, 2)))[..., :-1, :-2], image[..., 1:, 2:])


def test_a_motion_by_no_pixels_changes_nothing():
    image = torch.rand(1, 3, 16, 16)
    nearly = motion.Motion((0.0, 0.0), angle=1e-9)
    torch.testing.assert_close(motion.moved(image, nearly)[..., 1:-1, 1:-1], image[..., 1:-1, 1:-1])


def test_compression_changes_an_image_a_little():
    image = torch.rand(2, 3, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3) * 255
    change = (motion.compressed(image, 90) - image).abs().mean()
    assert 0 < change < 10


def test_a_painting_is_at_no_distance_from_itself_wherever_its_strokes_are(classifier):
    features = load_features(str(classifier))
    image = torch.rand(1, 3, 64, 64) * 255
    painting = losses.Painting.of(features(image))
    assert painting.distance(features(image)) == 0
    assert painting.distance(features(image * 0.3)) > 0.01


def test_features_are_what_the_classifier_computes(classifier):
    image = torch.rand(1, 3, 40, 40) * 255
    features = OnnxFeatures(classifier, ["2", "7"])
    first, second = features(image)
    assert first.shape == (1, 4, 19, 19)
    assert second.shape == (1, 8, 9, 9)
    assert (second >= 0).all()


def test_layers_that_are_not_known_and_outputs_that_are_not_there_are_named(classifier):
    with pytest.raises(FeaturesError, match="Softmax"):
        load_features(str(classifier), ["9"])(torch.rand(1, 3, 40, 40))
    with pytest.raises(FeaturesError, match="no output pool7"):
        load_features(str(classifier), ["pool7"])
    with pytest.raises(FeaturesError, match=r"nothing\.onnx"):
        load_features("nothing.onnx")


def test_an_interrupted_training_ends_as_an_uninterrupted_one(trainer, tmp_path):
    whole = state_after(trainer, 4)
    checkpoint.save(tmp_path / "kept.npz", state_after(trainer, 2), "mark")
    state = checkpoint.load(tmp_path / "kept.npz", SMALL, "mark")
    while state.step < 4:
        trainer.step(state)
    assert state.history == whole.history
    for one, other in zip(state.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_checkpoint_of_another_training_is_refused(trainer, tmp_path):
    checkpoint.save(tmp_path / "kept.npz", state_after(trainer, 1), "mark")
    with pytest.raises(checkpoint.CheckpointError, match="other parameters"):
        checkpoint.load(tmp_path / "kept.npz", SMALL, "another mark")


def test_a_training_can_begin_with_the_weights_of_another(trainer, tmp_path):
    before, state = state_after(trainer, 1), new_state(SMALL)
    checkpoint.save(tmp_path / "kept.npz", before, "mark")
    checkpoint.load_weights(tmp_path / "kept.npz", state)
    assert state.step == 0
    for one, other in zip(state.network.parameters(), before.network.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(checkpoint.CheckpointError, match="another shape"):
        checkpoint.load_weights(tmp_path / "kept.npz", new_state(Parameters(width=8, blocks=1)))


@pytest.mark.parametrize("smooth", [True, False])
def test_what_is_exported_is_what_was_trained(smooth):
    network = Transformer(4, 2, smooth=smooth)
    image = torch.rand(2, 3, 32, 48) * 255
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    (styled,) = ort.InferenceSession(to_onnx(weights)).run(None, {"image": image.numpy()})
    np.testing.assert_allclose(styled, network(image).detach().numpy(), atol=0.5)  # grey levels; half precision


def test_training_pauses_where_it_no_longer_improves():
    falling = [(1000.0 - step,) for step in range(1000)]
    assert not no_longer_improves(falling, (1.0,))
    assert no_longer_improves([(1.0,)] * 1000, (1.0,))
    assert not no_longer_improves([(1.0,)] * 1001, (1.0,))


def test_a_network_that_sees_single_pixels_has_no_shift_error(pictures):
    network = torch.nn.Conv2d(3, 3, 1)
    assert shift_error(network, pictures[0][0]) < 0.01


def test_a_preview_is_as_high_for_tall_pictures_as_for_wide_ones():
    network, tall, wide = torch.nn.Conv2d(3, 3, 1), np.zeros((90, 60, 3), np.uint8), np.zeros((60, 90, 3), np.uint8)
    for painting, photo in ((tall, wide), (wide, tall)):
        assert preview(network, painting, photo).shape[0] == 288


def test_a_folder_without_pictures_is_an_error(tmp_path):
    (tmp_path / "text.txt").write_text("nothing")
    with pytest.raises(ContentError, match="no image and no video"):
        read_content([tmp_path], 64)
    with pytest.raises(ContentError, match="not an image"):
        read_image(tmp_path / "text.txt")


def test_the_command_writes_a_network_a_preview_and_facts(classifier, pictures, tmp_path, capsys):
    write_jpeg(tmp_path / "painting.jpg", pictures[0][0])
    arguments = ["--style", str(tmp_path / "painting.jpg"), "--content", str(tmp_path), "--out", str(tmp_path / "out")]
    sizes = [
        "--width",
        "4",
        "--blocks",
        "1",
        "--steps",
        "10",
        "--crop",
        "64",
        "--style-side",
        "64",
        "--content-side",
        "80",
    ]
    assert main([*arguments, *sizes, "--features", str(classifier), "--device", "cpu"]) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"network.onnx", "facts.json", "preview.jpg", "checkpoint.npz"}
    assert "step 10 of 10" in capsys.readouterr().out
    assert main([*arguments, "--features", "nothing.onnx"]) == 2

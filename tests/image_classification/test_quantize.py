"""An eight-bit copy answers like the network; what cannot be copied so is refused."""

import numpy as np
import pytest

from shared.errors import InvalidInput
from shared.image_classification.classifier import Classifier
from shared.image_classification.preprocessing import Preprocessing
from shared.image_classification.quantize import compared, quantized
from tests.image_classification.networks import channel_means, small_weights

ASKED = Preprocessing(resize=8, crop=8)
INPUTS = list(np.random.default_rng(0).random((6, 3, 8, 8)).astype(np.float32))


def opened(network: bytes) -> Classifier:
    return Classifier.open(network, ("red", "green", "blue"), ASKED, softmax=True, threads=1)


def test_a_network_with_weights_in_eight_bits_already_gets_its_activations_so_too() -> None:
    network = small_weights()
    copy = quantized(network, "x", INPUTS)
    assert b"QuantizeLinear" in copy
    assert b"QuantizeLinear" not in network
    found = compared(opened(network), opened(copy), INPUTS, ["red"] * 3 + ["other"] * 3)
    assert found.images == len(INPUTS)
    assert found.same_label == 1
    assert (found.labelled, found.right, found.copy_right) == (3, 0, 0)
    assert 0 < found.largest_difference < 0.02


def test_weights_in_eight_bits_mean_what_they_stand_for() -> None:
    x = INPUTS[0]
    scores = 2 * x.mean((1, 2)) * [1, 2, 3] + [-1, 0, 1]
    expected = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(opened(small_weights()).classify(x[None])[0], expected, rtol=1e-5)


def test_a_network_that_cannot_be_copied_so_is_refused() -> None:
    with pytest.raises(InvalidInput, match="eight bits"):
        quantized(channel_means(), "y", INPUTS)

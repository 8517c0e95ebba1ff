import pytest
import torch
from tiny_training import network

from nas.train.ema import Ema


def test_the_average_follows_weights_and_copies_statistics():
    source = network()
    ema = Ema(source, 0.9)
    before = {name: tensor.clone() for name, tensor in ema.network.state_dict().items()}
    with torch.no_grad():
        for tensor in source.state_dict().values():
            tensor.add_(1)
    ema.update(10_000)
    ema.copy_buffers()
    parameters = {name for name, _ in source.named_parameters()}
    for name, tensor in ema.network.state_dict().items():
        assert torch.allclose(tensor, before[name] + (0.1 if name in parameters else 1)), name


def test_the_decay_rises_to_what_was_asked():
    ema = Ema(network(), 0.9)
    decays = [ema.decay_at(step) for step in range(200)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[-1] == 0.9


def test_the_averaged_network_evaluates_and_wants_no_gradients():
    ema = Ema(network(), 0.9)
    assert not ema.network.training
    assert not any(parameter.requires_grad for parameter in ema.network.parameters())

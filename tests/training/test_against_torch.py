"""The same network trained by PyTorch, from the same weights and mini-batches, follows the same loss curve.

Needs PyTorch, which is no dependency: skipped without it. Momentum in the form v = beta v + g, which is PyTorch's.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_splits

import caviar
from caviar.network.config import OPTIMIZERS
from caviar.training import packing
from caviar.training.drive import starting_weights
from caviar.training.plan import TRAIN, hyperparameters, program_for
from caviar.training.step import Batch, update

torch = pytest.importorskip("torch", reason="PyTorch is compared with where it is installed")

RATES = {"sgd": 0.1, "momentum": 0.02, "nesterov": 0.02, "rmsprop": 0.003, "adam": 0.01, "adamw": 0.01}


@functools.cache
def compiled(program):
    return jax.jit(lambda s, h, b, rate: update(program, s, h, b, rate=rate, share=rate)[0])


def our_losses(config, split, batches, dtype):
    """Mean loss of every mini-batch before its step, penalties left out."""
    program = program_for(config, split)
    with jax.enable_x64(dtype == np.float64):
        start = [starting_weights(config, split)]
        one = packing.stacked([hyperparameters(config, split)], np.dtype(dtype))
        state = packing.first_state(
            packing.padded(start, program.architecture, np.dtype(dtype)), one, program.architecture
        )
        one, state = jax.tree.map(lambda v: jnp.asarray(v[0]), (one, state))
        seen = []
        for rows in batches:
            batch = Batch(
                jnp.asarray(split.x[rows].T.astype(dtype)),
                jnp.asarray(split.y[rows]),
                jnp.full(len(rows), TRAIN, jnp.int32),
                None,
            )
            state = compiled(program)(
                state._replace(loss_sum=0 * state.loss_sum), one, batch, jnp.asarray(config.rate, dtype)
            )
            seen.append(float(state.loss_sum))
    return np.array(seen)


def their_losses(config, split, batches, dtype):
    """The same by PyTorch."""
    kind = torch.float64 if dtype == np.float64 else torch.float32
    weights = starting_weights(config, split)
    parts, decayed, others = [], [], []
    if split.image_shape:
        height, width, channels = split.image_shape
        parts.append(torch.nn.Unflatten(1, (channels, height, width)))
    for number, layer in enumerate(weights):
        hidden, bias = number < config.layers, not (number < config.layers and config.batch_norm)
        convolution = config.convolutions[number] if number < len(config.filters) else None
        if convolution:
            side = convolution.kernel
            inputs = layer.w.shape[1] // side**2
            linear = torch.nn.Conv2d(
                inputs, len(layer.w), side, convolution.stride, padding=side // 2, bias=bias, dtype=kind
            )
        else:
            parts += [torch.nn.Flatten()]
            linear = torch.nn.Linear(*layer.w.shape[::-1], bias=bias, dtype=kind)
        linear.weight.data = torch.tensor(np.asarray(layer.w), dtype=kind).reshape(linear.weight.shape)
        decayed.append(linear.weight)
        if linear.bias is not None:
            linear.bias.data.zero_()
            others.append(linear.bias)
        parts.append(linear)
        if hidden:
            if config.batch_norm:
                make = torch.nn.BatchNorm2d if convolution else torch.nn.BatchNorm1d
                norm = make(layer.w.shape[0], eps=config.norm_epsilon, dtype=kind)
                others += norm.parameters()
                parts.append(norm)
            parts.append({"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[config.activations[number]]())
            if convolution:
                parts.append(torch.nn.MaxPool2d(convolution.pool))
    model = torch.nn.Sequential(*parts)
    lam = config.l2 / split.n_train
    decay = config.weight_decay if config.optimizer == "adamw" else lam
    groups = [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    rate, beta = config.rate, config.momentum
    make = {
        "sgd": lambda: torch.optim.SGD(groups, rate),
        "momentum": lambda: torch.optim.SGD(groups, rate, momentum=beta),
        "nesterov": lambda: torch.optim.SGD(groups, rate, momentum=beta, nesterov=True),
        "rmsprop": lambda: torch.optim.RMSprop(groups, rate, alpha=0.9, eps=config.epsilon),
        "adam": lambda: torch.optim.Adam(groups, rate, eps=config.epsilon),
        "adamw": lambda: torch.optim.AdamW(groups, rate, eps=config.epsilon),
    }
    optimizer, seen = make[config.optimizer](), []
    for rows in batches:
        z = model(torch.tensor(split.x[rows], dtype=kind))
        loss = torch.nn.functional.cross_entropy(z, torch.tensor(split.y[rows], dtype=torch.int64))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    return np.array(seen)


@pytest.mark.parametrize(("dtype", "steps", "tolerance"), [(np.float64, 100, 1e-6), (np.float32, 10, 1e-4)])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_loss_curve(optimizer, batch_norm, dtype, steps, tolerance):
    config = caviar.Config(
        hidden_units=(17, 9),
        activation=("tanh", "relu"),
        batch_norm=batch_norm,
        norm_epsilon=1e-5,
        optimizer=optimizer,
        momentum_form="sum",
        learning_rate=RATES[optimizer],
        l2=0.0 if optimizer == "adamw" else 0.5,
        weight_decay=0.1 if optimizer == "adamw" else 0.0,
        batch_size=24,
        seed=3,
    )
    assert_the_same_curve(toy_splits.classes(), config, dtype, steps, tolerance)


def assert_the_same_curve(split, config, dtype, steps, tolerance):
    rng = np.random.default_rng(1)
    batches = [rng.choice(96, 24, replace=False) for _ in range(steps)]
    ours, theirs = (losses(config, split, batches, dtype) for losses in (our_losses, their_losses))
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)
    assert ours[-1] < ours[0]


CONVOLUTIONAL = [
    {"filters": (5, 6), "hidden_units": (9,), "activation": ("relu", "tanh", "relu")},
    {"filters": (5, 6), "hidden_units": (9,), "activation": "tanh", "batch_norm": True, "kernel_size": (5, 3)},
    {"filters": (7,), "hidden_units": (), "stride": 2, "pooling": 3, "activation": "tanh"},
]


@pytest.mark.parametrize(("dtype", "steps", "tolerance"), [(np.float64, 50, 1e-6), (np.float32, 10, 1e-4)])
@pytest.mark.parametrize("layers", CONVOLUTIONAL, ids=range(len(CONVOLUTIONAL)))
def test_the_same_loss_curve_of_convolutions(layers, dtype, steps, tolerance):
    config = caviar.Config(**layers, norm_epsilon=1e-5, learning_rate=0.003, l2=0.5, batch_size=24, seed=3)
    assert_the_same_curve(toy_splits.images(), config, dtype, steps, tolerance)

"""A neural network by hand: the course's formulas in float64 NumPy, for the tests to compare with.

Examples are columns: Z = W A + b. A network is a list of layers, each a dictionary of arrays: `w`, `b` and, under
batch norm, `gamma`; `b` is then batch norm's beta. Nothing here is fast, and nothing comes from caviar.
"""

import math

import numpy as np
from scipy.signal import correlate2d

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


def activation(name, z):
    """The textbook formula of an activation, and of its derivative."""
    one, s, negative = np.ones_like(z), sigmoid(z), np.exp(np.minimum(z, 0))
    u = math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)
    du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z**2)
    return {
        "linear": (z, one),
        "relu": (np.maximum(z, 0), np.where(z > 0, 1.0, 0.0)),
        "leaky_relu": (np.where(z > 0, z, 0.01 * z), np.where(z > 0, 1.0, 0.01)),
        "tanh": (np.tanh(z), 1 - np.tanh(z) ** 2),
        "sigmoid": (s, s * (1 - s)),
        "silu": (z * s, s + z * s * (1 - s)),
        "gelu": (0.5 * z * (1 + np.tanh(u)), 0.5 * (1 + np.tanh(u)) + 0.5 * z * (1 - np.tanh(u) ** 2) * du),
        "elu": (np.where(z > 0, z, negative - 1), np.where(z > 0, 1.0, negative)),
        "selu": (
            SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * (negative - 1)),
            SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA * negative),
        ),
    }[name]


def batch_norm(z, gamma, beta, epsilon, statistics):
    mean, variance = statistics
    return gamma[:, None] * (z - mean[:, None]) / np.sqrt(variance + epsilon)[:, None] + beta[:, None]


def batch_norm_backward(dout, z, gamma, epsilon):
    """dz, dgamma, dbeta: the chain rule as Ioffe & Szegedy 2015 print it, section 3; m columns."""
    m = z.shape[1]
    mu, var = z.mean(1, keepdims=True), z.var(1, keepdims=True)
    z_norm = (z - mu) / np.sqrt(var + epsilon)
    dnorm = dout * gamma[:, None]
    dvar = (dnorm * (z - mu) * -0.5 * (var + epsilon) ** -1.5).sum(1, keepdims=True)
    dmu = (dnorm * -1 / np.sqrt(var + epsilon)).sum(1, keepdims=True) + dvar * (-2 * (z - mu)).sum(1, keepdims=True) / m
    dz = dnorm / np.sqrt(var + epsilon) + dvar * 2 * (z - mu) / m + dmu / m
    return dz, (dout * z_norm).sum(1), dout.sum(1)


def layer_norm_backward(dout, z, gamma, epsilon):
    """As `batch_norm_backward`, over the units of every example (Ba et al. 2016): dz, dgamma, dbeta."""
    mu, var = z.mean(0, keepdims=True), z.var(0, keepdims=True)
    z_norm = (z - mu) / np.sqrt(var + epsilon)
    dnorm = dout * gamma[:, None]
    dz = (dnorm - dnorm.mean(0) - z_norm * (dnorm * z_norm).mean(0)) / np.sqrt(var + epsilon)
    return dz, (dout * z_norm).sum(1), dout.sum(1)


def convolve(w, a, kernel, stride):
    """(filters, rows, columns, batch), one filter, channel and image at a time."""
    channels, _, _, batch = a.shape
    filters = w.reshape(len(w), channels, kernel, kernel)
    whole = np.array(
        [
            [
                sum(correlate2d(np.pad(a[c, :, :, n], kernel // 2), f[c], "valid") for c in range(channels))
                for n in range(batch)
            ]
            for f in filters
        ]
    )
    return whole.transpose(0, 2, 3, 1)[:, ::stride, ::stride]


def max_pool(a, size):
    rows, columns = a.shape[1] // size, a.shape[2] // size
    out = np.empty((len(a), rows, columns, a.shape[3]))
    for i in range(rows):
        for j in range(columns):
            out[:, i, j] = a[:, i * size : (i + 1) * size, j * size : (j + 1) * size].max(axis=(1, 2))
    return out


def softmax(z):
    e = np.exp(z - z.max(0))
    return e / e.sum(0)


def targets(y, outputs):
    """One-hot columns for class numbers, the numbers themselves otherwise."""
    return y[None] if y.dtype.kind == "f" else np.eye(outputs)[y].T


def losses(z, target, output, loss, delta=1.0):
    """Loss of every example and its derivative by z."""
    if (output, loss) == ("softmax", "cross_entropy"):
        return -(target * np.log(softmax(z))).sum(0), softmax(z) - target
    if (output, loss) == ("sigmoid", "cross_entropy"):
        p = sigmoid(z)
        return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(0), p - target
    p = {"softmax": softmax, "sigmoid": sigmoid, "linear": np.array}[output](z)
    e = p - target
    inside = np.abs(e) <= delta
    value, d = {
        "squared": (e**2, 2 * e),
        "absolute": (np.abs(e), np.sign(e)),
        "huber": (
            np.where(inside, e**2 / 2, delta * np.abs(e) - delta**2 / 2),
            np.where(inside, e, delta * np.sign(e)),
        ),
    }[loss]
    slope = {"softmax": p * (d - (d * p).sum(0)), "sigmoid": p * (1 - p) * d, "linear": d}[output]
    return value.sum(0), slope


def loss(outputs, y, config=None, *, class_weight=None, mix=lambda values: values):
    """Mean loss and d loss / d outputs: by default cross-entropy for class numbers, squared error for real ones."""
    m, classes = outputs.shape[1], len(outputs) > 1
    target = mix(targets(y, len(outputs)))
    weight = np.ones(m) if class_weight is None else class_weight @ target
    output, kind = getattr(config, "output", None), getattr(config, "loss", None)
    output = output or ("softmax" if classes else "linear")
    kind = kind or ("cross_entropy" if classes and output != "linear" else "squared")
    if classes and config is not None:
        target = (1 - config.label_smoothing) * target + config.label_smoothing / len(outputs)
    value, d = losses(outputs, target, output, kind, getattr(config, "huber_delta", 1.0))
    return (weight * value).sum() / m, weight * d / m


def forward(layers, x, config, *, uniforms=None, statistics=None):
    """Outputs, and what was seen on the way. Dropout when `uniforms` are given; batch norm by `statistics` or by x."""
    a, seen = x, []
    for number, layer in enumerate(layers[:-1]):
        step = {"input": a, "z": layer["w"] @ a}
        if config.batch_norm:
            z = step["z"]
            step["statistics"] = statistics[number] if statistics else (z.mean(1), z.var(1))
            z = batch_norm(z, layer["gamma"], layer["b"], config.norm_epsilon, step["statistics"])
        elif config.layer_norm:
            z = step["z"]
            spread = np.sqrt(z.var(0) + config.norm_epsilon)
            z = layer["gamma"][:, None] * (z - z.mean(0)) / spread + layer["b"][:, None]
        else:
            z = step["z"] + layer["b"][:, None]
        a, step["slope"] = activation(config.activations[number], z)
        keep = 1 - config.dropouts[number]
        step["mask"] = np.ones_like(a) if uniforms is None else (uniforms[number] < keep) / keep
        a = a * step["mask"]
        seen.append(step)
    last = layers[-1]
    return last["w"] @ a + last["b"][:, None], [*seen, {"input": a}]


def penalty(layers, config, m):
    squares = sum((layer["w"] ** 2).sum() for layer in layers)
    sizes = sum(np.abs(layer["w"]).sum() for layer in layers)
    return config.l2 / (2 * m) * squares + config.l1 / (2 * m) * sizes


def gradients(layers, x, y, config, m, *, uniforms=None, **of_loss):
    """The mini-batch's mean loss, the gradients of J = loss + penalties, and batch norm's (mean, variance)."""
    outputs, seen = forward(layers, x, config, uniforms=uniforms)
    value, d = loss(outputs, y, config, **of_loss)
    found = []
    for number in reversed(range(len(layers))):
        layer, step, own = layers[number], seen[number], {}
        if number < len(layers) - 1:
            d = d * step["mask"] * step["slope"]
            if config.batch_norm:
                d, own["gamma"], own["b"] = batch_norm_backward(d, step["z"], layer["gamma"], config.norm_epsilon)
            elif config.layer_norm:
                d, own["gamma"], own["b"] = layer_norm_backward(d, step["z"], layer["gamma"], config.norm_epsilon)
        own["b"] = own.get("b", d.sum(1))
        own["w"] = d @ step["input"].T + config.l2 / m * layer["w"] + config.l1 / (2 * m) * np.sign(layer["w"])
        d = layer["w"].T @ d
        found.insert(0, own)
    return value, found, [step["statistics"] for step in seen if "statistics" in step]


def clip(found, config):
    """Gradients cut by value, then all of them together by norm."""
    if config.clip_value is not None:
        found = [{k: np.clip(g, -config.clip_value, config.clip_value) for k, g in own.items()} for own in found]
    length = math.sqrt(sum((g**2).sum() for own in found for g in own.values()))
    factor = 1.0 if config.clip_norm is None or length <= config.clip_norm else config.clip_norm / length
    return [{k: factor * g for k, g in own.items()} for own in found]


def bound(layers, config):
    """Shorten every unit's incoming weights to `max_norm`, in place."""
    for layer in layers:
        layer["w"] *= np.minimum(1, config.max_norm / np.linalg.norm(layer["w"], axis=1))[:, None]


class Optimizer:
    """The six optimisers, each as the course or its paper writes it; decoupled weight decay beside them."""

    def __init__(self, config):
        self.config, self.t, self.v, self.s = config, 0, {}, {}

    def step(self, layers, found, rate):
        """Change the weights in place by one update."""
        self.t += 1
        for number, (layer, own) in enumerate(zip(layers, found, strict=True)):
            for name, g in own.items():
                decayed = layer[name] * (1 - rate * self.config.weight_decay * (name == "w"))
                layer[name] = decayed - rate * self.direction((number, name), g)

    def direction(self, key, g):
        c, v, s = self.config, self.v.get(key, 0 * g), self.s.get(key, 0 * g)
        match c.optimizer:
            case "sgd":
                return g
            case "momentum" | "nesterov":
                gain = 1 - c.momentum if c.momentum_form == "average" else 1
                self.v[key] = v = c.momentum * v + gain * g
                return v if c.optimizer == "momentum" else c.momentum * v + gain * g
            case "rmsprop":
                beta2 = 0.9 if c.beta2 is None else c.beta2
                self.s[key] = s = beta2 * s + (1 - beta2) * g**2
                return g / (np.sqrt(s) + c.epsilon)
            case "adam" | "adamw":
                beta2 = 0.999 if c.beta2 is None else c.beta2
                self.v[key] = v = c.beta1 * v + (1 - c.beta1) * g
                self.s[key] = s = beta2 * s + (1 - beta2) * g**2
                return v / (1 - c.beta1**self.t) / (np.sqrt(s / (1 - beta2**self.t)) + c.epsilon)


def learning_rate(config, t, per_epoch, epochs):
    """The rate of step t, counted from 1."""
    e, alpha, k = (t - 1) // per_epoch, config.rate, config.decay_rate
    warm = config.warmup * per_epoch
    p = max(0.0, (t - 1 - warm) / max(1.0, epochs * per_epoch - warm))
    if isinstance(config.schedule, tuple):
        past = [rate for epoch, rate in config.schedule if e >= epoch]
        return (past or [alpha])[-1] * (min(1, t / warm) if warm else 1)
    rise, fall = p / 0.3, (p - 0.3) / 0.7
    factor = {
        "constant": lambda: 1,
        "inverse_time": lambda: 1 / (1 + (1 if k is None else k) * e),
        "exponential": lambda: (0.95 if k is None else k) ** e,
        "inverse_sqrt_epoch": lambda: 1 / math.sqrt(e + 1),
        "inverse_sqrt_step": lambda: 1 / math.sqrt(t),
        "staircase": lambda: (0.5 if k is None else k) ** (e // config.decay_every),
        "cosine": lambda: (1 + math.cos(math.pi * p)) / 2,
        "one_cycle": lambda: (
            1 / 25 + 24 / 25 * (1 - math.cos(math.pi * rise)) / 2
            if p < 0.3
            else 4e-6 + (1 - 4e-6) * (1 + math.cos(math.pi * fall)) / 2
        ),
    }[config.schedule]()
    return alpha * factor * (min(1, t / warm) if warm else 1)


def train(layers, config, x, y, mini_batches, *, m, epochs, per_epoch, uniforms=None):
    """Train in place on the given mini-batches (arrays of row numbers); rows of x are examples.

    Returns:
        J of every mini-batch (penalties of the epoch's start), and batch norm's averaged (mean, variance) per layer.
    """
    optimizer, values, moving = Optimizer(config), [], None
    for t, rows in enumerate(mini_batches, start=1):
        if (t - 1) % per_epoch == 0:
            penalties = penalty(layers, config, m)
        drawn = None if uniforms is None else [u[:, : len(rows)] for u in uniforms(t - 1)]
        value, found, seen = gradients(layers, x[rows].T, y[rows], config, m, uniforms=drawn)
        optimizer.step(layers, found, learning_rate(config, t, per_epoch, epochs))
        values.append(value + penalties)
        zero = [(0.0, 0.0) for _ in seen]
        beta = config.norm_beta
        moving = [
            tuple(beta * old + (1 - beta) * new for old, new in zip(past, now, strict=True))
            for past, now in zip(moving or zero, seen, strict=True)
        ]
    t = len(values)
    return values, [tuple(v / (1 - beta**t) for v in pair) for pair in moving or []]

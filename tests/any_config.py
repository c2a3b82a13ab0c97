"""Hypothesis strategies for configs: any that may be built."""

from hypothesis import strategies as st

from caviar.network.activations import ACTIVATIONS
from caviar.network.config import DECAYING, INITIALIZERS, OPTIMIZERS, SCHEDULES, Config
from caviar.network.losses import LOSSES, OUTPUTS

SHARES = st.floats(0, 1, exclude_max=True)
SIZES = st.floats(0, 1e6)


LIMITS = st.none() | st.floats(1e-6, 1e6)
BY_HAND = st.dictionaries(st.integers(0, 99), SIZES, min_size=1, max_size=4).map(lambda d: tuple(sorted(d.items())))


@st.composite
def convolutional(draw, *, side=6, most_filters=5):
    """Settings of convolutions, and of changes of images, for images of at least this side."""
    residual = draw(st.booleans())
    filters = draw(st.lists(st.integers(1, most_filters), min_size=1, max_size=3))
    if residual:
        filters = sorted((filters * 3)[: draw(st.sampled_from([1, 3]))])
    pooling = draw(st.integers(1, 2)) if len(filters) <= 2 else 1
    augment = draw(
        st.lists(
            st.sampled_from(
                ["flip", "shift", "crop", "rotate", "cutout", ("shift", 0), ("rotate", 180.0), ("cutout", 99)]
            ),
            max_size=3,
            unique_by=lambda one: one if isinstance(one, str) else one[0],
        )
    )
    return {
        "filters": tuple(filters),
        "kernel_size": draw(st.sampled_from([1, 3, (5,) * len(filters)])),
        "stride": draw(st.integers(1, 2)) if side >= 2 ** (len(filters) + 2) else 1,
        "pooling": pooling,
        "global_pooling": draw(st.booleans()),
        "residual": residual,
        "augment": tuple(augment),
    }


@st.composite
def configs(draw, *, classes=3, most_units=300, most_layers=4, images=False):
    """Any Config that may be built; for so many classes, or for a number where there are none."""
    of_images = draw(convolutional()) if images else {}
    depth = len(of_images.get("filters", ()))
    units = tuple(draw(st.lists(st.integers(1, most_units), max_size=most_layers)))
    word = st.sampled_from(ACTIVATIONS)
    schedule = draw(st.sampled_from(SCHEDULES) | BY_HAND)
    norm = draw(st.sampled_from(["batch_norm", "layer_norm", None])) if units or depth else None
    output = draw(st.none() | st.sampled_from(OUTPUTS))
    possible = [loss for loss in LOSSES if loss != "cross_entropy" or (classes and output != "linear")]
    epochs = draw(st.none() | st.integers(1, 10**6))
    rows = draw(
        st.just(1.0)
        | st.just("train+dev")
        | st.floats(1e-3, 1)
        | st.integers(2, 9).flatmap(lambda k: st.tuples(st.integers(0, k - 1), st.just(k)))
    )
    settings = st.fixed_dictionaries(
        {},
        optional={
            "activation": word | st.tuples(*[word] * (depth + len(units))),
            "initializer": st.sampled_from(INITIALIZERS),
            "initial_scale": SIZES,
            "prior_bias": st.booleans(),
            "loss": st.none() | st.sampled_from(possible),
            "huber_delta": st.floats(1e-3, 1e3),
            "norm_statistics": st.sampled_from(["moving", "exact"]) if norm == "batch_norm" else st.just("moving"),
            "norm_epsilon": st.floats(1e-12, 0.5),
            "norm_beta": SHARES,
            "dropout": SHARES | st.tuples(*[SHARES] * (depth + len(units))),
            "l1": SIZES,
            "l2": SIZES,
            "weight_decay": SIZES,
            "max_norm": LIMITS,
            "input_noise": SIZES,
            "mixup": st.floats(0, 100),
            "label_smoothing": SHARES if classes else st.just(0.0),
            "class_weight": st.sampled_from([None, "balanced", (0.0, 1.0, 2.5)] if classes else [None]),
            "clip_norm": LIMITS,
            "clip_value": LIMITS,
            "optimizer": st.sampled_from(OPTIMIZERS),
            "learning_rate": st.none() | st.just(0.0) | st.floats(1e-20, 1e6),
            "momentum": SHARES,
            "momentum_form": st.sampled_from(["average", "sum"]),
            "beta1": SHARES,
            "beta2": st.none() | SHARES,
            "epsilon": st.floats(1e-12, 1),
            "decay_rate": st.none() | SIZES if schedule in DECAYING else st.none(),
            "decay_every": st.integers(1, 99),
            "warmup": SIZES,
            "batch_size": st.integers(1, 9999) | st.sampled_from(["full", "auto"]),
            "sampling": st.sampled_from(["shuffled", "balanced"] if classes else ["shuffled"]),
            "average_weights": st.none() | st.floats(0.01, 0.9999),
            "early_stopping": st.none() if rows == "train+dev" else st.none() | st.integers(1, 99),
            "stop_after": st.none() | st.integers(1, epochs or 99),
            "record": st.sampled_from(["losses", "layers"]),
            "precision": st.sampled_from(["float32", "bfloat16"]),
            "seed": st.integers(0, 2**31 - 1),
        },
    )
    if norm:
        settings = settings.map(lambda own: own | {norm: True})
    settings = draw(settings) | of_images
    return Config(hidden_units=units, schedule=schedule, epochs=epochs, rows=rows, output=output, **settings)

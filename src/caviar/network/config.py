"""`Config`: one network and how it learns, checked when it is built."""

import dataclasses
import hashlib
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, get_args

from caviar.errors import BadConfig, nearest
from caviar.network.activations import ACTIVATIONS, ActivationName
from caviar.network.initializers import INITIALIZERS, InitializerName
from caviar.network.layers import PRECISIONS, Precision
from caviar.network.losses import LOSSES, OUTPUTS, LossName, OutputName
from caviar.network.shapes import Convolution

OptimizerName = Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"]
OPTIMIZERS: tuple[OptimizerName, ...] = get_args(OptimizerName)

ScheduleName = Literal[
    "constant",
    "inverse_time",
    "exponential",
    "inverse_sqrt_epoch",
    "inverse_sqrt_step",
    "staircase",
    "cosine",
    "one_cycle",
]
SCHEDULES: tuple[ScheduleName, ...] = get_args(ScheduleName)

ByHand = tuple[tuple[int, float], ...]
"""A schedule given by hand: (finished epochs, learning rate from then on), in order."""

AugmentName = Literal["flip", "shift", "crop", "rotate", "cutout"]
Augment = tuple[tuple[AugmentName, float], ...]
AUGMENT_USUAL: dict[AugmentName, float] = {"flip": 0.5, "shift": 2, "crop": 4, "rotate": 15, "cutout": 8}
"""How much of each change of images when its word stands alone."""
_AUGMENT_MOST = {"flip": 1, "rotate": 180}
"""Where the amount is no whole number."""

MomentumForm = Literal["average", "sum"]
NormStatistics = Literal["moving", "exact"]
Sampling = Literal["shuffled", "balanced"]
Recorded = Literal["losses", "layers"]
Rows = float | tuple[int, int] | Literal["train+dev"]

DECAYING: tuple[ScheduleName, ...] = ("inverse_time", "exponential", "staircase")
"""The schedules that read `decay_rate`."""

OF_LAYERS = ("filters", "activation", "batch_norm", "layer_norm", "dropout", "max_norm", "prior_bias", "precision")
"""Settings of layers, which a network of the user's own does not have."""

_SMALLEST = 1e-20
"""A number that keeps a division finite, forward and backward, must not vanish in float32."""

_FINITE = 1e38
"""What float32 still holds."""

_XAVIER = (
    "Config.initializer must be one of {known}, got 'xavier'. The word has two meanings: "
    "the course's 1/inputs is 'lecun', Glorot's 2/(inputs + outputs) is 'glorot'."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """One network and how it learns. Every field may differ between the networks of one call of `train`.

    Convolutions come first; "hidden layers" are they and the dense ones behind them, in this order.

    Attributes:
        hidden_units: units of each dense hidden layer, each at least 1; () is a linear model.
        filters: of each convolution in front of the dense layers, each at least 1; for images.
        kernel_size: rows and columns that a filter sees, odd: one for all convolutions or one per convolution. Images
            are padded with zeros, so that they keep their size.
        stride: rows and columns from one place of a filter to the next, alike; 2 halves the image.
        pooling: side of the squares of which the largest activation is kept behind each convolution, alike; 1 keeps
            all. One for all is used behind every residual block, not inside.
        global_pooling: mean of every filter over the image in front of the dense layers, instead of all its places.
        residual: the convolutions behind the first are taken in pairs, whose input is added to what the second gives
            before its activation; filters that the input lacks count as 0 (He et al. 2016, shortcut A).
        network: a network of your own instead of these layers: the functions (init, apply) of `network.own`. `init` may
            read `hidden_units`, `initializer` and `initial_scale` of its config. Penalties and `weight_decay` hold for
            all its arrays of two or more axes.
        activation: one word for all hidden layers, or one per layer.
        output: what is made of the last layer's z: `softmax`, `sigmoid` (one per class) or `linear`; None is softmax
            for classes and linear for numbers. One that does not suit the target is allowed.
        loss: `cross_entropy`, `squared`, `absolute` or `huber`, see `network.losses`; None is cross-entropy for softmax
            and sigmoid classes, squared otherwise. Numbers are compared after standardising, classes with 0 and 1.
        huber_delta: error from which `huber` grows in a straight line, above 0.
        initializer: spread of the starting weights; `he` 2/inputs, `lecun` 1/inputs (the course's Xavier),
            `glorot` 2/(inputs + outputs), `normal` with `initial_scale`, `orthogonal`, `zeros`.
        initial_scale: standard deviation for `normal`; 0.01 is the course's.
        prior_bias: start the last layer's bias so that a network with weights 0 predicts the class shares of its
            training rows; numbers are standardised, so that their mean is 0 already.
        batch_norm: normalise z of every hidden layer over the mini-batch (of a filter: and over the image).
        layer_norm: normalise z of every hidden layer over its units, for each example (and each place of the image);
            not beside batch norm.
        norm_epsilon: added to the variance in batch norm and layer norm, in [1e-20, 1).
        norm_beta: weight of the past in batch norm's moving averages, in [0, 1).
        norm_statistics: what batch norm uses at test: `moving` averages from training, or the `exact` ones, by a
            pass of the final network over its training rows. The history is measured with the moving ones.
        dropout: share of hidden units dropped, in [0, 1): one for all hidden layers or one per layer.
            The course's keep_prob is 1 - dropout. Of convolutions whole filters are dropped (Tompson et al. 2015).
        l1: lambda of J += lambda / (2 m) * sum |W|, at least 0; m is the number of training rows.
        l2: lambda of J += lambda / (2 m) * sum W^2, at least 0 (PyTorch's weight_decay is l2 / m).
        weight_decay: decoupled decay, W -= rate * weight_decay * W, at least 0.
        max_norm: None, or the largest length of a unit's incoming weights, above 0: longer ones are shortened to it
            after every update.
        input_noise: standard deviation of Gaussian noise added to the prepared inputs in training, at least 0.
        mixup: alpha of mixup, at least 0; 0 is off. Every mini-batch is mixed with its own rows one place on, with a
            share drawn from Beta(alpha, alpha).
        augment: changes of images in training, words or (word, amount): `flip` left to right (chance, 0.5), `shift`
            (most pixels, 2), `crop` behind padding (pixels, 4), `rotate` (most degrees, 15), `cutout` (side of a
            square, 8); see `training.augment`.
        label_smoothing: share of the target spread over all classes, in [0, 1); classification only.
        class_weight: None, "balanced" (every class counts alike in J) or one weight per class, in sorted order, each
            at least 0; only their ratios matter, since they are scaled to a mean of 1 over the training rows.
        optimizer: `sgd`, `momentum`, `nesterov`, `rmsprop`, `adam`, `adamw` (Adam for use with `weight_decay`).
        learning_rate: alpha, 0 or at least 1e-20; None is 1e-3 for RMSprop and Adam, 0.1 for the others.
        momentum: beta of `momentum` and `nesterov`, in [0, 1).
        momentum_form: `average` v = beta v + (1 - beta) g, as in the course | `sum` v = beta v + g.
        beta1: Adam's weight of the past gradient, in [0, 1).
        beta2: weight of the past squared gradient, in [0, 1); None is 0.999 for Adam, 0.9 for RMSprop.
        epsilon: added to the root in RMSprop and Adam, at least 1e-20.
        clip_norm: None, or the length to which longer gradients of J (all parameters in one vector) are shortened.
        clip_value: None, or the bound to which every part of the gradient is cut, before `clip_norm`.
        schedule: how the rate changes, see `training.schedules`; or by hand ((epoch, rate), ...): from so many
            finished epochs on this rate, `learning_rate` before the first.
        decay_rate: of `inverse_time` (default 1), `exponential` (0.95) and `staircase` (0.5).
        decay_every: epochs between two steps of `staircase`, at least 1.
        warmup: epochs in which the rate rises in a straight line from 0, at least 0.
        batch_size: rows of a mini-batch, "full", or "auto": full up to 2,000 training rows, then the power of two
            nearest to a five-hundredth of them, within 64 and 512; smaller where the activations of one network
            would take more than 2 GiB. More than there are rows means full.
        sampling: `shuffled`, every row once per epoch, or `balanced`: as many draws, with equal chances for every
            class and within a class for every row.
        epochs: passes over the training rows; the schedule is laid out for them. None: as many as show the
            network about 640,000 rows (10,000 mini-batches of 64), between 5 and 60.
        average_weights: None, or beta in (0, 1): dev loss and the trained network are those of the weights'
            exponentially weighted average, bias-corrected, over about the last 1 / (1 - beta) steps.
        early_stopping: None, or patience: stop after this many epochs without a better dev loss, and keep
            the weights of the best epoch.
        stop_after: train only so many of the `epochs`; the schedule stays as laid out.
        record: what the history holds beside losses, errors and rates: nothing more with `losses`, gradients and units
            of every layer with `layers`, which takes about a tenth more time.
        precision: of the factors of products of weights and activations: `float32`; `tfloat32`, 10 bits behind the
            point, on a GPU only; `bfloat16`, 7 bits. Sums and everything else stay float32.
        rows: 1.0 the training rows | a share of them in (0, 1), see `Split.subset`: chosen anew for every seed, a
            smaller share inside a larger one | (fold, folds) train and dev rows without that fold, which takes the
            place of the dev set | "train+dev" all of them, with no dev set. With a share, m is the number of rows used
            and an epoch has as many steps as on all of them: passes over the subset follow each other, each shuffled
            anew, so that networks of any share have the same number of updates, at the same learning rates.
        seed: of the starting weights, the order of the rows and dropout, in [0, 2^31); equal seeds share
            all random numbers.

    Raises:
        BadConfig: a value out of range, or settings that contradict each other.
    """

    hidden_units: tuple[int, ...] = (64, 64)
    filters: tuple[int, ...] = ()
    kernel_size: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    pooling: int | tuple[int, ...] = 2
    global_pooling: bool = False
    residual: bool = False
    network: tuple[Callable[..., Any], Callable[..., Any]] | None = None
    activation: ActivationName | tuple[ActivationName, ...] = "relu"
    output: OutputName | None = None
    loss: LossName | None = None
    huber_delta: float = 1.0
    initializer: InitializerName = "he"
    initial_scale: float = 0.01
    prior_bias: bool = False
    batch_norm: bool = False
    layer_norm: bool = False
    norm_epsilon: float = 1e-8
    norm_beta: float = 0.99
    norm_statistics: NormStatistics = "moving"
    dropout: float | tuple[float, ...] = 0.0
    l1: float = 0.0
    l2: float = 0.0
    weight_decay: float = 0.0
    max_norm: float | None = None
    input_noise: float = 0.0
    mixup: float = 0.0
    augment: tuple[AugmentName | tuple[AugmentName, float], ...] = ()
    label_smoothing: float = 0.0
    class_weight: Literal["balanced"] | tuple[float, ...] | None = None
    optimizer: OptimizerName = "adam"
    learning_rate: float | None = None
    momentum: float = 0.9
    momentum_form: MomentumForm = "average"
    beta1: float = 0.9
    beta2: float | None = None
    epsilon: float = 1e-8
    clip_norm: float | None = None
    clip_value: float | None = None
    schedule: ScheduleName | ByHand = "constant"
    decay_rate: float | None = None
    decay_every: int = 10
    warmup: float = 0.0
    batch_size: int | Literal["full", "auto"] = 64
    sampling: Sampling = "shuffled"
    epochs: int | None = None
    average_weights: float | None = None
    early_stopping: int | None = None
    stop_after: int | None = None
    record: Recorded = "losses"
    precision: Precision = "float32"
    rows: Rows = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in list(vars(self).items()):
            if isinstance(value, list | tuple):
                object.__setattr__(self, name, tuple(tuple(v) if isinstance(v, list) else v for v in value))
        for name in ("hidden_units", "filters"):
            value = getattr(self, name)
            if isinstance(value, int) and not isinstance(value, bool):
                object.__setattr__(self, name, (value,))
        self._check_network()
        self._check_own()
        self._check_regularisation()
        self._check_learning()

    def _check_network(self) -> None:
        for name in ("hidden_units", "filters"):
            if not isinstance(getattr(self, name), tuple):
                raise BadConfig(
                    f"Config.{name} must be whole numbers, one per layer, got {getattr(self, name)!r}. For example "
                    "(64, 64)."
                )
            for units in getattr(self, name):
                _whole(name, units, 1, 1 << 20)
        self._check_convolutions()
        _per_layer("activation", self.activation, self.layers)
        for name in self.activations:
            _word("activation", name, ACTIVATIONS)
        if self.initializer == "xavier":
            raise BadConfig(_XAVIER.format(known=", ".join(INITIALIZERS)))
        _word("initializer", self.initializer, INITIALIZERS)
        _number("initial_scale", self.initial_scale, 0, math.inf)
        _flag("prior_bias", self.prior_bias)
        self._check_norm()
        self._check_loss()

    def _check_convolutions(self) -> None:
        for name in ("kernel_size", "stride", "pooling", "global_pooling", "residual"):
            if not self.filters and getattr(self, name) != getattr(Config, name):
                raise BadConfig(
                    f"Config.{name} must be left out without filters, got {getattr(self, name)!r}: it belongs to "
                    "convolutions. Add filters=(16, 32), or leave it out."
                )
        for name in ("global_pooling", "residual"):
            _flag(name, getattr(self, name))
        for name in ("kernel_size", "stride", "pooling"):
            value = getattr(self, name)
            _per_layer(name, value, len(self.filters), "convolution", "filters")
            for one in value if isinstance(value, tuple) else (value,):
                _whole(name, one, 1, 1 << 10)
                if name == "kernel_size" and one % 2 == 0:
                    raise BadConfig(
                        f"Config.kernel_size must be odd, got {one}: a filter has a middle, so that images keep their "
                        f"size. Use {one + 1}."
                    )
        if self.residual:
            self._check_residual()

    def _check_residual(self) -> None:
        if len(self.filters) % 2 == 0:
            raise BadConfig(
                f"Config.residual needs one convolution and then pairs of them, got {len(self.filters)} filters. "
                f"For example filters={(*self.filters, self.filters[-1])}."
            )
        for second in range(2, len(self.filters), 2):
            if self.filters[second] < self.filters[second - 2]:
                raise BadConfig(
                    f"Config.filters must not fall from one residual block to the next, got {self.filters}: the "
                    "input of a block is added to its output. Let them grow."
                )
            if isinstance(self.pooling, tuple) and self.pooling[second - 1] != 1:
                raise BadConfig(
                    f"Config.pooling must be 1 behind the first convolution of a residual block, got {self.pooling}. "
                    "Pool behind the second one."
                )

    def _check_own(self) -> None:
        if self.network is None:
            return
        functions = isinstance(self.network, tuple) and len(self.network) == 2 and all(map(callable, self.network))
        if not functions or not all(type(function).__hash__ for function in self.network):
            raise BadConfig(
                f"Config.network must be two functions (init, apply), got {self.network!r}. Write init(key, config) -> "
                "weights and apply(weights, x) -> outputs."
            )
        for field in dataclasses.fields(self):
            if field.name in OF_LAYERS and getattr(self, field.name) != field.default:
                raise BadConfig(
                    f"Config.{field.name} must be left out beside a network of your own, got "
                    f"{getattr(self, field.name)!r}: it belongs to caviar's layers. Do it in apply."
                )

    def _check_norm(self) -> None:
        _number("norm_epsilon", self.norm_epsilon, _SMALLEST, 1, advice="The course's is 1e-8.")
        _number("norm_beta", self.norm_beta, 0, 1)
        _word("norm_statistics", self.norm_statistics, get_args(NormStatistics))
        for name in ("batch_norm", "layer_norm"):
            _flag(name, getattr(self, name))
            if getattr(self, name) and not self.layers:
                raise BadConfig(
                    f"Config.{name} must be False without hidden layers: it normalises hidden layers. Add "
                    "hidden_units or leave it out."
                )
        if self.batch_norm and self.layer_norm:
            raise BadConfig("Config.layer_norm must be False beside batch_norm=True, got both. Choose one of them.")
        if self.norm_statistics == "exact" and not self.batch_norm:
            raise BadConfig(
                "Config.norm_statistics must be left out without batch_norm, got 'exact': only batch norm keeps "
                "statistics. Set batch_norm=True or leave it out."
            )

    def _check_loss(self) -> None:
        if self.output is not None:
            _word("output", self.output, OUTPUTS)
        if self.loss is not None:
            _word("loss", self.loss, LOSSES)
        if (self.output, self.loss) == ("linear", "cross_entropy"):
            raise BadConfig(
                "Config.loss must not be 'cross_entropy' with output='linear', got both: it takes the logarithm of "
                "probabilities. Use output='softmax' or 'sigmoid', or loss='squared'."
            )
        _number("huber_delta", self.huber_delta, _SMALLEST, math.inf)

    def _check_regularisation(self) -> None:
        _per_layer("dropout", self.dropout, self.layers)
        for rate in self.dropouts:
            _number(
                "dropout",
                rate,
                0,
                1,
                advice="It is the share of units dropped; the course's keep_prob is 1 - dropout.",
            )
        for name in ("l1", "l2", "weight_decay"):
            _number(name, getattr(self, name), 0, math.inf)
        _number("label_smoothing", self.label_smoothing, 0, 1)
        if self.max_norm is not None:
            _number("max_norm", self.max_norm, _SMALLEST, math.inf, advice="Usual values are 1 to 4.")
        for name in ("input_noise", "mixup"):
            _number(name, getattr(self, name), 0, math.inf)
        self._check_augment()
        self._check_class_weight()

    def _check_augment(self) -> None:
        own: Any = (self.augment,) if isinstance(self.augment, str) else self.augment
        if not isinstance(own, tuple):
            raise BadConfig(
                f"Config.augment must be words or pairs (word, amount), got {own!r}. For example "
                "('flip', ('shift', 2))."
            )
        pairs: dict[Any, float] = {}
        for one in own:
            name, amount = one if isinstance(one, tuple) and len(one) == 2 else (one, None)
            advice = "Or pairs in a tuple, such as (('shift', 2),)."
            _word("augment", name, get_args(AugmentName), advice=advice)
            amount = AUGMENT_USUAL[name] if amount is None else amount  # pyright: ignore[reportArgumentType]
            if name in _AUGMENT_MOST:
                _between("augment", amount, 0, _AUGMENT_MOST[name], advice=f"It is the amount of {name!r}.")
            else:
                _whole("augment", amount, 0, 1 << 10, advice=f"It is the amount of {name!r}, in pixels.")
            if name in pairs:
                raise BadConfig(f"Config.augment must name every change once, got {own!r}. Leave one of them out.")
            pairs[name] = amount
        object.__setattr__(self, "augment", tuple(sorted(pairs.items())))

    def _check_class_weight(self) -> None:
        weights = self.class_weight
        if weights is None or weights == "balanced":
            return
        if not isinstance(weights, tuple):
            raise BadConfig(f"Config.class_weight must be None, 'balanced' or one weight per class, got {weights!r}.")
        for weight in weights:
            _number("class_weight", weight, 0, math.inf)
        if not any(weights):
            raise BadConfig(f"Config.class_weight must have a weight above 0, got {weights!r}.")

    def _check_learning(self) -> None:
        _word("optimizer", self.optimizer, OPTIMIZERS)
        if self.learning_rate is not None:
            _number(
                "learning_rate",
                self.learning_rate,
                0,
                math.inf,
                advice="Leave it out for the optimiser's default.",
            )
            if 0 < self.learning_rate < _SMALLEST:
                raise BadConfig(
                    f"Config.learning_rate must be 0 or at least {_SMALLEST:g}, got {self.learning_rate!r}: a smaller "
                    "one moves no weight of float32. Usual values are 1e-5 to 1."
                )
        _number("momentum", self.momentum, 0, 1)
        _word("momentum_form", self.momentum_form, get_args(MomentumForm))
        _number("beta1", self.beta1, 0, 1)
        if self.beta2 is not None:
            _number("beta2", self.beta2, 0, 1)
        _number(
            "epsilon",
            self.epsilon,
            _SMALLEST,
            math.inf,
            advice="It keeps the step finite where a gradient is always 0; the usual value is 1e-8.",
        )
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                _number(name, getattr(self, name), _SMALLEST, math.inf)
        self._check_schedule()
        if self.batch_size not in ("full", "auto"):
            _whole("batch_size", self.batch_size, 1, 1 << 31, advice='Or "full" for all rows at once, or "auto".')
        _word("sampling", self.sampling, get_args(Sampling))
        if self.average_weights is not None:
            _number("average_weights", self.average_weights, _SMALLEST, 1, advice="Usual values are 0.99 to 0.9999.")
        for name in ("epochs", "early_stopping", "stop_after"):
            if getattr(self, name) is not None:
                _whole(name, getattr(self, name), 1, 10_000_000)
        if self.epochs is not None and self.stop_after is not None and self.stop_after > self.epochs:
            raise BadConfig(
                f"Config.stop_after must be at most epochs = {self.epochs}, got {self.stop_after}. Raise epochs "
                "or lower stop_after."
            )
        _word("record", self.record, get_args(Recorded))
        _word("precision", self.precision, PRECISIONS)
        self._check_rows()
        _whole("seed", self.seed, 0, (1 << 31) - 1)

    def _check_schedule(self) -> None:
        if isinstance(self.schedule, tuple):
            self._check_by_hand(self.schedule)
        else:
            _word("schedule", self.schedule, SCHEDULES, advice="Or a list of (epoch, rate).")
        if self.decay_rate is not None:
            if self.schedule not in DECAYING:
                raise BadConfig(
                    f"Config.decay_rate must be left out with schedule={self.schedule!r}, got {self.decay_rate}. "
                    f"It is read by {', '.join(DECAYING)}: choose one of them, or leave decay_rate out."
                )
            _number("decay_rate", self.decay_rate, 0, math.inf)
        _whole("decay_every", self.decay_every, 1, 10_000_000)
        _number("warmup", self.warmup, 0, math.inf)

    @staticmethod
    def _check_by_hand(schedule: tuple[Any, ...]) -> None:
        if not schedule or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in schedule):
            raise BadConfig(
                f"Config.schedule by hand must be pairs (epoch, rate), got {schedule!r}. For example "
                "((0, 0.1), (20, 0.01)): 0.1 for the first 20 epochs, then 0.01."
            )
        for epoch, rate in schedule:
            _whole("schedule", epoch, 0, 10_000_000, advice="It is (epoch, rate), finished epochs first.")
            _number("schedule", rate, 0, math.inf)
        epochs = [epoch for epoch, _ in schedule]
        if epochs != sorted(set(epochs)):
            raise BadConfig(f"Config.schedule by hand must have rising epochs, got {epochs}. Put them in order.")

    def _check_rows(self) -> None:
        if self.rows == "train+dev":
            if self.early_stopping is not None:
                raise BadConfig(
                    f'Config.early_stopping must be left out with rows="train+dev", got {self.early_stopping}: no '
                    "dev rows are left to "
                    "watch. Use stop_after with the number of epochs that was best before."
                )
        elif isinstance(self.rows, tuple):
            if len(self.rows) != 2:
                raise BadConfig(f"Config.rows must be a share, (fold, folds) or 'train+dev', got {self.rows!r}.")
            _whole("rows", self.rows[1], 2, 1000)
            _whole("rows", self.rows[0], 0, self.rows[1] - 1, advice="It is (fold, folds), folds counted from 0.")
        elif isinstance(self.rows, bool) or not isinstance(self.rows, (int, float)) or not 0 < self.rows <= 1:
            raise BadConfig(
                f"Config.rows must be a share in (0, 1], (fold, folds) or 'train+dev', got {self.rows!r}. 1.0 means "
                "the training rows."
            )

    @property
    def layers(self) -> int:
        """Number of hidden layers, convolutions and dense ones."""
        return len(self.filters) + len(self.hidden_units)

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        """The convolutions, in order."""
        kernels, strides, pools = (
            value if isinstance(value, tuple) else (value,) * len(self.filters)
            for value in (self.kernel_size, self.stride, self.pooling)
        )
        if self.residual and not isinstance(self.pooling, tuple):
            pools = tuple(1 if number % 2 else pool for number, pool in enumerate(pools))
        return tuple(Convolution(*each) for each in zip(self.filters, kernels, strides, pools, strict=True))

    @property
    def augmentation(self) -> Augment:
        """The changes of images with their amounts, in the order of their words."""
        return self.augment  # pyright: ignore[reportReturnType]  (put into this form when it was checked)

    @property
    def activations(self) -> tuple[ActivationName, ...]:
        """One activation per hidden layer."""
        return self.activation if isinstance(self.activation, tuple) else (self.activation,) * self.layers

    @property
    def dropouts(self) -> tuple[float, ...]:
        """One dropout rate per hidden layer."""
        return self.dropout if isinstance(self.dropout, tuple) else (self.dropout,) * self.layers

    @property
    def rate(self) -> float:
        """The learning rate alpha that is used: the one given, or the optimiser's default."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 1e-3 if self.optimizer in ("rmsprop", "adam", "adamw") else 0.1

    def at_rate(self, rate: float) -> Self:
        """A copy with another learning rate; the rates of a schedule by hand are changed in proportion."""
        if isinstance(self.schedule, str) or self.rate == 0:
            return self.changed(learning_rate=rate)
        scaled = tuple((epoch, own * rate / self.rate) for epoch, own in self.schedule)
        return self.changed(learning_rate=rate, schedule=scaled)

    def changed(self, **settings: Any) -> Self:
        """A copy with some settings changed, checked anew."""
        _known(settings)
        return dataclasses.replace(self, **settings)

    def to_json(self) -> dict[str, Any]:
        """Plain values by name, such as a TOML or JSON file holds; `from_mapping` reads them back.

        Only the names are left of a network of one's own.
        """
        values = {
            name: [list(part) if isinstance(part, tuple) else part for part in v] if isinstance(v, tuple) else v
            for name, v in vars(self).items()
        }
        return values | {
            "network": None if self.network is None else [_described(function) for function in self.network]
        }

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Self:
        """A Config from names and plain values, as read from TOML.

        Raises:
            BadConfig: an unknown name (the nearest is suggested) or a value that cannot be.
        """
        _known(settings)
        return cls(**settings)

    def differences(self, other: "Config") -> dict[str, tuple[Any, Any]]:
        """Settings in which `self` and `other` differ: name -> (value here, value there)."""
        return {
            f.name: (getattr(self, f.name), getattr(other, f.name))
            for f in dataclasses.fields(self)
            if getattr(self, f.name) != getattr(other, f.name)
        }


def _described(function: Callable[..., Any]) -> str:
    """The name of a function, with a mark that changes with its text."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = ""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '')}.{name} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _known(settings: Mapping[str, Any]) -> None:
    for name in settings:
        if name not in Config.__dataclass_fields__:
            known = list(Config.__dataclass_fields__)
            raise BadConfig(f"A setting of Config must be one it knows, got {name!r}. {nearest(name, known)}")


def _word(name: str, value: Any, words: tuple[str, ...], advice: str = "") -> None:
    if value not in words:
        raise BadConfig(
            f"Config.{name} must be one of {', '.join(words)}, got {value!r}. {nearest(str(value), words)} "
            f"{advice}".rstrip()
        )


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise BadConfig(f"Config.{name} must be True or False, got {value!r}.")


def _number(name: str, value: Any, low: float, below: float, advice: str = "") -> None:
    """`value` must be a number in [low, below)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value < min(below, _FINITE):
        wanted = f"at least {low:g} and finite" if below == math.inf else f"in [{low:g}, {below:g})"
        raise BadConfig(f"Config.{name} must be {wanted}, got {value!r}. {advice}".rstrip())


def _between(name: str, value: Any, low: float, high: float, advice: str) -> None:
    """`value` must be a number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise BadConfig(f"Config.{name} must be in [{low:g}, {high:g}], got {value!r}. {advice}")


def _whole(name: str, value: Any, low: int, high: int, advice: str = "") -> None:
    """`value` must be a whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadConfig(f"Config.{name} must be a whole number from {low} to {high}, got {value!r}. {advice}".rstrip())


def _per_layer(name: str, value: Any, layers: int, layer: str = "hidden layer", of: str = "hidden_units") -> None:
    if isinstance(value, tuple) and len(value) != layers:
        raise BadConfig(
            f"Config.{name} must be one value, or one per {layer} ({layers}), got {len(value)} values. "
            f"Give one for all, or as many as {of} has{' together with filters' * (layer == 'hidden layer')}."
        )

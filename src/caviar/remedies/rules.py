"""The table: finding -> remedies, in the order of the course, and where it is silent in that of the best practice.

Read a line as: "when the diagnosis finds this, try that first". What a network does already is left out, so that
several names of one cure may stand side by side.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from caviar.data.split import Split
from caviar.data.transformed import Transformed
from caviar.diagnosis.finding import Finding, FindingName
from caviar.network.config import OF_LAYERS, Config
from caviar.remedies.asks import (
    BY_PERSON,
    checked_labels,
    checked_values,
    more_rare_rows,
    more_rows,
    rows_like_dev,
)
from caviar.remedies.basic import (
    adam,
    augmentation,
    averaged_weights,
    batch_norm,
    cosine_decay,
    deeper_network,
    dropout,
    early_stopping,
    l2,
    label_smoothing,
    larger_network,
    longer_training,
    momentum,
    other_normalisation,
    robust_normalisation,
    silu_units,
    standard_normalisation,
    weight_decay,
)
from caviar.remedies.case import Case, Rule
from caviar.remedies.remedy import Remedy
from caviar.remedies.repairs import (
    balanced_sampling,
    balanced_weights,
    clipping,
    elu_units,
    faster,
    fewer_epochs,
    fewer_layers,
    fitting_loss,
    fitting_weights,
    half_regularisation,
    larger_batch,
    leaky_relu_units,
    less_momentum,
    rate_seen_best,
    relu_units,
    robust_loss,
    slower,
    steps_of_full_length,
    usual_batch,
    usual_epochs,
    usual_rate,
    usual_rate_from_afar,
    usual_regularisation,
    usual_settings,
    usual_width,
    warm_up,
    without_regularisation,
)

_thrice = longer_training(3)

REMEDIES: Mapping[FindingName, list[Rule]] = {
    # Steps
    "learning_rate_too_high": [
        usual_rate_from_afar,
        rate_seen_best,
        slower(10),
        slower(100),
        usual_rate,
        warm_up,
        clipping,
    ],
    "learning_rate_too_low": [
        usual_rate_from_afar,
        steps_of_full_length,
        rate_seen_best,
        faster(10),
        faster(100),
        usual_rate,
        adam,
    ],
    "diverged": [rate_seen_best, slower(10), slower(100), fitting_weights, usual_settings, clipping],
    "oscillating_loss": [
        rate_seen_best,
        slower(10),
        less_momentum,
        averaged_weights,
        cosine_decay,
        larger_batch,
        clipping,
    ],
    "batch_too_small": [larger_batch, usual_batch, slower(10)],
    "batch_too_large": [usual_batch, faster(10)],
    "plateau": [fitting_weights, relu_units, adam, faster(10), usual_batch, usual_settings],
    "saddle": [fitting_weights, adam, momentum, usual_batch, faster(10)],
    # Starting weights and units
    "symmetric_units": [fitting_weights],
    "poor_initialization": [fitting_weights, relu_units, batch_norm],
    "initial_loss_off": [fitting_weights, standard_normalisation],
    "vanishing_gradients": [relu_units, fewer_layers, batch_norm, fitting_weights],
    "exploding_gradients": [fitting_weights, clipping, batch_norm, fewer_layers, slower(10)],
    "dead_units": [slower(10), fitting_weights, leaky_relu_units, elu_units, slower(100)],
    "saturated_units": [fitting_weights, relu_units, slower(10), batch_norm, standard_normalisation],
    "no_gradient": [fitting_weights, leaky_relu_units, slower(10)],
    # What is asked of the network
    "wrong_output_activation": [fitting_loss],
    "wrong_loss": [fitting_loss],
    "unnormalized_inputs": [standard_normalisation, robust_normalisation, batch_norm],
    # How much it fits
    "worse_than_baseline": [fitting_loss, usual_settings, standard_normalisation, usual_epochs, faster(10), slower(10)],
    "cannot_overfit_batch": [usual_settings, fitting_weights, usual_rate, without_regularisation, usual_width],
    "undertrained": [steps_of_full_length, usual_epochs, _thrice, faster(10), longer_training(10)],
    "over_regularized": [without_regularisation, usual_regularisation, half_regularisation],
    "overtrained": [fewer_epochs, early_stopping, l2("strong L2", 1e-3), dropout(0.5), slower(10)],
    # The basic recipe
    "high_bias": [
        usual_width,
        usual_regularisation,
        larger_network,
        deeper_network,
        _thrice,
        cosine_decay,
        adam,
        momentum,
        silu_units,
    ],
    "high_variance": [
        more_rows,
        augmentation,
        l2("L2", 1e-4),
        l2("strong L2", 1e-3),
        dropout(0.2),
        dropout(0.5),
        early_stopping,
        label_smoothing,
        weight_decay,
    ],
    # Data
    "data_mismatch": [rows_like_dev, augmentation, early_stopping, weight_decay],
    "label_noise": [checked_labels, label_smoothing, early_stopping, l2("strong L2", 1e-3), dropout(0.5), robust_loss],
    "class_imbalance": [balanced_weights, balanced_sampling, more_rare_rows],
    "outliers": [checked_values, robust_normalisation, robust_loss],
}
"""What a change of a config can cure; `asks.BY_PERSON` has the others."""

_STEADIER: list[Rule] = [averaged_weights, batch_norm, other_normalisation]
"""For slow or unstable training, never against variance."""

_OF_RECIPE: tuple[FindingName, ...] = ("high_bias", "high_variance", "too_few_rows")


def prescribe(findings: Sequence[Finding], config: Config, split: Split) -> list[Remedy]:
    """The remedies for a config, those against what was found first.

    First come those of the findings, in the order of these, then the basic recipe: where neither bias nor variance was
    found high, or could not be told, the remedies of both are listed, and the course's order decides, and the
    experiment. Findings that are only worth knowing come last.

    Args:
        findings: of `diagnose`.
        config: the network that is to be improved.
        split: its data.

    Returns:
        Remedies that change something, and those that ask something of a person; what the config already does is left
        out.
    """
    names: set[FindingName] = {finding.name for finding in findings}
    first = [f for f in findings if f.name not in _OF_RECIPE and f.severity != "info"]
    last = [f for f in findings if f not in first and f.name not in ("high_bias", "high_variance")]
    case = Case(config, split)
    offered = [
        *(remedy for finding in first for remedy in _against(finding, config, split)),
        *(remedy for rule in _recipe(names) if (remedy := rule(case)) is not None),
        *(remedy for finding in last for remedy in _against(finding, config, split)),
    ]
    return _useful(offered, config, split)


def against(finding: Finding, config: Config, split: Split) -> list[Remedy]:
    """What the table says of one finding, in its order; what the config already does is left out."""
    return _useful(_against(finding, config, split), config, split)


def _useful(offered: Iterable[Remedy], config: Config, split: Split) -> list[Remedy]:
    """Those that would change something or ask a person, each once."""
    found: dict[str, Remedy] = {}
    for remedy in offered:
        useful = bool(remedy.asks) or (_possible(remedy, config) and _changes(remedy, config, split))
        if useful and not any(_alike(remedy, other) for other in found.values()):
            found.setdefault(remedy.name, remedy)
    return list(found.values())


def _against(finding: Finding, config: Config, split: Split) -> Iterator[Remedy]:
    """What the table says of a finding."""
    case = Case(config, split, finding.evidence)
    for rule in REMEDIES.get(finding.name) or BY_PERSON[finding.name]:
        if (remedy := rule(case)) is not None:
            yield remedy


def _recipe(names: set[FindingName]) -> list[Rule]:
    """Bias, then variance, then steadier training; the last first where training fails, bias last where it is low."""
    bias, variance = REMEDIES["high_bias"], REMEDIES["high_variance"]
    if "high_bias" not in names:
        bias = [rule for rule in bias if rule not in (usual_width, usual_regularisation)]
    if "high_variance" not in names:
        variance = [rule for rule in variance if rule is not more_rows]
    if "diverged" in names:
        return [*_STEADIER, *bias, *variance]
    if "high_variance" in names and "high_bias" not in names:
        twice = [longer_training(2) if rule is _thrice else rule for rule in bias]
        return [*variance, *_STEADIER, *twice]
    return [*bias, *variance, *_STEADIER]


def _alike(remedy: Remedy, other: Remedy) -> bool:
    """Whether two remedies are one under two names."""
    return not (remedy.asks or other.asks) and (remedy.settings, remedy.scale) == (other.settings, other.scale)


def _possible(remedy: Remedy, config: Config) -> bool:
    """Whether the network has what is to be changed: one of the user's own has none of caviar's layers."""
    return config.network is None or not remedy.settings.keys() & {*OF_LAYERS, "hidden_units"}


def _changes(remedy: Remedy, config: Config, split: Split) -> bool:
    """Whether the remedy would change anything."""
    if remedy.scale != "keep":
        return remedy.scale != split.scale and not isinstance(split.preparation, Transformed)
    return remedy.apply(config) != config

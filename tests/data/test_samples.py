import subprocess
import sys

import pytest

import caviar
from caviar.data.samples import SAMPLES

SHAPES = {
    "digits": (1797, 64),
    "breast_cancer": (569, 30),
    "wine": (178, 13),
    "iris": (150, 4),
    "diabetes": (442, 10),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_a_table(name):
    table = caviar.read(name)
    assert (table.rows, table.features.width) == SHAPES[name]
    assert table.name == name
    assert table.target is not None
    assert table.target.name == "target"


def test_labels_are_the_names_of_the_classes():
    def labels(name):
        target = caviar.read(name).target
        assert target is not None
        return sorted(target.unique().to_list())

    assert labels("iris") == ["setosa", "versicolor", "virginica"]
    assert labels("breast_cancer") == ["benign", "malignant"]
    assert labels("wine") == ["class_0", "class_1", "class_2"]
    assert labels("digits") == list(range(10))
    assert caviar.read("iris").features.columns[0] == "sepal length (cm)"


def test_scikit_learn_waits_until_a_sample_is_asked_for_and_jax_never_starts():
    program = (
        "import sys, caviar.data.read, caviar.data.split; "
        "print([m for m in ('sklearn', 'jax', 'optax', 'pandas') if m in sys.modules])"
    )
    came = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert came.stdout.strip() == "[]"

"""Sparse matrices become dense where they fit."""

import numpy as np
import pytest
from scipy import sparse

from caviar.data import sparse as own
from caviar.data.read import read
from caviar.errors import BadData

X = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]] * 15)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csr_matrix])
def test_every_format_has_the_cells_of_the_dense_matrix(kind, make):
    table = read((make(X).asformat(kind), np.arange(30) % 2))
    np.testing.assert_array_equal(table.features.to_numpy(), X)
    if kind == "csr":
        assert table.notes[0] == "X is sparse, 0.33 of its cells are not 0; it is filled up with zeros."
    assert read(make(X).asformat(kind), target="x1").rows == 30


def test_a_sparse_target():
    assert read((X, sparse.csr_array(X[:, :1]))).target.to_list() == X[:, 0].tolist()


def test_what_does_not_fit_says_what_to_do(monkeypatch):
    with pytest.raises(BadData, match=r"at most 10,000 columns, .* got 10,001. Reduce them first, .*TruncatedSVD"):
        read((sparse.csr_array((30, 10_001)), np.arange(30)))
    monkeypatch.setattr(own, "MOST_BYTES", 100)
    with pytest.raises(BadData, match=r"at most 100 bytes when its zeros are filled in, got 720 bytes"):
        read((sparse.csr_array(X), np.arange(30)))

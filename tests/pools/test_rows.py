"""Rows of every container of samples, and the conversion of samples to what a net takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse
from skorch import NeuralNetClassifier
from torch.utils.data import Dataset, Subset, TensorDataset

from skautoal.data import ArrayPool, SubPool
from skautoal.strategies import Margin
from tests._internals import (
    ChunkCheck,
    RowsOnDisk,
    as_net_input,
    from_transformer,
    isolated_rng,
    load_rows,
    n_samples,
    standardized_vectors,
    take_rows,
    writeable,
)

A = np.arange(18, dtype=np.float32).reshape(6, 3)
INDICES = [
    slice(1, 4),
    [4, 0, 0],
    np.array([5, 2]),
    np.array([1, -1], dtype=np.int32),
    np.arange(6) % 2 == 0,
    [],
]


class OnDisk:
    """Array that supports slices only, like those of zarr and HDF5."""

    shape, dtype = A.shape, A.dtype

    def __len__(self):
        return len(A)

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        return A[rows]


def frame():
    return pytest.importorskip("pandas").DataFrame(A, columns=list("abc"), index=list("uvwxyz"))


def values(X) -> np.ndarray:
    """Return the rows of a container as an array."""
    if isinstance(X, Subset):
        rows = [X[i][0].numpy() for i in range(len(X))]
        return np.array(rows, dtype=np.float32).reshape(-1, 3)
    if isinstance(X, SubPool):
        return np.concatenate([np.empty((0, 3)), *X.chunks(2)])
    return np.asarray(X.toarray() if sparse.issparse(X) else X, np.float32).reshape(-1, 3)


CONTAINERS = {
    "array": lambda: A,
    "read-only": lambda: np.broadcast_to(A, A.shape),
    "tensor": lambda: torch.as_tensor(A),
    "csr": lambda: sparse.csr_array(A),
    "coo": lambda: sparse.coo_array(A),
    "frame": frame,
    "list": lambda: A.tolist(),
    "list of arrays": lambda: list(A),
    "list of tensors": lambda: list(torch.as_tensor(A)),
    "dataset": lambda: TensorDataset(torch.as_tensor(A), torch.zeros(6)),
    "pool": lambda: ArrayPool(A, ChunkCheck("X")),
    "on disk": OnDisk,
}


@pytest.mark.parametrize("indices", INDICES, ids=str)
@pytest.mark.parametrize("kind", CONTAINERS)
def test_rows_of_every_container(kind, indices):
    X = CONTAINERS[kind]()
    expected = A[indices if len(np.shape(indices)) == 0 or len(indices) else np.arange(0)]
    assert n_samples(X) == 6
    assert_array_equal(values(take_rows(X, indices)), expected)
    loaded = load_rows(X, indices)
    assert not isinstance(loaded, (Subset, SubPool))
    assert_array_equal(values(loaded), expected)


def test_the_container_is_kept():
    assert isinstance(take_rows(torch.as_tensor(A), [1]), torch.Tensor)
    assert take_rows(["a", "b", "c"], np.array([2, 0])) == ["c", "a"]
    assert take_rows(frame(), [5, 0]).index.tolist() == ["z", "u"]
    assert isinstance(take_rows(sparse.csr_array(A), [1]), sparse.csr_array)


def test_a_slice_of_an_array_is_a_view():
    assert np.shares_memory(take_rows(A, slice(0, 2)), A)


def test_gradients_pass():
    X = torch.ones(4, 2, requires_grad=True)
    take_rows(X, [3, 3]).sum().backward()
    assert X.grad.sum(1).tolist() == [0, 0, 0, 4]


def test_rows_of_a_dict():
    X = {"a": A, "b": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]]}
    found = take_rows(X, [4, 1])
    assert_array_equal(found["a"], A[[4, 1]])
    assert found["b"] == [[9, 10], [3, 4]]


def test_nested_lists_in_a_dict_count_samples_not_columns():
    assert n_samples({"a": [[1, 2], [3, 4], [5, 6]]}) == 3
    with pytest.raises(ValueError, match="same number of rows"):
        n_samples({"a": [[1, 2], [3, 4], [5, 6]], "b": np.zeros(2)})


class Pairs(Dataset):
    """Samples with two inputs."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return (torch.as_tensor(A[index]), torch.tensor([float(index)])), 0


def test_several_inputs_are_a_tuple():
    first, second = rows = load_rows(Pairs(), [4, 2])
    assert isinstance(rows, tuple)
    assert n_samples(rows) == 2
    assert_array_equal(first, A[[4, 2]])
    again = take_rows(rows, [1])
    assert_array_equal(again[0], A[[2]])
    assert again[1].tolist() == [[2.0]]
    assert second.tolist() == [[4.0], [2.0]]


def test_rows_on_disk_are_read_by_slices():
    rows = RowsOnDisk(OnDisk(), np.array([0, 2, 3, 5]))
    assert len(rows) == 4
    assert rows.shape == (4, 3)
    assert_array_equal(rows[1:3], A[[2, 3]])
    assert rows[4:9].shape == (0, 3)


@pytest.mark.parametrize(
    ("dtype", "integers", "expected"),
    [
        (np.float16, False, np.float32),
        (np.float64, True, np.float32),
        (np.int8, False, np.float32),
        (np.uint8, True, np.int64),
        (bool, False, np.float32),
        (bool, True, np.int64),
        (">f4", False, np.float32),
    ],
)
@pytest.mark.parametrize("as_tensor", [False, True])
def test_dtypes_of_a_net(dtype, integers, expected, as_tensor):
    X = np.asfortranarray(np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype))
    if as_tensor:
        X = torch.as_tensor(X.astype(X.dtype.newbyteorder("="))).t().contiguous().t()
    found = as_net_input(X, "X", integers=integers)
    assert np.asarray(found).dtype == expected
    assert np.asarray(found).dtype.isnative
    assert np.asarray(found).flags.c_contiguous
    assert_array_equal(found, [[0, 1, 1], [1, 0, 1]])


def test_what_is_right_is_not_copied():
    assert as_net_input(A, "X", integers=False) is A
    X = torch.as_tensor(A)
    assert as_net_input(X, "X", integers=True).data_ptr() == X.data_ptr()


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([["a"]], TypeError, "'X' must be numeric; got dtype <U1.*encoder"),
        ([[1j]], TypeError, "'X' must be numeric"),
        (torch.tensor([[1j]]), TypeError, "'X' must be real; got dtype torch.complex"),
        ([[1.0], [np.nan]], ValueError, r"NaN or infinity.*rows are \[8\]"),
        ([[1e300], [1.0]], ValueError, r"too large for float32.*rows are \[7\]"),
        (torch.tensor([[1.0], [torch.inf]]), ValueError, r"rows are \[8\]"),
    ],
)
def test_samples_that_no_net_takes(X, error, message):
    with pytest.raises(error, match=message):
        as_net_input(X, "X", integers=False, start=7)


def test_nan_is_kept_where_it_may_be():
    assert np.isnan(as_net_input([[np.nan]], "X", integers=False, finite=False)).all()


def test_the_output_of_transformers():
    found = from_transformer(sparse.csr_array(A.astype(np.float64)))
    assert found.dtype == np.float32
    assert_array_equal(found, A)
    with pytest.raises(TypeError, match=r"must return numbers.*for 1 samples"):
        from_transformer([["a"]])
    with pytest.raises(ValueError, match=r"NaN or infinity\. Add an imputer"):
        from_transformer([[np.inf]])


def test_only_what_is_read_only_is_copied():
    locked = A.copy()
    locked.flags.writeable = False
    found = writeable({"a": locked, "b": A})
    assert found["a"].flags.writeable
    assert_array_equal(found["a"], A)
    assert found["b"] is A


def test_standardized_vectors():
    found = standardized_vectors(np.stack([A, A[::-1]], axis=2), "X")
    assert found.shape == (6, 6)
    assert np.abs(found.mean(axis=0)).max() < 1e-12
    assert np.abs(found.std(axis=0) - 1).max() < 1e-12
    assert_array_equal(standardized_vectors(np.ones((3, 2)), "X"), 0)
    with pytest.raises(ValueError, match="'X' contains NaN or infinity, first in row 2"):
        standardized_vectors([[0.0], [1.0], [np.nan]], "X")


class AddsInputs(torch.nn.Module):
    """Net that takes a list of two inputs."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(4, 3)

    def forward(self, X):
        return self.head(torch.cat(list(X), dim=1))


@pytest.mark.parametrize("max_memory", [None, 100])
def test_a_pool_of_samples_with_two_inputs(max_memory):
    with isolated_rng(0):
        net = NeuralNetClassifier(AddsInputs, criterion=torch.nn.CrossEntropyLoss).initialize()
    X = torch.cat([torch.as_tensor(A), torch.arange(6.0)[:, None]], dim=1)
    top = net.module_.head(X).softmax(dim=1).topk(2).values
    expected = (top[:, 0] - top[:, 1]).argsort()[:3]
    found = Margin().query(net, Pairs(), 3, random_state=0, max_memory=max_memory)
    assert found.tolist() == expected.tolist()

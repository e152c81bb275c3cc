"""Location: the same place has the same numbers, in labels and in any pool."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skautoal.signals import Signals
from tests._helpers import linear_net, make_signals, take_signals
from tests._internals import N_COMPONENTS, Components, Location, internal


def signals_of(H=None, X=None):
    given = {} if H is None else {"embeddings": H}
    if X is not None:
        given |= {"X": X.astype(np.float32), "net": linear_net(X.shape[1], 2)}
    n = len(H) if X is None else len(X)
    return Signals(probabilities=np.full((n, 2), 0.5), **given)


@pytest.fixture
def points():
    rng = np.random.RandomState(0)
    mixing = rng.standard_normal((12, 12)) * np.linspace(3, 0.2, 12)
    return rng.standard_normal((80, 12)) @ mixing


def test_components_by_hand(points):
    found = Components.of(torch.as_tensor(points))(torch.as_tensor(points)).numpy()
    assert found.shape == (80, N_COMPONENTS)
    centred = points - points.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / 79)
    expected = (centred @ vectors / values**0.5)[:, ::-1][:, :N_COMPONENTS]
    expected *= np.sign((expected * found).sum(0))
    np.testing.assert_allclose(found, expected.clip(-4, 4), atol=1e-4)
    np.testing.assert_allclose(expected.std(0, ddof=1), 1, atol=1e-6)


def test_signs_are_fixed(points):
    """The largest entry of a direction is positive, however the library signs it."""
    components = Components.of(torch.as_tensor(points))
    largest = components.directions.abs().argmax(0, keepdim=True)
    assert (components.directions.gather(0, largest) > 0).all()
    turned = Components.of(-torch.as_tensor(points))
    torch.testing.assert_close(turned.directions, components.directions)


def test_components_do_not_depend_on_the_order_of_the_samples(points):
    rows = np.random.RandomState(1).permutation(80)
    one, other = (Components.of(torch.as_tensor(part)) for part in (points, points[rows]))
    torch.testing.assert_close(one.directions, other.directions, atol=1e-8, rtol=1e-8)


def test_the_same_place_has_the_same_numbers_in_labels_and_pool():
    labeled, pool = make_signals(40, seed=0), make_signals(60, seed=1)
    location = Location.of(labeled)
    of_labels, of_pool = location(labeled), location(pool)
    assert of_labels.shape == (40, 10)  # five components of embeddings, five of inputs
    assert of_pool.shape == (60, 10)
    assert of_pool.dtype == torch.float32
    both = Signals(
        probabilities=np.full((5, 4), 0.25),
        embeddings=torch.cat([labeled.embeddings[:3], pool.embeddings[:2]]),
        X=np.concatenate([labeled.X[:3], pool.X[:2]]),
        net=pool.net,
    )
    torch.testing.assert_close(location(both), torch.cat([of_labels[:3], of_pool[:2]]))
    # Where a sample lies does not depend on the samples beside it.
    rows = np.random.RandomState(0).permutation(60)[:17]
    moved = location(take_signals(pool, rows))
    torch.testing.assert_close(moved, of_pool[rows], atol=1e-5, rtol=1e-5)


def test_far_places_are_alike():
    points = np.random.RandomState(0).standard_normal((50, 3))
    location = Location.of(signals_of(points))
    far = location(signals_of(np.array([[1e6, 0, 0], [1e9, 0, 0]])))
    assert far.abs().max() == 4
    assert torch.equal(far[0], far[1])


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_fewer_samples_than_components(n, points):
    location = Location.of(signals_of(points[:n], points[:n]))
    place = location(signals_of(points, points))
    # n points lie in a space of n - 1 dimensions; one point says nothing about any.
    assert place.shape == (80, 2 * (n - 1))
    assert torch.isfinite(place).all()
    assert n == 1 or (place.std(0) > 0).all()


def test_constant_columns_are_no_place(points):
    widened = np.c_[points, np.full(80, 7.0), np.zeros(80)]
    location = Location.of(signals_of(widened))
    torch.testing.assert_close(
        location(signals_of(widened)), Location.of(signals_of(points))(signals_of(points))
    )
    assert torch.isfinite(location(signals_of(widened + 1.0))).all()
    constant = np.full((30, 4), 3.0)
    everywhere = signals_of(constant, constant)
    assert Location.of(everywhere)(everywhere).shape == (30, 0)


def test_without_embeddings_and_inputs_there_is_no_place():
    bare = Signals(probabilities=np.full((9, 2), 0.5))
    assert Location.of(bare)(bare).shape == (9, 0)


def test_integers_are_no_place():
    """Token ids have no distances."""
    ids = np.arange(20).reshape(10, 2)
    tokens = Signals(probabilities=np.full((10, 2), 0.5), X=ids, net=linear_net(2, 2))
    assert Location.of(tokens)(tokens).shape == (10, 0)


def test_inputs_that_can_be_read_once_are_an_average_place(points):
    location = Location.of(signals_of(points, points[:, :3]))
    pool = signals_of(points)
    place = location(pool)
    assert place.shape == (80, N_COMPONENTS + 3)
    assert (place[:, N_COMPONENTS:] == 0).all()


def test_units_of_the_inputs_do_not_count(points):
    units = 10.0 ** np.arange(-3, 9)
    one, other = (Location.of(signals_of(X=X))(signals_of(X=X)) for X in (points, points * units))
    torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_many_labelled_samples_are_read_in_part(points, monkeypatch):
    first = Components.of(torch.as_tensor(points[:20]))
    monkeypatch.setattr(*internal("location.max_rows"), 20)
    torch.testing.assert_close(Components.of(torch.as_tensor(points)).mean, first.mean)

"""scikit-learn's own checks of every sampler; no failure is expected of any."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_dict_unchanged,
    check_estimator_cloneable,
    check_estimators_overwrite_params,
    check_estimators_pickle,
    check_fit_idempotent,
    check_n_features_in,
    check_param_validation,
    check_parameters_default_constructible,
    parametrize_with_checks,
)

from skautoal import AutoALSampler, StrategySampler
from tests._helpers import sampler_classes
from tests._internals import isolated_rng

pytestmark = pytest.mark.usefixtures("short_training")

IN_FULL = (AutoALSampler, StrategySampler)
OTHERS = [cls for cls in sampler_classes() if cls not in IN_FULL]
#: Asked by scikit-learn of its own estimators only.
STRICTER = [check_param_validation, check_dataframe_column_names_consistency]
#: What the own part of a sampler could break; the rest it shares with those in full.
OWN = [
    check_dict_unchanged,
    check_estimator_cloneable,
    check_estimators_overwrite_params,
    check_estimators_pickle,
    check_fit_idempotent,
    check_n_features_in,
    check_parameters_default_constructible,
]


@parametrize_with_checks([cls() for cls in IN_FULL])
def test_scikit_learn_check(estimator, check):
    with isolated_rng(0):  # some checks themselves draw from NumPy's global generator
        check(estimator)


@pytest.mark.parametrize("cls", [*IN_FULL, *OTHERS])
@pytest.mark.parametrize("check", STRICTER)
def test_stricter_check(cls, check):
    check(cls.__name__, cls())


@pytest.mark.parametrize("cls", OTHERS)
@pytest.mark.parametrize("check", OWN)
def test_check_of_the_own_part(cls, check):
    check(cls.__name__, cls())

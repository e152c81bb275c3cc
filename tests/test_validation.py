"""Checks of samples and labels."""

from __future__ import annotations

import numpy as np
import pytest

from tests._internals import check_labels


@pytest.mark.parametrize("labels", [np.arange(30), np.arange(30).astype(str)])
def test_one_label_of_each_class_is_no_regression_target(labels):
    # scikit-learn would warn: in active learning this is how one starts.
    assert len(check_labels(labels, np.zeros((30, 2)))) == 30


def test_continuous_labels_are_refused():
    with pytest.raises(ValueError, match="continuous"):
        check_labels(np.linspace(0, 1, 9) + 0.01, np.zeros((9, 2)))

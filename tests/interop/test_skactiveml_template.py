"""scikit-activeml's own tests of a query strategy, run over every sampler, and a
strategy of each kind.

Its wheel of version 0.6.1 is the last to carry them. It is downloaded, never kept here:
without the package index this file is skipped, but not in CI.
"""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
import warnings
import zipfile

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier

from skautoal import Search, StrategySampler, baselines, samplers
from skautoal.modules import MLP
from skautoal.strategies import STRATEGIES
from tests._helpers import quick_strategy
from tests._internals import isolated_rng

skactiveml = pytest.importorskip("skactiveml")
interop = pytest.importorskip("skautoal.interop.skactiveml")

WHEEL = "scikit-activeml==0.6.1"
X = np.random.RandomState(0).standard_normal((8, 2))
Y = np.array([0, 1, 0, *[np.nan] * 5])


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Their ``TemplateSingleAnnotatorPoolQueryStrategy``."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "download", "--no-deps"]
    command += ["--disable-pip-version-check", "--quiet", "--retries=1", "-d", str(folder), WHEEL]
    download = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if download.returncode != 0:
        message = f"cannot download {WHEEL}: {download.stderr.strip()[-300:]}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        tests = [n for n in archive.namelist() if n.startswith("skactiveml/tests/")]
        archive.extractall(folder, tests)
    skactiveml.__path__.append(str(folder / "skactiveml"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from skactiveml.tests.template_query_strategy import (
                TemplateSingleAnnotatorPoolQueryStrategy,
            )
        yield TemplateSingleAnnotatorPoolQueryStrategy
    finally:
        skactiveml.__path__.pop()
        for name in [n for n in sys.modules if n.startswith("skactiveml.tests")]:
            del sys.modules[name]


def make_net():
    return NeuralNetClassifier(
        MLP,
        module__n_features=2,
        module__n_classes=2,
        module__hidden=4,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=1,
        lr=0.1,
    )


#: The last strategy of those that read the same signals: their answers come the same way.
OF_EACH_KIND = {(cls.__base__, *sorted(cls.needs)): name for name, cls in STRATEGIES.items()}
EXPORTED = {
    name: lambda name=name: StrategySampler(make_net(), quick_strategy(name))
    for name in OF_EACH_KIND.values()
}
PAIR = {"strategies": ["margin", "kmeans"]}
SEARCH = PAIR | {"search": Search(n_steps=2, n_splits=2)}
EXPORTED |= {
    "AutoALSampler": lambda: samplers.AutoALSampler(make_net(), **SEARCH),
    "RandomWeightsSampler": lambda: baselines.RandomWeightsSampler(make_net(), **PAIR),
    "ALBLSampler": lambda: samplers.ALBLSampler(make_net(), **PAIR),
    "REFINESampler": lambda: samplers.REFINESampler(make_net(), **PAIR),
    "TCMSampler": lambda: samplers.TCMSampler(make_net()),
}


class Ours:
    """What the template asks of each class: its defaults, and a test of each parameter."""

    def setUp(self):
        super().setUp(
            interop.SkactivemlQueryStrategy,
            init_default_params={"sampler": self.sampler},
            query_default_params_clf={"X": X, "y": Y},
        )

    def test_init_param_sampler(self):
        cases = [("no such strategy", ValueError), (3, TypeError), ("random", None)]
        self._test_param("init", "sampler", cases)

    def test_query_param_costs(self):
        cases = [(np.ones(8), None), (np.ones(3), ValueError), ("much", ValueError)]
        self._test_param("query", "costs", cases)

    def test_query_param_budget(self):
        query = self.qs_class(**self.init_default_params)
        assert len(query.query(X, Y, batch_size=4, costs=np.ones(8), budget=2.0)) == 2
        for wrong in (-1, "much"):
            with pytest.raises(ValueError, match="'budget' must be a positive number"):
                query.query(X, Y, costs=np.ones(8), budget=wrong)

    def test_query(self):
        query = self.qs_class(**self.init_default_params)
        picks, utilities = query.query(X, Y, batch_size=2, return_utilities=True)
        assert utilities.shape == (2, 8)
        assert np.isnan(utilities).sum(axis=1).tolist() == [3, 4]
        assert np.isnan(utilities[1, picks[0]])
        assert set(picks) <= {3, 4, 5, 6, 7}


@pytest.mark.network
@pytest.mark.parametrize("name", EXPORTED)
def test_the_template_passes(template, name):
    case = type(name, (Ours, template, unittest.TestCase), {"sampler": EXPORTED[name]()})
    result = unittest.TestResult()
    with warnings.catch_warnings(), isolated_rng(0):
        warnings.simplefilter("ignore")  # they ask for more than there is, and train on little
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    reports = [report for _, report in (*result.failures, *result.errors, *result.skipped)]
    assert not reports, "\n".join(reports)
    assert result.testsRun >= 21

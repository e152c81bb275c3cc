"""Wrong uses: each is refused by a message that names the parameter and the way out.

Nothing of the caller's may change on the way: arrays, net, global random state (the
latter is checked after every test, see ``conftest.py``).
"""

from __future__ import annotations

import copy
import pickle
import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import TensorDataset

from skautoal import AutoALSampler, Search, StrategySampler
from skautoal.exceptions import (
    MissingSignalError,
    PoolSizeWarning,
    SkautoalError,
    StrategyError,
    StrategyOutputError,
)
from skautoal.modules import MLP, SmallCNN
from skautoal.strategies import BatchStrategy, Margin
from tests._helpers import flat_autoal, n_hooks, train

RNG = np.random.RandomState(0)
X = RNG.standard_normal((12, 4)).astype(np.float32)
Y = np.arange(12) % 3
POOL = RNG.standard_normal((20, 4)).astype(np.float32)
IMAGES = RNG.uniform(size=(12, 1, 8, 8)).astype(np.float32)


def net(module=MLP, n_outputs=3, **params):
    options = {
        "module__n_features": 4,
        "module__n_classes": n_outputs,
        "module__hidden": 6,
        "criterion": nn.CrossEntropyLoss,
        "max_epochs": 2,
        "verbose": 0,
    }
    if module is not MLP:
        options = {k: v for k, v in options.items() if not k.startswith("module__")}
    return NeuralNetClassifier(module, **(options | params))


def image_net():
    return net(SmallCNN, module__image_shape=(1, 8, 8), module__n_classes=3)


class Bare(nn.Module):
    """No linear layer to take embeddings from, no dropout."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 3))

    def forward(self, X):
        return X @ self.weight


class Picks(BatchStrategy):
    """A strategy that returns whatever it was given."""

    def __init__(self, picks=()):
        self.picks = picks

    def _pick(self, signals, n_instances, rng):
        return self.picks


def with_value(array, value):
    array = array.copy()
    array.flat[5] = value
    return array


def raising(signals):
    raise ZeroDivisionError("the strategy's own mistake")


@dataclass
class Case:
    """A wrong use: what is wrong, and the error that must say so."""

    id: str
    error: type[Exception]
    match: str
    params: dict[str, Any] = field(default_factory=dict)
    fit: tuple = (X, Y)
    query: tuple | None = None
    teach: tuple | None = None
    query_keywords: dict[str, Any] = field(default_factory=dict)
    sampler: type = AutoALSampler


def parameter(name, value, says=None, error=ValueError, **options):
    """A constructor parameter of a wrong value; scikit-learn's words say what is right."""
    match = says or f"The '{name}' parameter of .* must be .*Got .* instead"
    label = re.sub(r"\W+", "-", f"{value!r:.30}").strip("-")
    return Case(f"{name}-{label}", error, match, params={name: value}, **options)


def searching(name, value, says=None, **others):
    """A parameter of a Search of a wrong value, or of one that others make useless."""
    case = parameter(name, value, says)
    return replace(case, params={"search": Search(**case.params, **others)})


def strategies(value, error, match, **options):
    label = options.pop("id", re.sub(r"\W+", "-", f"{value!r:.30}").strip("-"))
    params = {"strategies": value, "mode": options.pop("mode", "auto")}
    return Case(f"strategies-{label}", error, match, params=params, **options)


def garbage(id, function, match, error=StrategyOutputError):
    function.__name__ = "mine"
    # A search runs the strategies in fit; without one they are first asked by a query.
    return strategies([function, "margin"], error, match, mode="search", id=f"returning-{id}")


CASES = [
    # Parameters of the sampler.
    parameter("search", "fast", "'search' must be 'auto', 'paper', a Search or None.*'fast'"),
    parameter("search", True, "'search' must be 'auto', 'paper', a Search or None.*True"),
    searching("objective", "accuracy"),
    parameter("batch_builder", "greedy"),
    searching("utilities", "scores"),
    searching("fit_net", "tail"),
    searching("search_net", "mlp"),
    searching("threshold", "soft"),
    searching("loss_prediction", "yes"),
    searching("alternate", "often"),
    searching("n_splits", 0),
    searching("n_steps", 2.5),
    searching("prior", -0.1),
    searching("trust", 1.5),
    searching("trust", "a little"),
    searching("alternate", True, "alternate=True.*no effect.*'coverage'", objective="coverage"),
    searching("fit_net", "module", "fit_net='module'.*no effect.*cov", objective="coverage"),
    searching("loss_prediction", True, "loss_prediction.*no effect.*'global'", search_net="global"),
    parameter("n_members", 1),
    parameter("max_memory", "much", "'max_memory' must be a number of bytes or a string"),
    parameter("signals", {"n_passes": 3}),
    parameter("on_error", "ignore"),
    parameter("on_nonfinite", "drop"),
    parameter("n_passes", 1),
    parameter("n_instances", 0),
    parameter("n_jobs", "many"),
    parameter("verbose", "loud"),
    parameter("random_state", "seed"),
    parameter("classes", 3),
    parameter("embedding_layer", None),
    parameter("embedding_layer", "trunk", "'embedding_layer' must be 'auto' or one of .*'head'"),
    parameter("classes", [0, 1], r"'y' holds the labels \[2\].*not in 'classes'.*Name all classes"),
    Case(
        "classes-more-than-outputs",
        ValueError,
        "'estimator' predicts 3 classes.*are 4.*Set the module's",
        params={"classes": [0, 1, 2, 3], "estimator": net()},
    ),
    # Strategies.
    strategies(
        "margin", ValueError, r"'strategies' must be 'auto', 'paper' or a list.*give a list"
    ),
    strategies(3, TypeError, "'strategies' must be 'auto', 'paper' or a list of strategies.*got 3"),
    strategies([], ValueError, "'strategies' is empty; give at least one"),
    strategies(["margn"], ValueError, "'strategies' holds the unknown name 'margn'.*'margin'"),
    strategies([Margin], TypeError, r"'strategies' holds the class Margin; give an object"),
    strategies([3.5], TypeError, "'strategies' must hold strategy objects.*got 3.5"),
    strategies([None], TypeError, "'strategies' must hold strategy objects.*got None"),
    strategies(
        [("a", Margin()), ("a", "bald")],
        ValueError,
        "'strategies' uses the name 'a' twice",
        id="twice-the-name",
    ),
    strategies(
        [("search", Margin()), ("b", "bald")],
        ValueError,
        "'strategies'.*'search'.*parameter.*rename",
        id="named-like-a-parameter",
    ),
    strategies(
        [("a__b", Margin()), ("b", "bald")],
        ValueError,
        "'strategies'.*'a__b'.*'__'.*rename",
        id="name-with-underscores",
    ),
    Case(
        "strategy-unknown",
        ValueError,
        "unknown name 'entropi'.*'entropy'",
        params={"strategy": "entropi"},
        sampler=StrategySampler,
    ),
    # What strategies return.
    garbage("nan", lambda s: torch.full((s.n_samples,), torch.nan), "mine returned NaN.*finite"),
    garbage("too-few", lambda s: torch.zeros(2), r"mine returned scores of shape \(2,\).*\(n,\)"),
    garbage("columns", lambda s: s.probabilities, "mine returned scores of shape.*one|must return"),
    garbage("words", lambda s: ["high"] * s.n_samples, "mine returned .*not numbers.*one score"),
    garbage("none", lambda s: None, "mine returned None, not numbers.*one score per sample"),
    garbage("error", raising, "mine raised ZeroDivisionError: the strategy's own", StrategyError),
    strategies(
        [Picks([0, 0, 0]), "margin"],
        StrategyOutputError,
        "Picks returned .*distinct",
        mode="search",
        id="picks-twice",
    ),
    strategies(
        [Picks([99]), "margin"],
        StrategyOutputError,
        "Picks returned .*distinct integers in",
        mode="search",
        id="picks-outside",
    ),
    strategies(
        [Picks([0.5]), "margin"],
        StrategyOutputError,
        "Picks returned .*distinct integers",
        mode="search",
        id="picks-floats",
    ),
    # Nets.
    parameter(
        "estimator", LogisticRegression(), "'estimator' must be a skorch.*Wrap a torch", TypeError
    ),
    parameter(
        "estimator", MLP(4, 3), "'estimator' must be a skorch.*Wrap a torch module", TypeError
    ),
    parameter("estimator", "net", "'estimator' must be a skorch.*got 'net'", TypeError),
    parameter("estimator", NeuralNetRegressor(MLP), "'estimator' must be a skorch", TypeError),
    parameter(
        "estimator",
        make_pipeline(StandardScaler(), DummyClassifier()),
        "'estimator' must be a skorch.*Pipeline ending in one",
        TypeError,
    ),
    parameter(
        "estimator", net(n_outputs=2), "'estimator' predicts 2 classes, but there are 3.*Set the"
    ),
    Case(
        "too-many-outputs",
        ValueError,
        "'estimator' predicts 5 classes, but there are 3.*'classes'",
        params={"estimator": net(n_outputs=5)},
        fit=(X, np.array(list("abc"))[Y]),
    ),
    Case(
        "no-dropout",
        MissingSignalError,
        "BALD needs MC dropout.*'estimator'.*Add one.*take the",
        params={"estimator": net(module__dropout=0.0), "strategies": ["bald", "margin"]},
    ),
    Case(
        "no-linear-head",
        MissingSignalError,
        "embeddings.*'estimator'.*'embedding_layer'",
        params={"estimator": net(Bare), "strategies": ["kmeans", "margin"]},
    ),
    Case(
        "criterion-and-output-differ",
        ValueError,
        "'estimator' does not predict probabilities.*Use",
        params={"estimator": net(criterion=nn.NLLLoss), "strategies": ["margin"]},
    ),
    Case(
        "net-of-other-inputs",
        ValueError,
        r"'estimator' cannot process.*\(4,\).*Reshape X",
        params={"estimator": net(module__n_features=7)},
    ),
    Case(
        "stratified-split",
        ValueError,
        "'train_split' of the net in 'estimator'.*train_split=None",
        params={"estimator": net(train_split=ValidSplit(3, stratified=True))},
        fit=(X[:3], Y[:3]),
    ),
    Case(
        "frozen-not-fitted",
        NotFittedError,
        "'estimator' is a FrozenEstimator.*not fitted. Fit the net first",
        params={"estimator": FrozenEstimator(net())},
    ),
    Case(
        "frozen-without-a-net",
        TypeError,
        "'estimator' must be a skorch NeuralNetClassifier.*got LogisticRegression",
        params={"estimator": FrozenEstimator(LogisticRegression())},
    ),
    Case(
        "transformer-of-words",
        TypeError,
        "transformers.*'estimator' must return numbers.*Add",
        params={"estimator": make_pipeline(FunctionTransformer(lambda X: X.astype(str)), net())},
    ),
    Case(
        "transformer-of-nan",
        ValueError,
        "transformers.*'estimator' return NaN.*imputer",
        params={"estimator": make_pipeline(FunctionTransformer(lambda X: X * np.nan), net())},
    ),
    # Samples.
    Case("X-nan", ValueError, "Input X contains NaN", fit=(with_value(X, np.nan), Y)),
    Case("X-infinite", ValueError, "Input X contains infinity", fit=(with_value(X, np.inf), Y)),
    Case(
        "X-tensor-nan",
        ValueError,
        "Input X contains NaN.*Impute",
        fit=(torch.tensor(with_value(X, np.nan)), Y),
    ),
    Case("X-empty", ValueError, "'X' is empty.*minimum of 1", fit=(X[:0], Y[:0])),
    Case("X-one-dimension", ValueError, "'X' must.*Reshape your data", fit=(X[:, 0], Y)),
    Case(
        "X-tensor-of-one-dimension",
        ValueError,
        "'X' must have at least 2.*Reshape",
        fit=(torch.tensor(X[:, 0]), Y),
    ),
    Case("X-number", ValueError, "'X' must have at least 2 dim.*Reshape", fit=(3.0, Y)),
    Case("X-none", ValueError, "'X' must have at least 2 dim.*Reshape", fit=(None, Y)),
    Case("X-complex", ValueError, "Complex data not supported", fit=(X + 1j, Y)),
    Case("X-tensor-complex", TypeError, "'X' must be real", fit=(torch.tensor(X) + 1j, Y)),
    Case("X-words", ValueError, "'X'.*not numeric.*Encode", fit=(np.full((12, 4), "a"), Y)),
    Case(
        "X-objects",
        ValueError,
        "'X'.*not numeric.*Encode",
        fit=(np.full((12, 4), "a", dtype=object), Y),
    ),
    Case("X-sparse", TypeError, "[Ss]parse.*toarray", fit=(sparse.csr_matrix(X), Y)),
    Case("X-ragged", ValueError, "'X'|inhomogeneous", fit=([[1.0, 2.0], [1.0]] * 6, Y)),
    Case(
        "X-dict-of-unequal-lengths",
        ValueError,
        "'X'.*same number",
        fit=({"X": X, "b": X[:3]}, Y),
        params={"estimator": net()},
    ),
    Case(
        "X-dict-of-words",
        TypeError,
        r"'X\['X'\]' must be numeric.*Encode",
        fit=({"X": np.full((12, 4), "a")}, Y),
        params={"estimator": net()},
    ),
    Case(
        "X-dict-without-a-net",
        ValueError,
        "'estimator' is None.*Pass a skorch net",
        fit=({"X": X}, Y),
    ),
    Case(
        "X-dataset",
        TypeError,
        "'X' is a torch Dataset, but labelled samples must be.*stack",
        fit=(TensorDataset(torch.tensor(X), torch.tensor(Y)), Y),
    ),
    # Labels.
    Case("y-none", ValueError, "requires y to be passed", fit=(X, None)),
    Case("y-one-class", ValueError, r"'y' holds 1 class.*'classes'", fit=(X, np.zeros(12))),
    Case(
        "y-nan",
        ValueError,
        "Input y contains NaN.*pass them to query",
        fit=(X, with_value(Y.astype(float), np.nan)),
    ),
    Case(
        "y-missing",
        ValueError,
        "Input y contains None.*query",
        fit=(X, with_value(Y.astype(object), None)),
    ),
    Case(
        "y-too-short",
        ValueError,
        "'y' has 11 labels for 12 samples.*one label per",
        fit=(X, Y[:11]),
    ),
    Case("y-columns", ValueError, "y should be a 1d array", fit=(X, np.c_[Y, Y])),
    Case("y-continuous", ValueError, "(?i)unknown label type: continuous", fit=(X, Y + 0.5)),
    Case(
        "y-mixed",
        TypeError,
        "'y' mixes strings.*one type",
        fit=(X, with_value(Y.astype(object), "a")),
    ),
    # Pools.
    Case("pool-empty", ValueError, "'X_unlabeled' is empty", query=(POOL[:0],)),
    Case("pool-none", ValueError, "'X_unlabeled' must have at least 2 dim", query=(None,)),
    Case("pool-number", ValueError, "'X_unlabeled' must have at least 2 dim", query=(3,)),
    Case("pool-row", ValueError, r"'X_unlabeled' must.*shape \(4,\).*Reshape", query=(POOL[0],)),
    Case("pool-dict-of-numbers", TypeError, r"'X_unlabeled\['a'\]'.*array", query=({"a": 1},)),
    Case("pool-nan", ValueError, "X.* contains NaN", query=(with_value(POOL, np.nan),)),
    Case(
        "pool-of-other-width",
        ValueError,
        "X has 3 features, but .* is expecting 4",
        query=(POOL[:, :3],),
    ),
    Case("pool-of-words", ValueError, "'X_unlabeled'.*not numeric", query=(np.full((9, 4), "a"),)),
    Case(
        "pool-of-other-images",
        ValueError,
        r"'X_unlabeled' has samples of shape \(1, 6, 8\).*\(1, 8, 8\)",
        params={"estimator": image_net()},
        fit=(IMAGES, Y),
        query=(IMAGES[:, :, :6],),
    ),
    Case(
        "pool-of-another-dict",
        ValueError,
        "'X_unlabeled' has samples of shape.*'Z'.*fit saw shape.*'X'.*same",
        params={"estimator": net()},
        fit=({"X": X}, Y),
        query=({"Z": POOL},),
    ),
    Case(
        "dataset-to-a-pipeline",
        TypeError,
        "'X_unlabeled' is a torch Dataset.*Pass an array",
        params={"estimator": make_pipeline(StandardScaler(), net())},
        query=(TensorDataset(torch.tensor(POOL), torch.zeros(20)),),
    ),
    Case("query-0", ValueError, "'n_instances' must be an integer >= 1; got 0", query=(POOL, 0)),
    Case("query-negative", ValueError, "'n_instances' must be an integer >= 1", query=(POOL, -1)),
    Case("query-word", TypeError, "'n_instances' must be an integer >= 1", query=(POOL, "a")),
    Case("query-float", TypeError, "'n_instances' must be an integer >= 1", query=(POOL, 1.5)),
    Case("query-true", TypeError, "'n_instances' must be an integer >= 1", query=(POOL, True)),
    # New labels.
    Case("teach-other-width", ValueError, "X has 3 features", teach=(POOL[:2, :3], Y[:2])),
    Case("teach-too-few-labels", ValueError, "'y' has 1 labels for 2", teach=(POOL[:2], Y[:1])),
    Case(
        "teach-nan",
        ValueError,
        "Input X contains NaN",
        teach=(with_value(POOL, np.nan), np.arange(20) % 3),
    ),
    Case("teach-words-after-numbers", TypeError, "'y'.*as in fit", teach=(POOL[:2], ["a", "b"])),
    Case(
        "teach-dataset",
        TypeError,
        "'X' is a torch Dataset, but labelled samples must be.*stack",
        teach=(TensorDataset(torch.tensor(X[:2]), torch.tensor(Y[:2])), Y[:2]),
    ),
    Case("teach-no-labels", ValueError, "requires y", teach=(POOL[:2], None)),
    Case(
        "teach-a-class-too-many",
        ValueError,
        "'estimator' predicts 3 classes, but there are 4",
        params={"estimator": net()},
        teach=(POOL[:2], [3, 3]),
    ),
]


def snapshot(value):
    """Bytes of everything in a caller's object that could be changed."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy().tobytes()
    if isinstance(value, np.ndarray):
        content = value.tolist() if value.dtype.kind == "O" else value.tobytes()
        return value.dtype.str, value.shape, content
    if isinstance(value, NeuralNetClassifier):
        if not value.initialized_:
            return sorted(vars(value))
        modules = list(value.module_.modules())
        state = {
            name: v.clone().numpy().tobytes() for name, v in value.module_.state_dict().items()
        }
        return state, [m.training for m in modules], n_hooks(value.module_)
    if isinstance(value, (tuple, list)):
        return [snapshot(part) for part in value]
    if isinstance(value, dict):
        return {key: snapshot(part) for key, part in value.items()}
    return repr(value)


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_wrong_use(case):
    params = {"strategies": ["margin", "kmeans"], "n_steps": 2, "n_splits": 1, "random_state": 0}
    if case.sampler is StrategySampler:
        sampler = StrategySampler(**({"random_state": 0} | case.params))
    else:
        sampler = flat_autoal(**(params | case.params))
    user = [case.params, case.fit, case.query, case.teach]
    before = snapshot(user)
    answer = None
    if case.query is None and case.teach is None:
        with pytest.raises(case.error, match=re.compile(case.match, re.DOTALL)):
            sampler.fit(*case.fit)
        assert not hasattr(sampler, "estimator_")
    else:
        sampler.fit(*case.fit)
        good = case.fit[0]
        answer = sampler.query(good, 3).tolist()
        call = sampler.query if case.teach is None else sampler.teach
        arguments = case.query if case.teach is None else case.teach
        with pytest.raises(case.error, match=re.compile(case.match, re.DOTALL)):
            call(*arguments)
        # The sampler can still be used as if nothing had happened.
        assert sampler.query(good, 3).tolist() == answer
        assert len(sampler.y_labeled_) == len(case.fit[1])
    assert snapshot(user) == before


def test_there_are_many():
    assert len({case.id for case in CASES}) == len(CASES) > 90


def test_every_error_of_skautoal_is_of_the_kind_a_caller_expects():
    for error in (MissingSignalError, StrategyOutputError):
        assert issubclass(error, SkautoalError)
        assert issubclass(error, ValueError)


@pytest.mark.parametrize("method", ["query", "predict", "predict_proba"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError, match="AutoALSampler instance is not fitted yet"):
        getattr(AutoALSampler(), method)(POOL)


def test_more_than_the_pool_holds_is_clipped_with_a_warning():
    sampler = AutoALSampler(strategies=["margin"], random_state=0).fit(X, Y)
    with pytest.warns(
        PoolSizeWarning, match="'n_instances' is 50, but the pool holds 20"
    ) as caught:
        picks = sampler.query(POOL, 50)
    assert caught[0].filename == __file__
    assert sorted(picks.tolist()) == list(range(20))


def test_an_error_leaves_a_prefitted_net_as_it_is():
    fitted = train(net(train_split=None), X, Y.astype(np.int64))
    fitted.module_.train()
    before = snapshot(fitted)
    sampler = AutoALSampler(FrozenEstimator(fitted), [raising, "margin"], batch_builder="top").fit(
        X, Y
    )
    with pytest.raises(StrategyError, match="ZeroDivisionError"):
        sampler.query(POOL)
    with pytest.raises(ValueError, match="expecting 4 features"):
        sampler.query(POOL[:, :2])
    assert snapshot(fitted) == before


def test_a_teach_that_fails_late_changes_nothing():
    switch = []

    def moody(signals):
        if switch:
            raise ZeroDivisionError
        return signals.probabilities[:, 0]

    sampler = flat_autoal(
        strategies=[moody, "margin"], search=Search(), n_steps=2, random_state=0
    ).fit(X, Y)
    answer = sampler.query(POOL, 3).tolist()
    before = set(vars(sampler))
    switch.append(True)
    with pytest.raises(StrategyError, match="ZeroDivisionError"):
        sampler.teach(POOL[:3], [0, 1, 2])
    switch.clear()
    assert len(sampler.y_labeled_) == 12
    assert set(vars(sampler)) == before
    assert sampler.query(POOL, 3).tolist() == answer
    assert len(sampler.teach(POOL[:3], [0, 1, 2]).y_labeled_) == 15


def test_checks_come_before_training():
    """A wrong net is refused in no time, not after an hour of epochs."""

    class Trained(Exception):
        pass

    class NeverTrained(NeuralNetClassifier):
        def fit(self, X, y=None, **params):
            raise Trained

    wrong = NeverTrained(
        MLP,
        module__n_features=4,
        module__n_classes=3,
        module__dropout=0.0,
        criterion=nn.CrossEntropyLoss,
    )
    with pytest.raises(MissingSignalError):
        AutoALSampler(wrong, ["bald", "margin"]).fit(X, Y)
    with pytest.raises(ValueError, match="unknown name"):
        AutoALSampler(wrong, ["margn"]).fit(X, Y)
    with pytest.raises(Trained):
        AutoALSampler(wrong, ["margin"], batch_builder="top").fit(X, Y)


def test_the_table_is_not_worn_out_by_its_use():
    """The arrays that all rows share are never written to."""
    assert np.isfinite(X).all()
    assert np.isfinite(POOL).all()
    assert pickle.loads(pickle.dumps(copy.copy(Y))).tolist() == (np.arange(12) % 3).tolist()

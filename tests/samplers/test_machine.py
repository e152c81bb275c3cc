"""Any order of steps of a sampler: no row twice, no label lost, same state, same answer."""

from __future__ import annotations

import itertools
import pickle
import shutil
import tempfile
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.frozen import FrozenEstimator
from torch.utils.data import TensorDataset

from skautoal import (
    ALBLSampler,
    AutoALSampler,
    Search,
    SignalOptions,
    StrategySampler,
    TAILORSampler,
    TCMSampler,
)
from skautoal.exceptions import PoolSizeWarning, StrategyError
from tests._helpers import flat_autoal, frozen, n_hooks, train
from tests._internals import internal, isolated_rng
from tests.samplers._trap import Broken, Trap, moody, trapped_net

N, N_FIRST = 48, 12
X, Y = make_blobs(N, n_features=4, centers=3, cluster_std=4.0, random_state=1)
X, Y = X.astype(np.float32), Y.astype(np.int64)
Y[:N_FIRST] = np.arange(N_FIRST) % 3  # every class can be held out from the start


def autoal(mode):
    def make(net):
        return flat_autoal(net, LIST, mode=mode, n_steps=2, n_splits=2)

    return make


LIST = [("margin", "margin"), ("bald", "bald"), ("moody", moody)]
MAKERS = {
    "auto": autoal("auto"),
    "search": autoal("search"),
    "vote": autoal("vote"),
    "one": lambda net: StrategySampler(net, "bald"),
    "own": lambda net: StrategySampler(net, moody),
    "prefit": lambda net: StrategySampler(FrozenEstimator(train(net, X, Y)), "badge"),
    "albl": lambda net: ALBLSampler(net, LIST, p_min=0.1),
    "tailor": lambda net: TAILORSampler(net, LIST),
    "tcm": lambda net: TCMSampler(net, initial_strategy="kmeans", n_initial_rounds=1),
}
# What may be set of a sampler between two steps, where it has such a parameter.
CHANGES = [
    *({"random_state": seed} for seed in range(3)),
    *({"search": search} for search in (None, Search(n_steps=2, n_splits=2))),
    *({"batch_builder": builder} for builder in ("auto", "top")),
    *({"n_instances": n} for n in (2, 5)),
    *({"signals": SignalOptions(n_passes=n)} for n in (3, 10)),
    *({"strategies": names} for names in (LIST, ["margin", "kmeans"], [moody])),
    *({"strategy": name} for name in ("bald", "margin", moody)),
    *({"moody": strategy} for strategy in ("entropy", moody)),
    {"decay": 0.5},
    {"n_jobs": 2},
]
KINDS = ["array", "doubles", "memmap", "tensor", "chunks of 5", "chunks of 17", "dataset"]
QUERIES = st.tuples(
    st.integers(1, 8) | st.just(N + 2) | st.none(),
    st.sampled_from([None, None, "6 kB"]),
    st.sampled_from(KINDS),
)
ROWS = st.lists(st.integers(0, N - 1), min_size=1, max_size=5, unique=True)
LABELS = st.integers(0, 2)


def trap_of(passes):
    """When something raises in a step: after how many passes, or never; and what."""
    errors = st.sampled_from([Broken, KeyboardInterrupt])
    return {"after": st.none() | st.integers(0, passes), "error": errors}


def globals_now():
    return (
        np.random.get_state()[1].tobytes(),
        torch.get_rng_state().numpy().tobytes(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
    )


class SamplerMachine(RuleBasedStateMachine):
    """A sampler beside a list of the labels it was taught and of the answers it gave."""

    maker = "one"  # of MAKERS; a subclass for each of them says which

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.rows, self.labels, self.compared = [], [], []
        self.globals = globals_now()
        self.samples = X.tobytes()

    @initialize(seed=st.integers(0, 2))
    def begin(self, seed):
        self.net = trapped_net()
        self.sampler = MAKERS[self.maker](self.net).set_params(random_state=seed)
        self.weights, self.modes = frozen(self.net), self._modes()
        self._step("fit", list(range(N_FIRST)), Y[:N_FIRST].tolist())

    # ------------------------------------------------------------ the steps

    @rule(rows=ROWS, data=st.data(), **trap_of(9))
    def fit_anew(self, rows, data, **trap):
        labels = [data.draw(LABELS) for _ in rows]
        rows, labels = [*range(N_FIRST), *rows], [*Y[:N_FIRST].tolist(), *labels]
        self._attempt(("fit", rows, labels), **trap)

    @precondition(lambda self: self.pool)
    @rule(query=QUERIES, **trap_of(3))
    def query(self, query, **trap):
        self._attempt(("query", *query), **trap)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), **trap_of(9))
    def teach_what_was_asked(self, data, **trap):
        rows = data.draw(st.permutations(self.asked))[: data.draw(st.integers(1, 5))]
        self._attempt(("teach", rows, [data.draw(LABELS) for _ in rows]), **trap)

    @rule(rows=ROWS, data=st.data(), **trap_of(9))
    def teach_anything(self, rows, data, **trap):
        """Also what has a label: it then has two."""
        self._attempt(("teach", rows, [data.draw(LABELS) for _ in rows]), **trap)

    @rule(data=st.data())
    def set_params(self, data):
        names = self.sampler.get_params(deep=True)
        change = data.draw(st.sampled_from([c for c in CHANGES if set(c) <= set(names)]))
        self._step("set_params", change)

    @rule()
    def parameters_go_round(self):
        sampler = self.sampler
        again = type(sampler)(**sampler.get_params(deep=False))
        assert again.get_params(deep=False) == sampler.get_params(deep=False)
        copied = clone(sampler).get_params(deep=False) | {"estimator": sampler.estimator}
        assert repr(copied) == repr(sampler.get_params(deep=False))
        before = dict(vars(sampler))
        sampler.set_params(**sampler.get_params(deep=False))
        assert vars(sampler) == before

    @rule()
    def a_pickle_takes_its_place(self):
        # The net of the user stays his: what he trained on is not what was loaded.
        loaded = pickle.loads(pickle.dumps(self.sampler))
        if not isinstance(loaded.estimator, FrozenEstimator):
            loaded.set_params(estimator=self.net)
        self.sampler = loaded
        self._ask_again()

    @precondition(lambda self: self.history != self.compared)
    @rule()
    def a_clone_that_did_the_same_gives_the_same(self):
        twin = clone(self.template)
        if not isinstance(twin.estimator, FrozenEstimator):
            twin.set_params(estimator=self.net)  # a clone's net is untrained
        for step in self.history:
            self._do(twin, *step)
        if self.pool:
            question = (3, None, "array")
            expected = self._do(twin, "query", *question)
            got = self._step("query", *question)
            for one, other in zip(got, expected, strict=True):
                np.testing.assert_array_equal(one, other)
        self.compared = list(self.history)

    @rule(wrong=st.sampled_from(["features", "labels", "nan", "pool", "n_instances"]))
    def mistake(self, wrong):
        spoilt = X[:3] * np.float32(np.nan)
        calls = {
            "features": lambda: self.sampler.teach(X[:3, :2], Y[:3]),
            "labels": lambda: self.sampler.teach(X[:3], Y[:2]),
            "nan": lambda: self.sampler.fit(spoilt, Y[:3]),
            "pool": lambda: self.sampler.query(spoilt, 1),
            "n_instances": lambda: self.sampler.query(X, 0),
        }
        before = self._picture()
        with pytest.raises(ValueError, match=r"features|labels|NaN|n_instances"):
            calls[wrong]()
        assert self._picture() == before
        self._ask_again()

    # ------------------------------------------------------------ how they are done

    @property
    def pool(self):
        """Rows without a label."""
        return [row for row in range(N) if row not in set(self.rows)]

    def _attempt(self, step, after=None, error=Broken):
        """A step in which a net or a strategy may raise; if it did, the step once more."""
        before = self._picture()
        Trap.after, Trap.error, Trap.sprung = after, error, False
        try:
            self._step(*step)
        except (Broken, StrategyError, KeyboardInterrupt):
            Trap.after = None
            assert self._picture() == before
            self._ask_again()
            self._step(*step)
        else:
            assert not Trap.sprung  # nothing may swallow it
        finally:
            Trap.after = None

    def _step(self, name, *arguments):
        """Do it, and take note of it once it is done."""
        answer = self._do(self.sampler, name, *arguments)
        if name == "query":
            self._check_answer(answer, *arguments)
            self.asked = [self.pool[i] for i in answer[0]]
        elif name == "set_params":
            self.answers = {}
        else:
            self.answers, self.asked = {}, []
            if name == "fit":
                self.template, self.history = clone(self.sampler), []
                self.rows, self.labels = [], []
            self.rows = self.rows + arguments[0]
            self.labels = self.labels + arguments[1]
        self._note(name, *arguments)
        Trap.after = None
        if name != "query" and self.pool:
            self._step("query", 3, None, "array")  # what later steps must not change
        return answer

    def _note(self, name, *arguments):
        if name == "query":
            if self.history[-1][0] == "query":
                self.history.pop()  # of a query nothing stays once there is another
            arguments = (*arguments, self.pool)
        self.history.append((name, *arguments))

    def _do(self, sampler, name, *arguments):
        if name == "set_params":
            return sampler.set_params(**arguments[0])
        if name == "query":
            return self._query(sampler, *arguments)
        rows, labels = arguments
        return getattr(sampler, name)(X[rows], np.array(labels))

    def _query(self, sampler, n, limit, kind, pool=None):
        options = {"return_utilities": True, "max_memory": limit}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoolSizeWarning)
            return sampler.query(self._container(kind, pool or self.pool), n, **options)

    def _container(self, kind, pool):
        array = X[pool]
        if kind == "doubles":
            return array.astype(np.float64)
        if kind == "memmap":
            np.save(self.folder / "pool.npy", array)
            return np.load(self.folder / "pool.npy", mmap_mode="r")
        if kind == "tensor":
            return torch.as_tensor(array)
        if kind == "dataset":
            return TensorDataset(torch.as_tensor(array), torch.zeros(len(array)))
        if kind.startswith("chunks"):
            size = int(kind.split()[-1])
            return lambda: (array[i : i + size] for i in range(0, len(array), size))
        return array

    def _check_answer(self, answer, n, limit, kind):
        indices, utilities = answer
        asked = self.sampler.n_instances if n is None else n
        assert indices.dtype == np.int64
        assert len(indices) == len(set(indices.tolist())) == min(asked, len(self.pool))
        assert 0 <= indices.min() <= indices.max() < len(self.pool)
        assert utilities.shape == (len(self.pool),)
        # Joint herding has the embeddings alone where rows cannot be read one by one.
        apart = kind.startswith("chunks") and isinstance(self.sampler, AutoALSampler)
        question = (asked, limit, kind if apart else "array")
        expected = self.answers.setdefault(question, (indices.tolist(), utilities))
        assert indices.tolist() == expected[0]
        np.testing.assert_array_equal(utilities, expected[1])

    def _ask_again(self):
        """What was answered before is answered again."""
        for question in list(self.answers)[:2]:
            self._check_answer(self._query(self.sampler, *question), *question)
            self._note("query", *question)

    def _modes(self):
        return [module.training for module in self.net.module_.modules()], n_hooks(self.net.module_)

    def _picture(self):
        """Everything a failed call could have spoilt; objects by their identity."""
        module = self.sampler.estimator_.module_
        return (
            {name: id(value) for name, value in vars(self.sampler).items()},
            {name: value.tolist() for name, value in module.state_dict().items()},
            [part.training for part in module.modules()],
            n_hooks(module),
        )

    # ------------------------------------------------------------ what holds at any time

    @invariant()
    def no_label_is_lost(self):
        if not self.rows:
            return
        assert self.sampler.y_labeled_.tolist() == self.labels
        np.testing.assert_array_equal(self.sampler.X_labeled_, X[self.rows])
        assert self.sampler.classes_.tolist() == [0, 1, 2]

    @invariant()
    def what_is_not_ours_stays_as_it_was(self):
        assert globals_now() == self.globals
        assert X.tobytes() == self.samples
        if hasattr(self, "sampler"):
            assert all(torch.equal(self.weights[k], v) for k, v in frozen(self.net).items())
            assert self._modes() == self.modes

    def teardown(self):
        shutil.rmtree(self.folder)


N_EXAMPLES = 63  # of all makers together


@pytest.mark.parametrize("maker", MAKERS)
def test_any_order_of_steps(maker):
    # One test for each maker, so that they run beside each other. Hypothesis derives its seed
    # from the name of the class.
    machine = type(f"{maker}_machine", (SamplerMachine,), {"maker": maker})
    # Nothing is shrunk: that takes minutes, and a case of 15 steps can be read as it is.
    steps = settings(
        max_examples=N_EXAMPLES // len(MAKERS),
        stateful_step_count=15,
        deadline=None,
        phases=[Phase.generate],
    )
    run_state_machine_as_test(machine, settings=steps)


def cleans_nothing_up(monkeypatch):
    monkeypatch.setattr(*internal("sampler.all_or_nothing"), lambda sampler: nullcontext())


def loses_a_label(monkeypatch):
    monkeypatch.setattr(
        *internal("sampler.concat_labels"), lambda old, new: np.r_[old[:1], old[:-1], new]
    )


def answers_by_chance(monkeypatch):
    seeds = itertools.count()
    monkeypatch.setattr(*internal("sampler.round_seed"), lambda self, stage: next(seeds))


def draws_from_the_global_generator(monkeypatch):
    monkeypatch.setattr(*internal("sampler.draw_seed"), lambda state: np.random.randint(9))


def some_steps(machine):
    machine.begin(0)
    machine.query((4, None, "array"), after=None, error=Broken)
    machine._attempt(("teach", [1, 2], [0, 1]), 7, KeyboardInterrupt)
    machine._step("teach", [20, 21], [0, 1])
    machine.no_label_is_lost()
    machine.what_is_not_ours_stays_as_it_was()


def test_the_machine_can_pass():
    machine = SamplerMachine()
    some_steps(machine)
    machine.teardown()


@pytest.mark.parametrize(
    "fault",
    [cleans_nothing_up, loses_a_label, answers_by_chance, draws_from_the_global_generator],
)
def test_the_machine_can_fail(fault, monkeypatch):
    machine = SamplerMachine()
    fault(monkeypatch)
    with isolated_rng(0), pytest.raises(AssertionError):
        some_steps(machine)
    machine.teardown()

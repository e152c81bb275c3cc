"""HTML diagrams and texts of samplers and strategies: everything inside is shown."""

from __future__ import annotations

import re

import pytest
from skorch import NeuralNetClassifier

from skautoal import AutoALSampler, StrategySampler, TCMSampler
from skautoal.modules import MLP
from skautoal.strategies import (
    BADGE,
    ClassBalanced,
    CostAware,
    Entropy,
    Margin,
    PowerBALD,
    StochasticBatch,
    SubsamplePool,
)
from tests._helpers import flat_autoal, sampler_classes
from tests._html import HOSTILE, Page

PAPER = ["Entropy", "Margin", "LeastConfidence", "KMeans", "BALD", "VariationRatio", "MeanSTD"]
ALONE = {
    "StrategySampler": ["strategy: Margin"],
    "TCMSampler": ["initial_strategy: TypiClust", "final_strategy: Margin"],
    "SelectALSampler": ["low_budget: TypiClust", "high_budget: Margin"],
}


def titles(html: str) -> list[str]:
    """Titles of the blocks of a diagram, in order."""
    return re.findall(r'<label for="[^"]*" class="[^"]*"><div><div>([^<]*)</div>', html)


@pytest.mark.parametrize("cls", sampler_classes())
def test_each_strategy_shows_once_in_the_diagram(cls):
    assert titles(cls()._repr_html_()) == [cls.__name__, *ALONE.get(cls.__name__, PAPER)]


def test_names_nets_and_wrappers_show():
    net = NeuralNetClassifier(MLP, module__n_features=2, module__n_classes=2)
    strategies = [BADGE(), ("mine", StochasticBatch(SubsamplePool(Entropy()))), ("m", Margin())]
    shown = titles(AutoALSampler(net, strategies)._repr_html_())
    assert shown == [
        *("AutoALSampler", "NeuralNetClassifier", "BADGE"),
        *("mine: StochasticBatch", "strategy: SubsamplePool", "strategy: Entropy"),
        "m: Margin",
    ]


@pytest.mark.parametrize(
    "wrapper",
    [
        ClassBalanced(Margin()),
        CostAware(Margin(), costs=[1.0]),
        SubsamplePool(Margin()),
        StochasticBatch(Margin()),
    ],
)
def test_wrappers_show_what_they_wrap(wrapper):
    expected = [type(wrapper).__name__, "strategy: Margin"]
    assert titles(wrapper._repr_html_()) == expected
    assert titles(PowerBALD()._repr_html_()) == ["PowerBALD"]


@pytest.mark.parametrize(
    "sampler",
    [
        AutoALSampler(strategies=3),
        StrategySampler(strategy="nonsense"),
        TCMSampler(initial_strategy=None),
    ],
)
def test_a_wrong_parameter_still_has_a_diagram(sampler):
    assert titles(sampler._repr_html_()) == [type(sampler).__name__]


def test_text_shows_what_was_changed():
    sampler = AutoALSampler(
        strategies=[BADGE(), ("mine", SubsamplePool(Margin()))], batch_builder="top"
    )
    assert " ".join(repr(sampler).split()) == (
        "AutoALSampler(batch_builder='top', strategies=[BADGE(), ('mine',"
        " SubsamplePool(strategy=Margin()))])"
    )
    assert repr(StrategySampler()) == "StrategySampler()"


def _function(name):
    def scores(signals):
        return signals.probabilities[:, 0]

    scores.__name__ = scores.__qualname__ = name
    return scores


def _strategy(name):
    return type(name, (Margin,), {})()


PLACES = {
    "name of a strategy": lambda name: AutoALSampler(strategies=[(name, Margin()), "entropy"]),
    "class of a strategy": lambda name: AutoALSampler(strategies=[_strategy(name)]),
    "function": lambda name: AutoALSampler(strategies=["margin", _function(name)]),
    "class of a sampler": lambda name: type(name, (StrategySampler,), {})(),
    "inside of a wrapper": lambda name: ClassBalanced(_strategy(name)),
    "parameter": lambda name: flat_autoal(embedding_layer=name, classes=[name]),
    "no strategy at all": lambda name: StrategySampler(strategy=name),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_names_in_a_diagram_are_text(place, name):
    """Elements, attributes and what they do are those of a diagram with a harmless name."""
    html = PLACES[place](name)._repr_html_()
    page, harmless = Page(html), Page(PLACES[place]("harmless")._repr_html_())
    assert page.elements == harmless.elements
    assert len(page.actions) == len(harmless.actions)
    assert not [action for action in page.actions if "alert" in str(action)]
    if place not in ("no strategy at all", "parameter"):
        assert name in page.text

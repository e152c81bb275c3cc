"""A net and a strategy that fail when they are told to, wherever they are at work."""

from __future__ import annotations

from skautoal.modules import MLP
from tests._helpers import make_net


class Broken(Exception):
    """What a net or a strategy raises when the trap springs."""


class Trap:
    """Raises once it was passed ``after`` times, by a net or by ``moody``, until it is disarmed."""

    after: int | None = None
    error: type[BaseException] = Broken
    sprung = False

    @classmethod
    def passed(cls) -> None:
        if cls.after is not None:
            cls.after -= 1
            if cls.after < 0:
                cls.sprung = True
                raise cls.error


class TrappedMLP(MLP):
    def forward(self, X):
        Trap.passed()
        return super().forward(X)


def moody(signals):
    Trap.passed()
    return -signals.probabilities[:, 0]


def trapped_net():
    sizes = {"module__n_features": 4, "module__n_classes": 3, "module__hidden": 6}
    return make_net(TrappedMLP, **sizes, max_epochs=2, lr=0.1, batch_size=32)

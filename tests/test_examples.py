"""Every script in examples/ runs to its end, in a short version where it offers one."""

import runpy
import sys
from pathlib import Path

import pytest
from skorch import NeuralNet

FOLDER = Path(__file__).parents[1] / "examples"
# The loops are run, and compared, in tests/interop; Label Studio's in tests/campaign.
ELSEWHERE = ("loop_", "label_studio")
EXAMPLES = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith(ELSEWHERE))
SHORT = {"digits.py": ["--rounds", "1", "--seeds", "1", "--epochs", "2"]}
GALLERY = [path for path in EXAMPLES if path.name.startswith("plot_")]


@pytest.mark.parametrize("script", sorted(set(EXAMPLES) - set(GALLERY)), ids=lambda path: path.name)
def test_example_runs(script, tmp_path, monkeypatch, capsys):
    arguments = [*SHORT.get(script.name, []), "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".png", ".png"]


@pytest.fixture
def two_epochs(monkeypatch):
    """Nets train for two epochs: the pages run whole, and nobody looks at their numbers."""
    loop = NeuralNet.fit_loop

    def short_loop(self, X, y=None, epochs=None, **fit_params):
        epochs = self.max_epochs if epochs is None else epochs
        return loop(self, X, y, epochs=min(epochs, 2), **fit_params)

    monkeypatch.setattr(NeuralNet, "fit_loop", short_loop)


@pytest.mark.usefixtures("two_epochs")
@pytest.mark.parametrize("script", GALLERY, ids=lambda path: path.name)
def test_page_of_the_gallery_runs(script, tmp_path, monkeypatch, capsys):
    """These leave their figures open, for the documentation to take."""
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    try:
        runpy.run_path(str(script), run_name="__main__")
        assert plt.get_fignums()
        for number in plt.get_fignums():
            plt.figure(number).savefig(tmp_path / f"{number}.png")
    finally:
        plt.close("all")
    assert capsys.readouterr().out

"""The study behind the defaults and the registered claims: run it, and print its tables.

Every part compares methods on the same tasks, budgets and seeds. Finished runs are kept
in a folder, so that a second call goes on; a compact table of them (a row a run: method,
task, budget, seed, labels and accuracy of each round, on the test set and on the half of it
that the oracle is scored on) is what the repository
holds and what the tables are made of.

    python benchmarks/study.py run small                  # the main table, small: minutes
    python benchmarks/study.py run claims --data ../shared/data --keep
    python benchmarks/study.py show claims                # tables of the results kept here
    python benchmarks/study.py verdicts                   # the claims Q1 to Q6
    python benchmarks/study.py page                       # answer, tables, figures of the docs
"""

from __future__ import annotations

import argparse
import csv
import platform
import warnings
from importlib.metadata import version
from pathlib import Path

from _answer import answer, headline
from _figures import draw, draw_headline
from _study import EMBEDDINGS, PLAN, TABULAR, load, parts
from _tables import by_setting, needed_table, overview
from _verdicts import comparison_table, default_by_rule, gains, verdict_table, verdicts

from skautoal.exceptions import SkautoalWarning
from skautoal.simulation import Results, SimulationResult, compare
from skautoal.simulation.runs._result import Round

KEPT = Path(__file__).parent / "results" / "study"
ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
#: Methods and pairs that have columns and rows of their own on the page.
SHOWN = ["equal", "search", "oracle", "margin", "uncertainty_herding", "random"]
PAIRS = [
    ("search", "equal"),
    ("search", "random weights"),
    ("equal", "random"),
    ("equal", "margin"),
    ("equal", "uncertainty_herding"),
    ("equal", "vote"),
    ("equal", "paper"),
]
BUDGETS = ["low", "mid", "high"]
FIELDS = ["method", "task", "budget", "seed", "labels", "accuracy", "half"]


def run(part: str, args) -> Results:
    """Run what is missing of a part; errors of single runs are shown, not fatal."""
    names, budgets, seeds = PLAN[part]
    tasks = [load(name, args.data) for name in args.tasks or names]
    methods = parts()[part]
    if args.methods:
        methods = {name: methods[name] for name in args.methods}
    warnings.simplefilter("ignore", SkautoalWarning)
    return compare(
        methods,
        tasks,
        seeds=list(seeds)[: args.seeds],
        budgets=args.budgets or budgets,
        out=args.out / part,
        n_jobs=args.jobs,
        batch_seeds=args.batch_seeds,
        on_error="warn",
    )


def keep(part: str, results: Results) -> Path:
    """Write the compact table of a part."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{part}.csv"
    with path.open("w", newline="") as file:
        versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "scikit-learn"))
        file.write(f"# python benchmarks/study.py run {part}; {platform.machine()}, {versions}\n")
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        for result in results:
            writer.writerow(
                {
                    "method": result.method,
                    "task": result.task,
                    "budget": result.budget,
                    "seed": result.seed,
                    "labels": " ".join(map(str, result.n_labeled)),
                    "accuracy": " ".join(f"{value:.4f}" for value in result.curve()),
                    "half": " ".join(f"{value:.4f}" for value in result.curve("half_accuracy")),
                }
            )
    return path


def kept(part: str) -> Results:
    """The runs of a compact table; they know accuracies only."""
    with (KEPT / f"{part}.csv").open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    results = []
    for row in rows:
        result = SimulationResult(row["method"], row["task"], row["budget"], int(row["seed"]))
        labels, accuracies = row["labels"].split(), row["accuracy"].split()
        halves = row.get("half", "").split() or len(labels) * ["nan"]  # none in the first study
        for n_labeled, accuracy, half in zip(labels, accuracies, halves, strict=True):
            scores = float(accuracy), *2 * [float("nan")], float(half)
            result.rounds.append(Round(int(n_labeled), *scores, [], []))
        results.append(result)
    return Results(results)


def blocks(found: dict[str, Results]) -> dict[str, str]:
    """Return everything on the pages that is made of the kept tables, by name."""
    claims, variants, trust = found["claims"], found["variants"], found["trust"]
    budgets = [b for b in BUDGETS if any(setting.budget == b for setting in claims.settings)]
    return {
        **{part: overview(results, part) for part, results in found.items() if part != "claims"},
        **{b: overview(tables(claims, b)) for b in budgets},
        "headline": headline(claims),
        "answer": answer(claims, variants),
        "needed": needed_table(claims, ["random", "margin"]),
        "verdicts": verdict_table(verdicts(claims, variants, trust)),
        "pairs": comparison_table(
            claims, [pair for pair in PAIRS if set(pair) <= set(claims.methods)]
        ),
        "settings": by_setting(claims, SHOWN),
        "learning": gains(claims),
        "harder": by_setting(variants, variants.methods),
    }


def tables(claims: Results, budget: str) -> Results:
    """Return the runs of a budget on tables and embeddings; few methods ran on images."""
    return claims.select(tasks=TABULAR + EMBEDDINGS, budgets=[budget])


def filled(text: str, made: dict[str, str]) -> str:
    """Return a page with every block between its marks replaced."""
    for name, block in made.items():
        block = block.replace(" %", "\u00a0%")  # no line begins with the sign
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = f"{before}{begin}\n\n{block}\n\n{end}{rest.partition(end)[2]}"
    return text


def write_pages() -> None:
    """Put the answer, tables and figures into the documentation."""
    found = {path.stem: kept(path.stem) for path in sorted(KEPT.glob("*.csv"))}
    made = blocks(found)
    for page in (DOCS / "does_it_work.md", DOCS / "index.md", ROOT / "README.md"):
        page.write_text(filled(page.read_text(), made))
    low = tables(found["claims"], "low")
    draw(low, DOCS / "_static" / "evidence")
    draw_headline(low, DOCS / "_static" / "headline.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["run", "show", "verdicts", "page"])
    parser.add_argument("parts", nargs="*", help=", ".join(parts()))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--tasks", nargs="+")
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--batch-seeds", action="store_true", help="train nets of seeds together")
    parser.add_argument("--budgets", nargs="+")
    parser.add_argument("--keep", action="store_true", help="write the compact table")
    args = parser.parse_args()
    unknown = sorted(set(args.parts) - set(parts()))
    if unknown:
        parser.error(f"there are no parts {unknown}; there are {sorted(parts())}")
    if args.command == "verdicts":
        claims, variants, trust = map(kept, ("claims", "variants", "trust"))
        print(verdict_table(verdicts(claims, variants, trust)))
        print(f"\nThe default by the rule, on what has been run: {default_by_rule(claims)}")
        return
    if args.command == "page":
        write_pages()
        return
    for part in args.parts:
        if args.command == "run":
            results = run(part, args)
            if args.keep:
                print(f"kept in {keep(part, results)}")
        else:
            results = kept(part)
        print(f"## {part}\n\n{overview(results, part)}\n")


if __name__ == "__main__":
    main()

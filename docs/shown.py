"""What README and docs show: tables and numbers from docs/results, and outputs of commands, put in place by cog.

python docs/shown.py     runs the studies that are shown and renews docs/results and docs/figures
make docs                does that, and lets cog write all outputs and numbers anew
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from analysis.data.field_labels import learn
from analysis.findings.statistics import wilson
from analysis.text import words
from nnxor.condition import FIELDS

learn({name: field.about() for name, field in FIELDS.items()})

DOCS = Path(__file__).parent
RESULTS = DOCS / "results"
STUDIES = {"article": "article", "rescue": "rescue", "published": "published/all"}
FIGURES = {
    "success_rate": "article", "composition": "article", "functions": "article", "resting_points": "article",
    "freed_by_rescue": "rescue",
}  # fmt: skip
UNUSED = ("condition", "conditions", "setting")


def table(name: str) -> pd.DataFrame:
    """A table in docs/results."""
    return pd.read_csv(RESULTS / f"{name}.csv")


def rate(count: int, n: int, with_n: bool = False) -> str:
    """'64.4 % (61.4–67.3)'."""
    low, high = (100 * float(end) for end in wilson(count, n))
    return f"{100 * count / n:.1f} % ({low:.1f}–{high:.1f}{f', n = {n:,}' if with_n else ''})"


def of(hidden: int, init: str, lr: float) -> pd.Series:
    """A condition of the default study."""
    found = table("article")
    return found[(found["hidden"] == hidden) & (found["init"] == init) & (found["lr"] == lr)].iloc[0]


def stuck(row: pd.Series) -> int:
    """The stuck runs of a condition."""
    return int(sum(count for name, count in row.items() if str(name).startswith("stuck")))


def headline() -> str:
    """How often the article's own network gets stuck."""
    row = of(4, "uniform", 0.1)
    return f"One in three four-unit networks never learns XOR: {rate(stuck(row), int(row['n']), True)} get stuck."


def success() -> str:
    """The success rates of the default study."""
    lrs = [0.01, 0.03, 0.1, 0.2]
    lines = [f"| | {' | '.join(f'lr {lr:g}' for lr in lrs)} |", "|---|" + "---|" * len(lrs)]
    for hidden in (4, 10):
        for init in ("uniform", "he"):
            cells = (rate(int(row["solved"]), int(row["n"])) for row in (of(hidden, init, lr) for lr in lrs))
            lines.append(f"| {hidden} units, {words.value(init, 'init')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def kinds() -> str:
    """What the stuck runs of the default study rest at, and how many repeat exactly."""
    found = table("article")
    counts = {kind: int(found[kind].sum()) for kind in ("minimum", "kink", "saddle", "unknown")}
    n = sum(counts.values())
    told = ", ".join(f"{100 * count / n:.1f} % {kind}" for kind, count in counts.items() if count)
    settled = 100 * found["settled"].sum() / sum(stuck(row) for _, row in found.iterrows())
    return f"Of {n:,} stuck runs of the default study: {told}. Proved stuck for ever: {settled:.1f} %."


def resting() -> str:
    """What the stuck runs of each condition of the default study rest at."""
    found = table("article")
    kinds = [kind for kind in ("minimum", "kink", "saddle", "unknown") if found[kind].any()]
    lines = [f"| | stuck | {' | '.join(kinds)} |", "|---|---|" + "---|" * len(kinds)]
    for _, row in found.iterrows():
        n = sum(int(row[kind]) for kind in kinds)
        cells = " | ".join(rate(int(row[kind]), n) if n else "–" for kind in kinds)
        lines.append(f"| {condition(row)} | {n:,} | {cells} |")
    return "\n".join(lines)


def freed_everywhere() -> str:
    """What each intervention frees of the stuck runs of each condition."""
    found = table("rescue")
    names = list(dict.fromkeys(found["rescue"].dropna()))
    lines = [f"| | stuck | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for _, mine in found.groupby(["hidden", "init", "lr"]):
        alone = mine[mine["rescue"].isna()].iloc[0]
        n, solved = stuck(alone), int(alone["solved"])
        counts = [int(mine.loc[mine["rescue"] == name, "solved"].iloc[0]) - solved for name in names]
        lines.append(f"| {condition(alone)} | {n:,} | {' | '.join(rate(count, n) for count in counts)} |")
    return "\n".join(lines)


def condition(row: pd.Series) -> str:
    """'4 units, U(−1, 1), lr 0.1'."""
    return words.condition(row, ["hidden", "init", "lr"]).replace("\N{NO-BREAK SPACE}", " ")


def freed() -> str:
    """What frees the stuck runs of the article's own condition, most first."""
    found = table("rescue")
    mine = found[(found["hidden"] == 4) & (found["init"] == "uniform") & (found["lr"] == 0.1)]
    alone = mine[mine["rescue"].isna()].iloc[0]
    n, solved = stuck(alone), int(alone["solved"])
    rescued = mine[mine["rescue"].notna()].sort_values("solved", ascending=False)
    lines = [f"| done to the {n:,} stuck runs (`rescue=`) | freed |", "|---|---|"]
    lines += [
        f"| {words.rescue(row['rescue'])} (`{row['rescue']}`) | {rate(int(row['solved']) - solved, n)} |"
        for _, row in rescued.iterrows()
    ]
    return "\n".join(lines)


def published() -> str:
    """Published figures beside ours."""
    lines = ["| source | theirs | ours | |", "|---|---|---|---|"]
    for _, row in table("published").iterrows():
        theirs = (
            row["says"]
            if pd.isna(row["published_rate"])
            else f"{100 * row['published_rate']:.1f} % of {row['published_n']:,.0f}"
        )
        source = ", ".join(str(each) for each in (row["source"], row["where"], row["quoted"]) if not pd.isna(each))
        ours = rate(int(row["solved"]), int(row["n"]))
        if pd.isna(row["published_rate"]):
            ours = f"solved {ours}, stuck {rate(int(row['stuck']), int(row['n']))}"
        lines.append(f"| {source} | {theirs} | {ours} | {row['verdict']} |")
    return "\n".join(lines)


def run(command: str) -> str:
    """The output of a command, which is typed as people type it: 'nnxor-diagnose loss=0.25'."""
    name, *arguments = shlex.split(command)
    module = {"nnxor": "experiments"}.get(name.partition("-")[0], "") + "." + name.partition("-")[2]
    environment = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(DOCS.parent)}
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return f"```\n$ {command}\n{done.stdout.rstrip()}\n```"


def renew() -> None:
    """Run the studies that are shown, and keep what is shown of them."""
    for name, study in STUDIES.items():
        folder = DOCS.parent / "results" / name
        told = [f"study={study}", f"output={folder}", f"report={str(name in FIGURES.values()).lower()}"]
        command = [sys.executable, "-m", "experiments.run", *told, "overwrite=true"]
        subprocess.run(command, cwd=DOCS.parent, check=True)
        made = pd.read_csv(folder / ("published.csv" if name == "published" else "summary.csv"))
        unused = [each for each in made if each in UNUSED or re.search("^(?!published).*_(rate|low|high)$", each)]
        made.drop(columns=unused).to_csv(RESULTS / f"{name}.csv", index=False)
    for figure, name in FIGURES.items():
        shutil.copyfile(
            DOCS.parent / "results" / name / "figures" / f"{figure}.png", DOCS / "figures" / f"{figure}.png"
        )


if __name__ == "__main__":
    renew()

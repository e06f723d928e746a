"""What README and docs show: tables and numbers from docs/results, and outputs of commands, put in place by cog.

python docs/shown.py     runs the studies that are shown and renews docs/results and docs/figures
make docs                does that, and lets cog write all outputs and numbers anew
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
from PIL import Image

from analysis.data.conditions import learn, value_text
from analysis.data.reading import KINDS, is_stuck, load
from analysis.findings.findings import Findings
from analysis.findings.published import WORDS, brief
from analysis.findings.statistics import Rate
from analysis.findings.stuck import attributed, by_dead_at_start
from analysis.findings.summary import certificates, pool
from analysis.text import words
from experiments.study import catalog
from experiments.study.catalog import names
from nnxor.condition import FIELDS

ABOUT = {name: field.about() for name, field in FIELDS.items()}
ABOUT["init"]["words"] = {name: catalog.init(name).label for name in names("init")}
learn(ABOUT)

DOCS = Path(__file__).parent
RESULTS = DOCS / "results"
STUDIES = {"article": "article", "rescue": "rescue", "at_kinks": "relu_at_zero", "published": "published/all"}
ALONE = ("hinton_problems", "stackoverflow_2359571", "bertoin", "wu_simsek_ged")
"""Published studies that `all` leaves out, or of which it has more seeds than the source."""
MORE = {"at_kinks": ["certify=true", "grid.hidden=4", "grid.lr=0.1"]}
FIGURES = {
    "success_rate": "article", "composition": "article", "functions": "article", "resting_points": "article",
    "freed_by_rescue": "rescue",
}  # fmt: skip
UNUSED = ("condition", "conditions", "setting")


def table(name: str) -> pd.DataFrame:
    """A table in docs/results."""
    return pd.read_csv(RESULTS / f"{name}.csv")


def rate(count: int, n: int) -> str:
    """'64.4 % (61.4–67.3)'."""
    return short(Rate.of(count, n))


def short(value: Rate) -> str:
    """A share with its interval, without the blanks that keep a line together."""
    return words.short(value).replace("\N{NO-BREAK SPACE}", " ")


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
    one_in = round(row["n"] / stuck(row))
    many = {2: "two", 3: "three", 4: "four", 5: "five"}.get(one_in, str(one_in))
    told = words.share({"stuck": stuck(row), "n": row["n"]}, "stuck").replace("\N{NO-BREAK SPACE}", " ")
    return f"One in {many} four-unit networks never learns XOR: {told} get stuck."


def success() -> str:
    """The success rates of the default study."""
    lrs = [0.01, 0.03, 0.1, 0.2]
    lines = [f"| | {' | '.join(f'lr {lr:g}' for lr in lrs)} |", "|---|" + "---|" * len(lrs)]
    for hidden in (4, 10):
        for init in ("uniform", "he"):
            cells = (rate(int(row["solved"]), int(row["n"])) for row in (of(hidden, init, lr) for lr in lrs))
            lines.append(f"| {hidden} units, {value_text('init', init)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def kinds() -> str:
    """What the stuck runs of the default study rest at, and how many repeat exactly, over all conditions."""
    found = table("together").set_index("what")
    told = [short(Rate(*row[["rate", "low", "high", "n"]])) for _, row in found.iterrows()]
    kinds = [(kind, text) for kind, text in zip(found.index, told, strict=True) if kind != "settled"]
    rest = [f"{text} {'rest ' * (n == 0)}{KINDS[kind]}" for n, (kind, text) in enumerate(kinds)]
    n = int(found["n"].iloc[0])
    end = dict(zip(found.index, told, strict=True))["settled"]
    return (
        f"Of {n:,} stuck runs of the default study {words.listed(rest)}; {end} are proved to be stuck for ever. "
        "(The intervals resample seeds, which conditions share.)"
    )


def attributed_to_death() -> str:
    """What units that are dead at the start account for in the article's own condition."""
    found = table("dead_at_start")
    mine = found[(found["hidden"] == 4) & (found["init"] == "uniform") & (found["lr"] == 0.1)]
    by_dead = {int(row["dead"]): Rate.of(int(row["stuck"]), int(row["n"])) for _, row in mine.iterrows()}
    share = attributed(by_dead)
    told = ", ".join(f"{100 * each.rate:.0f}" for each in by_dead.values())
    return (
        f"With {', '.join(map(str, by_dead))} units dead at the start {told} % of the article's networks get stuck: "
        f"{short(share)} of its failures would vanish if every dead unit were drawn again until it lives."
    )


def dead_at_start() -> str:
    """How often four-unit networks get stuck, by the number of units dead at the start."""
    found = table("dead_at_start")
    found = found[found["hidden"] == 4]
    lines = ["| | 0 dead | 1 | 2 | 3 | 4 | due to them |", "|---|" + "---|" * 6]
    for _, part in found.groupby(["init", "lr"], sort=False):
        by_dead = {int(row["dead"]): Rate.of(int(row["stuck"]), int(row["n"])) for _, row in part.iterrows()}
        share = attributed(by_dead)
        cells = [f"{100 * by_dead[n].rate:.1f} % of {by_dead[n].n}" if n in by_dead else "–" for n in range(5)]
        lines.append(f"| {condition(part.iloc[0])} | {' | '.join(cells)} | {short(share)} |")
    return "\n".join(lines)


def at_kinks() -> str:
    """What the runs at kinks and at minima have in common, by the draw: the study relu_at_zero with certificates."""
    lines = ["| draw | rest at | runs | a unit dead at the start | solved with relu_at_zero=1 |", "|---|" + "---|" * 4]
    for _, row in table("at_kinks").iterrows():
        n = int(row["n"])
        dead, other = (rate(int(row[name]), n) if n else "–" for name in ("dead", "solved"))
        lines.append(f"| {value_text('init', row['init'])} | {row['minimum']} | {n} | {dead} | {other} |")
    return "\n".join(lines)


def redrawn() -> str:
    """Fresh dead units against fresh live ones and a new draw, by how many are dead (the article's own condition)."""
    found = table("redrawn")
    lines = ["| dead, of 4 | stuck runs | minus redraw_alive | minus redraw_all |", "|---|---|---|---|"]
    for dead, part in found.groupby("dead"):
        cells = [
            f"{100 * row['difference']:+.1f} ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})".replace("-", "−")
            for _, row in part.sort_values("first").iterrows()
        ]
        lines.append(f"| {dead:.0f} | {int(part['n'].iloc[0]):,} | {' | '.join(cells)} |")
    return "\n".join(lines)


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
    lines = [f"| | stuck | {' | '.join(map(words.rescue, names))} |", "|---|---|" + "---|" * len(names)]
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
    """What frees the stuck runs of the article's own condition, most first, in a sentence."""
    found = table("rescue")
    mine = found[(found["hidden"] == 4) & (found["init"] == "uniform") & (found["lr"] == 0.1)]
    alone = mine[mine["rescue"].isna()].iloc[0]
    n, solved = stuck(alone), int(alone["solved"])
    rescued = mine[mine["rescue"].notna()].sort_values("solved", ascending=False)
    told = [f"{words.rescue(row['rescue'])} {rate(int(row['solved']) - solved, n)}" for _, row in rescued.iterrows()]
    return f"What frees {n:,} of its stuck runs within another 10,000 epochs: {', '.join(told)}."


def published() -> str:
    """Published figures beside ours."""
    lines = ["| source | theirs | ours | |", "|---|---|---|---|"]
    for _, row in table("published").iterrows():
        source = ", ".join(str(each) for each in (row["source"], row["where"], row["quoted"]) if not pd.isna(each))
        lines.append(f"| {source} | {theirs_and_ours(row)} | {row['verdict']} |")
    return "\n".join(lines)


def published_briefly() -> str:
    """A row a source: its figure of the most runs beside ours, and all verdicts; one for those without figures."""
    found = table("published")
    names = found["source"].map(brief)
    lines = ["| source | theirs | ours | its figures |", "|---|---|---|---|"]
    wordy = (found["verdict"] == WORDS).groupby(names, sort=False).transform("all")
    for name, part in found[~wordy].groupby(names, sort=False):
        main = part.sort_values("published_n", ascending=False, kind="stable").iloc[0]
        where = "" if pd.isna(main["where"]) else f", {main['where']}"
        verdicts = part["verdict"].str.cat(part["quoted"].radd(" (") + ")", na_rep="").value_counts(sort=False)
        told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
        lines.append(f"| {name}{where} | {theirs_and_ours(main)} | {told} |")
    others = words.listed(list(dict.fromkeys(names[wordy])))
    lines.append(f"| {others} | words, without figures | see there | {wordy.sum()} {WORDS} |")
    return "\n".join(lines)


def theirs_and_ours(row: pd.Series) -> str:
    """Two cells: what a source reports, and what we find."""
    ours = rate(int(row["solved"]), int(row["n"]))
    if not pd.isna(row["published_rate"]):
        return f"{words.percent(row['published_rate'])} of {row['published_n']:,.0f} | {ours}".replace(
            "\N{NO-BREAK SPACE}", " "
        )
    both = f"solved {ours}, stuck {rate(int(row['stuck']), int(row['n']))}"
    return f"{row['says']} | {both if pd.isna(row['ours']) else f'mean error {row.ours}'}"


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
    alone = {name: f"published/{name}" for name in ALONE}
    for name, study in {**alone, **STUDIES}.items():
        folder = DOCS.parent / "results" / name
        told = [
            f"study={study}",
            f"output={folder}",
            f"report={str(name in FIGURES.values()).lower()}",
            *MORE.get(name, []),
        ]
        command = [sys.executable, "-m", "experiments.run", *told, "overwrite=true"]
        subprocess.run(command, cwd=DOCS.parent, check=True)
        if name in STUDIES:
            keep(name, folder)
    for figure, name in FIGURES.items():
        with Image.open(DOCS.parent / "results" / name / "figures" / f"{figure}.png") as drawn:
            drawn.save(DOCS / "figures" / f"{figure}.png", optimize=True)  # every dot stays; reports save time instead


def keep(name: str, folder: Path) -> None:
    """Keep what is shown of a study."""
    found = Findings.of(folder)
    made = {}
    if name == "article":
        together = found.together(found.summary)
        stuck = together[is_stuck(together)]
        rates = {**certificates(together), "settled": pool(stuck, stuck["period"].notna())}
        made["together"] = pd.DataFrame(
            [{"what": what, "rate": each.rate, **vars(each)} for what, each in rates.items()]
        )
        by_dead = [
            {**dict(part.iloc[0][["hidden", "init", "lr"]]), "dead": dead, "stuck": each.count, "n": each.n}
            for _, part in found.trials.groupby("condition", observed=True, sort=False)
            for dead, each in by_dead_at_start(part).items()
        ]
        made["dead_at_start"] = pd.DataFrame(by_dead)
    if name == "rescue":
        mine = [each for each in found.redrawn if [*each.row[["hidden", "init", "lr"]]] == [4, "uniform", 0.1]]
        pairs = ((each.dead, name, pair) for each in mine for name, pair in each.against.items())
        made["redrawn"] = pd.DataFrame({"dead": dead, "first": name, "n": p.n, **vars(p)} for dead, name, p in pairs)
    if name == "at_kinks":
        made["at_kinks"] = _at_kinks(folder)
    else:
        summary = _published(folder) if name == "published" else pd.read_csv(folder / "summary.csv")
        derived = summary.columns.str.fullmatch("(?!published).*_(rate|low|high|level)")
        made[name] = summary.drop(columns=[*UNUSED, *summary.columns[derived]], errors="ignore")
    for each, kept in made.items():
        kept.to_csv(RESULTS / f"{each}.csv", index=False)


def _published(folder: Path) -> pd.DataFrame:
    """What published.csv holds of all and, for sources whose study has seeds of its own, of that."""
    whole, *own = (pd.read_csv(each / "published.csv") for each in (folder, *map(folder.with_name, ALONE)))
    again = [source for table in own for source in table["source"]]
    return pd.concat([whole[~whole["source"].isin(again)], *own])


def _at_kinks(folder: Path) -> pd.DataFrame:
    trials = load(folder)
    kept = ["init", "relu_at_zero", "seed", "minimum", "dead_init", "outcome"]
    trials = trials[kept].astype({"init": "str", "minimum": "str", "outcome": "str"})
    there, here = (trials[trials["relu_at_zero"] == value] for value in (1, 0))
    both = here.merge(there[["init", "seed", "outcome"]], on=["init", "seed"], suffixes=("", "_there"))
    both = both[both["minimum"].isin(["kink", "minimum"])]
    both = both.assign(n=1, dead=both["dead_init"] > 0, solved=both["outcome_there"] == "solved")
    return both.groupby(["init", "minimum"])[["n", "dead", "solved"]].sum().reset_index()


if __name__ == "__main__":
    renew()

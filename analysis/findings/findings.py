"""All findings of a result folder, each computed once: figures, tables, verdicts and advice ask for them here."""

from functools import cached_property
from typing import Any

import pandas as pd
import yaml

from analysis.data.conditions import FIELDS, NAMING, closest, is_number, swept, values, with_values
from analysis.data.door import ANEW, CONFIG, read_text
from analysis.data.reading import Counted, damage_told, fine, left_alone, load, load_exemplars, load_laws, size
from analysis.findings.paired import compare_he, compare_values, drawn
from analysis.findings.published import Beside, beside, mean_errors, published_frame
from analysis.findings.stuck import failure_causes, freed, redrawn
from analysis.findings.summary import resting, summarise, with_levels
from analysis.findings.verdict import scope, verdicts


class Findings(Counted):
    """A finished result folder: its counts, and what follows from them, computed when it is first asked for.

    `trials` and `epochs` are the counts of the trainings that were not rescued; everything but the findings on rescues
    is about these.
    """

    every = cached_property(lambda self: fine(self.runs))  # the trainings that went through without an error
    failed = cached_property(lambda self: size(self.runs) - size(self.every))  # how many did not
    trials = cached_property(lambda self: left_alone(self.every))  # those without a rescue; all, if all have one
    epochs = cached_property(lambda self: left_alone(self.every_epoch))  # the solved epochs of these
    fields = cached_property(lambda self: swept(self.trials))  # those that take more than one value among `trials`
    called_by = cached_property(lambda self: list(dict.fromkeys([*NAMING, *self.fields])))  # what names conditions
    # A row a condition as in `every_summary`, of the trainings without a rescue, where any training went well.
    summary = cached_property(lambda self: left_alone(self.every_summary.query("n > 0")).reset_index(drop=True))
    nearest = cached_property(lambda self: self.nearest_in(self.summary))  # the row most like the article's condition

    # What these hold is told by the functions that find it.
    laws = cached_property(lambda self: load_laws(self.folder))
    exemplars = cached_property(lambda self: load_exemplars(self.folder, self.fields))
    widths = cached_property(lambda self: compare_values(self.trials, "hidden", self.solved))  # wider minus narrower
    freed = cached_property(lambda self: freed(self.rescues) if len(self.rescues) else [])
    redrawn = cached_property(lambda self: redrawn(self.rescues) if self.freed else [])
    failure_causes = cached_property(lambda self: failure_causes(self.trials))
    resting = cached_property(lambda self: resting(self.summary))
    verdicts = cached_property(lambda self: verdicts(self.trials, self.summary, self.solved))
    scope = cached_property(lambda self: scope(self.trials))  # of which conditions the verdicts are, in words
    question = cached_property(lambda self: str(self.config.get("question") or self.manifest["study"]))

    @cached_property
    def config(self) -> dict[str, Any]:
        """The study as it was run, from config.yaml; FolderError where that cannot be read."""
        with damage_told(self.folder / CONFIG, ANEW):
            return dict(yaml.safe_load(read_text(self.folder / CONFIG)))

    @property
    def asks(self) -> list[str]:
        """The fields that it asks about."""
        asks = self.config.get("asks") or []
        return [asks] if isinstance(asks, str) else [*asks]

    @cached_property
    def asked(self) -> list[str]:
        """The fields that it asks about and sweeps; all that it sweeps if there are none."""
        fields = swept(self.every)
        return [name for name in self.asks if name in fields] or fields

    @cached_property
    def every_summary(self) -> pd.DataFrame:
        """A row a condition (see `analysis.findings.summary.summarise`), of all trainings, failed ones counted."""
        return with_levels(summarise(self.runs, self.every_epoch), self.manifest["traps"])

    def nearest_in(self, table: pd.DataFrame) -> pd.Series:
        """The row of a table nearest to the article's condition; of equals one of XOR, then one without a rescue."""
        xor = [trap["task"] for trap in self.manifest["traps"]]
        table = table.sort_values("rescue", kind="stable", na_position="first")
        table = table.sort_values("task", key=lambda task: ~task.isin(xor), kind="stable")
        return table.iloc[closest(table[[*FIELDS]].to_dict("records"))]

    def here(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Those of some rows that belong to the condition nearest to the article's."""
        return rows[(rows["condition"] == str(self.nearest["condition"])).to_numpy(bool)]

    def alike(self, rows: pd.DataFrame, *but: str) -> pd.DataFrame:
        """Those of some rows whose conditions are like that one, but for these fields."""
        return with_values(rows, self.nearest, [name for name in FIELDS if name not in but])

    @cached_property
    def effects(self) -> dict[str, pd.DataFrame]:
        """What named choices change, paired by seed: He against another draw, and fields that take two values."""
        found, inits = {"init": compare_he(self.trials, self.solved)}, drawn(self.trials)
        if len(inits) == 2:
            found["init"] = compare_values(self.trials, "init", self.solved, [(inits[0], inits[1])])
        for field in self.fields:
            taken = values(self.summary, field)
            names = not is_number(field) or field == "relu_at_zero" or None in taken
            if field not in ("init", "rescue") and len(taken) == 2 and names:
                found[field] = compare_values(self.trials, field, self.solved)
        return found

    @cached_property
    def rescues(self) -> pd.DataFrame:
        """All trainings, a row each, of a study that rescues some; else no row."""
        if self.every["rescue"].isna().all():
            return self.every.iloc[:0]
        told = ("seed", "outcome", "dead_final", "outcome_before", "status")
        return fine(load(self.folder, ["condition", *FIELDS, *told]))

    @cached_property
    def rows(self) -> pd.DataFrame:
        """What rates over several conditions are computed from: rows, whose seeds can be resampled, or else counts."""
        if self.manifest["record"] == "summary":
            return self.every
        return fine(load(self.folder, ["condition", "seed", "outcome", "minimum", "period", "status"]))

    def together(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Those of `rows` that belong to the conditions of a summary."""
        return self.rows[self.rows["condition"].isin(summary["condition"]).to_numpy(bool)]

    @cached_property
    def published(self) -> list[Beside]:
        """What others have published, beside ours."""
        entries = self.manifest["published"]
        told = any(each.get("error") for each in entries) and self.manifest["record"] == "trials"
        errors = mean_errors(fine(load(self.folder))) if told else {}
        return beside(self.every_summary, self.rows, self.manifest, errors) if entries else []

    @property
    def derived(self) -> dict[str, str]:
        """The texts of the files that follow from the counts, by name; summary.csv is the last."""
        tables = {"published.csv": published_frame(self.published)} if self.published else {}
        tables["summary.csv"] = self.every_summary
        return {name: table.to_csv(index=False, float_format="%.6g") for name, table in tables.items()}

"""Where a report's numbers come from: the method's facts, and provenance."""

import shlex
from collections.abc import Mapping
from typing import Any

from analysis.data.conditions import value_text
from analysis.data.reading import can_die, is_stuck
from analysis.findings.findings import Findings
from analysis.report_parts.tables import Table
from analysis.text import words


def method(found: Findings) -> dict[str, Any]:
    """What the text on the method, method.html.j2, must know in order to be true of this study."""
    trials, (first, stop) = found.trials, found.manifest["seeds"]
    told = {
        name: words.listed([value_text(name, each) for each in trials[name].unique()], "or")
        for name in ("success", "loss", "output", "optimizer")
    }
    full = trials["batch_size"].isna()
    batches = f"{told['optimizer']} on {'all rows or on ' if full.any() else ''}mini-batches"
    return {
        "first": first, "last": stop - 1, "protocol": found.manifest["protocol"], "success": told["success"],
        "certified": bool(trials["minimum"].notna().any()), "endless": bool((trials["minimum"] == "infinity").any()),
        "stuck": bool(is_stuck(trials).any()),
        "losses": told["loss"], "dying": bool(can_die(trials).any()),
        "descent": f"full-batch {told['optimizer']}" if full.all() else batches,
        "outputs": told["output"] if {*trials["output"].unique()} != {"identity"} else "",
    }  # fmt: skip


def provenance(manifest: Mapping[str, Any]) -> list[Table]:
    """The manifest as tables: the whole, then a column a run."""
    whole = {
        "protocol": str(manifest["protocol"]), "trainings": f"{manifest['trials']:,}",
        "kept of them": "exact counts (record: summary)" if manifest["record"] == "summary" else "one row each",
        "failed with an error": f"{manifest.get('failed') or 0:,}",
        "digest of the scientific columns": str(manifest.get("digest")),
    }  # fmt: skip
    runs = [_flat(run) for run in manifest["runs"]]
    keys = dict.fromkeys(key for run in runs for key in run)
    rows = [[key, *(run.get(key, "\N{EM DASH}") for run in runs)] for key in keys]
    heads = ["", *(f"run {i}" for i in range(1, len(runs) + 1))]
    results = Table("The results", "What the result folder holds.", ["", ""], [*whole.items()], prose=True)
    return [results, Table("The runs", "One column for each time that trainings were added.", heads, rows, prose=True)]


def _flat(run: Mapping[str, Any]) -> dict[str, str]:
    """What the manifest tells of a run, by name: what is nested by both names, lists as command lines."""
    flat: dict[str, Any] = {}
    for key, value in run.items():
        flat |= {f"{key}: {inner}": what for inner, what in value.items()} if isinstance(value, dict) else {key: value}
    return {key: shlex.join(map(str, each)) if isinstance(each, list) else str(each) for key, each in flat.items()}

"""Where a report's numbers come from: method and provenance."""

import shlex
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.data.reading import records_summary
from analysis.findings.findings import Findings
from analysis.findings.rest_points import is_certified
from analysis.report_parts.tables import Table
from analysis.text import words

LOSSES = {
    "half_sse": "half the sum of squared errors",
    "mse": "the mean squared error",
    "bce": "the binary cross-entropy",
}


def method(found: Findings) -> list[str]:
    """How it was done, in paragraphs, true of this study."""
    trials, manifest = found.trials, found.manifest
    rules = words.listed([_success(str(rule)) for rule in trials["success"].unique()])
    losses = words.listed([LOSSES.get(name, name) for name in trials["loss"].unique()])
    first, stop = manifest["seeds"]
    return [
        f"Every condition was trained from the same {stop - first:,} seeds ({first:,} to {stop - 1:,}) under numerical "
        f"protocol {manifest['protocol']}: an Affine layer, an activation and an Affine layer, {_descent(trials)} on "
        f"{losses}. Solved means: {rules}. The loss of an epoch is measured before its update, the final "
        "loss after the last one.",
        "Stuck means at rest: the gradient is almost zero and the loss is at a level where it can rest. Runs "
        "whose loss still falls are unsettled, runs that a smaller step would free are oscillating, and what could "
        "not be told is unclear; none of these is stuck. A unit is dead if its input is at most 0 on each row.",
        _certificates(trials),
        "Every rate has its n and a 95 % Wilson score interval (Wilson 1927). Conditions with the same seed start from "
        "the same underlying draws, whatever their initialization, learning rate and width (a narrow network consists "
        "of the first units of a wide one), so they are compared seed by seed (except for weights that were given): "
        "discordant pairs, the exact McNemar test, and the paired difference with the "
        " interval of Newcombe's method 10 (Statistics in Medicine 17, 1998, for paired data). Groups of "
        "different runs are compared by Newcombe's method 10 for independent proportions (the same volume). p values "
        "of several comparisons are adjusted by Holm's method over each table.",
        "Epochs to solve: Kaplan\N{EN DASH}Meier, unsolved runs censored at the end; with no other censoring the band "
        "is the Wilson interval of the share.",
        "Example runs: for each outcome, the condition nearest to the article's in which a run ended that way (fewest "
        "fields that differ, then octaves in width, scale, learning rate and epochs), and the lowest such seed.",
    ]


def _certificates(trials: pd.DataFrame) -> str:
    """What the word minimum stands on here."""
    if not is_certified(trials):
        return (
            "Nothing here says 'minimum': that takes a certificate, which a study makes with certify=true, and only "
            "for networks that train under its rules."
        )
    return (
        "Minimum is a claim that only a certificate makes. From each stuck run's last weights Newton's method goes on "
        "in float64 to the stationary point next to them; rows that lie exactly on a kink (z = 0) are held there. At "
        "that point an exact first-order test is made, unit by unit, of every direction, across the kinks too. "
        "Minimum: no nearby point has a lower loss, proved within a radius of 1e-6 at least. Kink: an arbitrarily "
        "small step that takes a unit across a kink lowers the loss, but gradient descent cannot see it, because "
        "on a row where z is exactly 0 it takes a fixed derivative (relu\N{PRIME}(0) = 0, the setting relu_at_zero). "
        "Saddle: the loss gets lower along a direction that crosses no kink. Unknown: no proof of any of these, such "
        "as where the loss has no lowest point at finite weights. Networks of smooth activations are judged by the "
        "Hessian. No random perturbation takes part."
    )


def _descent(trials: pd.DataFrame) -> str:
    """How parameters were moved: 'full-batch gradient descent', 'Adam on mini-batches'."""
    names = {"gd": "gradient descent", "momentum": "gradient descent with momentum", "adam": "Adam"}
    found = words.listed([names.get(name, name) for name in trials["optimizer"].astype("str").unique()], "or")
    batches = trials["batch_size"].isna()
    return (
        f"full-batch {found}"
        if batches.all()
        else f"{found} on {'' if not batches.any() else 'all rows or on '}mini-batches"
    )


def _success(rule: str) -> str:
    """A success rule, 'loss 0.001' say, in words."""
    name, _, setting = rule.partition(" ")
    rules = {
        "loss": f"final loss at most {setting}",
        "margin": f"every prediction within {setting} of its target",
        "threshold": f"every prediction on its target's side of \N{VULGAR FRACTION ONE HALF} {setting}".strip(),
    }
    return rules.get(name, rule)


def provenance(manifest: Mapping[str, Any]) -> list[Table]:
    """The manifest as tables: the whole, then a column a run."""
    whole = [
        ["protocol", str(manifest["protocol"])],
        ["trainings", f"{manifest['trials']:,}"],
        ["kept of them", "exact counts (record: summary)" if records_summary(dict(manifest)) else "a row each"],
        ["failed with an error", f"{manifest.get('failed') or 0:,}"],
        ["digest of the scientific columns", str(manifest.get("digest"))],
    ]
    runs = [run for run in manifest.get("runs", []) if isinstance(run, dict)]
    keys = list(dict.fromkeys(key for run in runs for key in _flat(run)))
    rows = [[key, *(str(_flat(run).get(key, "\N{EM DASH}")) for run in runs)] for key in keys]
    heads = ["", *(f"run {i}" for i in range(1, len(runs) + 1))]
    return [
        Table("The results", "What the result folder holds.", ["", ""], whole, prose=True),
        Table("The runs", "One column for each time that trainings were added.", heads, rows, prose=True),
    ]


def _flat(run: Mapping[str, Any]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in run.items():
        if isinstance(value, dict):
            flat |= {f"{key}: {inner}": str(what) for inner, what in value.items()}
        elif isinstance(value, list):
            flat[key] = shlex.join(str(each) for each in value)
        else:
            flat[key] = str(value)
    return flat

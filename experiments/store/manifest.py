"""manifest.json of a result folder: what it says of a study, and how it is read; `analysis.data.door` has its shape."""

from pathlib import Path
from typing import Any

from analysis.data.door import check_shape, fits, read_json
from experiments.errors import InputError
from experiments.study.study import Study
from nnxor.condition import FIELDS
from nnxor.landscape.traps import known_traps
from nnxor.protocol import PROTOCOL_VERSION


def described(study: Study) -> dict[str, Any]:
    """What a manifest says of a study: all that those must know of it who read its results."""
    conditions = study.conditions
    fields = {name: field.about() for name, field in FIELDS.items()}
    inits = [condition.init for condition in conditions]
    fields["init"]["words"] = {init.name: getattr(init, "label", "") or init.name for init in inits}
    return {
        "study": study.name,
        "question": study.question,
        "record": study.record,
        "protocol": PROTOCOL_VERSION,
        "certify": study.certify,
        "published": list(study.published),
        "success": sorted({str(condition.success) for condition in conditions}),
        "seeds": [study.seeds.start, study.seeds.stop],
        "given": study.given,
        "fields": fields,
        "traps": known_traps(conditions),
        "conditions": {condition.key: condition.text() for condition in conditions},
    }


def read_manifest(folder: Path, ways_out: str, protocol: int = PROTOCOL_VERSION) -> dict[str, Any] | None:
    """What manifest.json holds; None if there is none, InputError if it is none of this protocol, with the ways out."""
    path = folder / "manifest.json"
    try:
        content = read_json(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path} cannot be read ({why}); {ways_out}") from None
    if not fits(content, {"protocol": int}):
        raise InputError(f"{path} is not a manifest; {ways_out}")
    if content["protocol"] != protocol:
        raise InputError(f"{folder} was made by protocol {content['protocol']}, this is {protocol}; {ways_out}")
    try:
        check_shape(content)
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}; {ways_out}") from None
    return dict(content)

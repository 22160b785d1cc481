"""Refusals of a transaction's schema as python-jsonschema words them: `pip install jsonschema==4.17.3`, then in this folder
`npm exec node schemas.ts | python3 schema.py > ../bigchaindb-schema.json`.

Each row changes one place of a golden transaction; the message is what BigchainDB 2.2.2 answers after "Invalid transaction schema: "."""

import copy
import json
import random
import sys
import warnings

warnings.simplefilter("ignore")
import jsonschema

SCHEMAS = json.load(sys.stdin)
VECTORS = {vector["name"]: vector["tx"] for vector in json.load(open("../bigchaindb.json"))["positive"]}
BASES = ["create-simple", "transfer-split", "create-threshold-2of3"]
VALUES = [None, True, 0, 1.5, -1, "", "x", "it's", "10 ", "1.0", [], {}, ["x"], {"x": 1}, {"type": "ed25519-sha-256"}, 10**20]
LONGEST = 400
ROWS = 400


def places(value, path=()):
    if isinstance(value, dict):
        yield path, "add"
        for key, inner in value.items():
            yield path + (key,), "drop"
            yield path + (key,), "replace"
            yield from places(inner, path + (key,))
    elif isinstance(value, list):
        yield path, "double"
        for index, inner in enumerate(value):
            yield path + (index,), "replace"
            yield from places(inner, path + (index,))


def changed(tx, path, kind, value):
    tx = copy.deepcopy(tx)
    inner = tx
    for step in path[:-1]:
        inner = inner[step]
    last = path[-1] if path else None
    if kind == "add":
        (inner[last] if path else tx)["foo"] = value
    elif kind == "drop":
        del inner[last]
    elif kind == "double":
        inner[last] = inner[last] * 2
    else:
        inner[last] = value
    return tx


def refusal(tx):
    try:
        jsonschema.validate(tx, SCHEMAS["common"])
        jsonschema.validate(tx, SCHEMAS["transfer" if tx["operation"] == "TRANSFER" else "create"])
    except jsonschema.ValidationError as error:
        return error.message
    return None


rows = []
for base in BASES:
    for path, kind in places(VECTORS[base]):
        for value in VALUES if kind == "replace" else [None] if kind in ("drop", "double") else [1]:
            message = refusal(changed(VECTORS[base], path, kind, value))
            if message is None or len(message) <= LONGEST:
                rows.append({"base": base, "path": list(path), "kind": kind, "value": value, "message": message})
random.Random(1).shuffle(rows)
sys.stdout.write("[\n" + ",\n".join(json.dumps(row) for row in rows[:ROWS]) + "\n]\n")

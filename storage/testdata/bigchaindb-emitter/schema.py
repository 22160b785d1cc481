"""Refusals of a transaction's schema as python-jsonschema words them: `pip install jsonschema==4.17.3 pyyaml`, then
`python3 schema.py > ../bigchaindb-schema.json`, in this folder.

Each row changes one place of a golden transaction; the message is what BigchainDB 2.2.2 answers after "Invalid transaction schema: ". The schemas are those
of BigchainDB's bigchaindb/common/schema (CC-BY-4.0), without their titles."""

import copy
import json
import random
import sys
import warnings

warnings.simplefilter("ignore")
import jsonschema
import yaml

COMMON = yaml.safe_load(r"""
"$schema": "http://json-schema.org/draft-04/schema#"
type: object
additionalProperties: false
required: [id, inputs, outputs, operation, metadata, asset, version]
properties:
  id:
    anyOf:
    - "$ref": "#/definitions/sha3_hexdigest"
    - type: 'null'
  operation:
    "$ref": "#/definitions/operation"
  asset:
    "$ref": "#/definitions/asset"
  inputs:
    type: array
    items:
      "$ref": "#/definitions/input"
  outputs:
    type: array
    items:
      "$ref": "#/definitions/output"
  metadata:
    "$ref": "#/definitions/metadata"
  version:
    type: string
    pattern: "^2\\.0$"
definitions:
  offset:
    type: integer
    minimum: 0
  base58:
    pattern: "[1-9a-zA-Z^OIl]{43,44}"
    type: string
  public_keys:
    anyOf:
    - type: array
      items:
        "$ref": "#/definitions/base58"
    - type: 'null'
  sha3_hexdigest:
    pattern: "[0-9a-f]{64}"
    type: string
  operation:
    type: string
    enum: [CREATE, TRANSFER, VALIDATOR_ELECTION, CHAIN_MIGRATION_ELECTION, VOTE]
  asset:
    type: object
    additionalProperties: false
    properties:
      id:
        "$ref": "#/definitions/sha3_hexdigest"
      data:
        anyOf:
        - type: object
          additionalProperties: true
        - type: 'null'
  output:
    type: object
    additionalProperties: false
    required: [amount, condition, public_keys]
    properties:
      amount:
        type: string
        pattern: "^[0-9]{1,20}$"
      condition:
        type: object
        additionalProperties: false
        required: [details, uri]
        properties:
          details:
            "$ref": "#/definitions/condition_details"
          uri:
            type: string
            pattern: "^ni:///sha-256;([a-zA-Z0-9_-]{0,86})[?](fpt=(ed25519|threshold)-sha-256(&)?|cost=[0-9]+(&)?|subtypes=ed25519-sha-256(&)?){2,3}$"
      public_keys:
        "$ref": "#/definitions/public_keys"
  input:
    type: "object"
    additionalProperties: false
    required: [owners_before, fulfillment]
    properties:
      owners_before:
        "$ref": "#/definitions/public_keys"
      fulfillment:
        anyOf:
        - type: string
          pattern: "^[a-zA-Z0-9_-]*$"
        - "$ref": "#/definitions/condition_details"
      fulfills:
        anyOf:
        - type: 'object'
          additionalProperties: false
          required: [output_index, transaction_id]
          properties:
            output_index:
              "$ref": "#/definitions/offset"
            transaction_id:
              "$ref": "#/definitions/sha3_hexdigest"
        - type: 'null'
  metadata:
    anyOf:
    - type: object
      additionalProperties: true
      minProperties: 1
    - type: 'null'
  condition_details:
    anyOf:
    - type: object
      additionalProperties: false
      required: [type, public_key]
      properties:
        type:
          type: string
          pattern: "^ed25519-sha-256$"
        public_key:
          "$ref": "#/definitions/base58"
    - type: object
      additionalProperties: false
      required: [type, threshold, subconditions]
      properties:
        type:
          type: "string"
          pattern: "^threshold-sha-256$"
        threshold:
          type: integer
          minimum: 1
          maximum: 100
        subconditions:
          type: array
          items:
            "$ref": "#/definitions/condition_details"
""")

CREATE = yaml.safe_load(r"""
"$schema": "http://json-schema.org/draft-04/schema#"
type: object
required: [asset, inputs]
properties:
  asset:
    additionalProperties: false
    properties:
      data:
        anyOf:
        - type: object
          additionalProperties: true
        - type: 'null'
    required: [data]
  inputs:
    type: array
    maxItems: 1
    minItems: 1
    items:
      type: "object"
      required: [fulfills]
      properties:
        fulfills:
            type: "null"
""")

TRANSFER = yaml.safe_load(r"""
"$schema": "http://json-schema.org/draft-04/schema#"
type: object
required: [asset]
properties:
  asset:
    additionalProperties: false
    properties:
      id:
        "$ref": "#/definitions/sha3_hexdigest"
    required: [id]
  inputs:
    type: array
    minItems: 1
    items:
      type: "object"
      required: [fulfills]
      properties:
        fulfills:
            type: "object"
definitions:
  sha3_hexdigest:
    pattern: "[0-9a-f]{64}"
    type: string
""")

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
        jsonschema.validate(tx, COMMON)
        jsonschema.validate(tx, TRANSFER if tx["operation"] == "TRANSFER" else CREATE)
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

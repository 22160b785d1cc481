import { byCodePoint } from "./canonicalJson.ts";
import { isInteger, isJsonArray, isJsonNumber, isJsonObject, type JsonValue } from "./jsonLossless.ts";
import { pythonRepr } from "./pythonRepr.ts";

export type SchemaType = "object" | "array" | "string" | "integer" | "null";

/** The part of JSON Schema (draft 4) that BigchainDB's schemas use. The order of a schema's keywords is the order of its errors. */
export interface JsonSchema {
  readonly type?: SchemaType;
  /** Only false is used: no members but those of `properties`. */
  readonly additionalProperties?: false;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaOrReference>>;
  readonly items?: SchemaOrReference;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  /** ECMAScript and Python read the patterns in use alike. */
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly SchemaOrReference[];
}

/** A function stands for `$ref`, so that a schema can name itself. */
export type SchemaOrReference = JsonSchema | (() => JsonSchema);

/** Checks a value; undefined if it is valid, else the message python-jsonschema would give. */
export type SchemaCheck = (value: JsonValue) => string | undefined;

interface SchemaError {
  readonly keyword: string;
  /** Steps from the value that is checked, or from that of the enclosing anyOf. */
  readonly depth: number;
  /** Whether the value has at least the type that the schema beside the keyword asks for. */
  readonly matchesType: boolean;
  readonly context: readonly SchemaError[];
  /** Built for the one error that is shown: it quotes the value. */
  readonly message: () => string;
}

type Check = (value: JsonValue, depth: number, errors: SchemaError[]) => void;

export function compileSchema(schema: JsonSchema): SchemaCheck {
  const check = compiled(schema);
  return (value) => {
    const errors: SchemaError[] = [];
    check(value, 0, errors);
    return errors.length === 0 ? undefined : bestMatch(errors).message();
  };
}

/**
 * The one error that python-jsonschema 4.17 shows: the first of those nearest to the root, an anyOf's last; of an anyOf's own errors the
 * least of them, unless its two least are equally good.
 */
function bestMatch(errors: readonly SchemaError[]): SchemaError {
  let best = errors.reduce((most, error) => (compareRelevance(error, most) > 0 ? error : most));
  while (best.context.length > 0) {
    const [least, next] = best.context.toSorted(compareRelevance) as [SchemaError, SchemaError?];
    if (next !== undefined && compareRelevance(least, next) === 0) return best;
    best = least;
  }
  return best;
}

function compareRelevance(a: SchemaError, b: SchemaError): number {
  return (
    b.depth - a.depth ||
    Number(a.keyword !== "anyOf") - Number(b.keyword !== "anyOf") ||
    Number(b.matchesType) - Number(a.matchesType)
  );
}

const checks = new WeakMap<JsonSchema, Check>();

function compiled(schema: JsonSchema): Check {
  const known = checks.get(schema);
  if (known !== undefined) return known;
  const keywords = Object.keys(schema).map((keyword) => compileKeyword(schema, keyword as keyof JsonSchema));
  const check: Check = (value, depth, errors) => {
    for (const keyword of keywords) keyword(value, depth, errors);
  };
  checks.set(schema, check);
  return check;
}

/** A reference is looked up when a value gets there: a schema that names itself is compiled once. */
function compiledReference(schema: SchemaOrReference): Check {
  if (typeof schema !== "function") return compiled(schema);
  let check: Check | undefined;
  return (value, depth, errors) => {
    check ??= compiled(schema());
    check(value, depth, errors);
  };
}

/** What a keyword has against a value; undefined for nothing. */
type Complaint = (value: JsonValue) => (() => string) | undefined;

type NestingKeyword = "properties" | "items" | "anyOf" | "required";

function compileKeyword(schema: JsonSchema, keyword: keyof JsonSchema): Check {
  if (isNesting(keyword)) return NESTING[keyword](schema);
  const complain = COMPLAINTS[keyword](schema);
  return (value, depth, errors) => {
    const message = complain(value);
    if (message !== undefined) errors.push(schemaError(schema, keyword, value, depth, message));
  };
}

function isNesting(keyword: keyof JsonSchema): keyword is NestingKeyword {
  return Object.hasOwn(NESTING, keyword);
}

function schemaError(
  { type }: JsonSchema,
  keyword: string,
  value: JsonValue,
  depth: number,
  message: () => string,
  context: readonly SchemaError[] = [],
): SchemaError {
  return { keyword, depth, matchesType: type !== undefined && isType(value, type), context, message };
}

function compileProperties(properties: Readonly<Record<string, SchemaOrReference>>): Check {
  const members = Object.entries(properties).map(([name, schema]) => [name, compiledReference(schema)] as const);
  return (value, depth, errors) => {
    if (!isJsonObject(value)) return;
    for (const [name, check] of members) {
      const member = value.get(name);
      if (member !== undefined) check(member, depth + 1, errors);
    }
  };
}

function compileItems(schema: SchemaOrReference): Check {
  const check = compiledReference(schema);
  return (value, depth, errors) => {
    if (isJsonArray(value)) for (const item of value) check(item, depth + 1, errors);
  };
}

function compileRequired(schema: JsonSchema, required: readonly string[]): Check {
  return (value, depth, errors) => {
    if (!isJsonObject(value)) return;
    for (const name of required)
      if (!value.has(name))
        errors.push(schemaError(schema, "required", value, depth, () => `${pythonRepr(name)} is a required property`));
  };
}

function compileAnyOf(schema: JsonSchema, alternatives: readonly SchemaOrReference[]): Check {
  const alternativeChecks = alternatives.map(compiledReference);
  return (value, depth, errors) => {
    const context: SchemaError[] = [];
    for (const check of alternativeChecks) {
      const before = context.length;
      check(value, 0, context);
      if (context.length === before) return;
    }
    const message = () => `${pythonRepr(value)} is not valid under any of the given schemas`;
    errors.push(schemaError(schema, "anyOf", value, depth, message, context));
  };
}

/** Keywords that may have several things against a value, or something against what is inside it. */
const NESTING: Readonly<Record<NestingKeyword, (schema: JsonSchema) => Check>> = {
  properties: ({ properties = {} }) => compileProperties(properties),
  items: ({ items = {} }) => compileItems(items),
  anyOf: (schema) => compileAnyOf(schema, schema.anyOf ?? []),
  required: (schema) => compileRequired(schema, schema.required ?? []),
};

function quoting(value: JsonValue, rest: string): () => string {
  return () => `${pythonRepr(value)} ${rest}`;
}

const COMPLAINTS: Readonly<Record<Exclude<keyof JsonSchema, NestingKeyword>, (schema: JsonSchema) => Complaint>> = {
  type:
    ({ type = "null" }) =>
    (value) =>
      isType(value, type) ? undefined : quoting(value, `is not of type '${type}'`),
  additionalProperties: (schema) => unexpectedMembers(new Set(Object.keys(schema.properties ?? {}))),
  minItems:
    ({ minItems: least = 0 }) =>
    (value) =>
      isJsonArray(value) && value.length < least ? quoting(value, "is too short") : undefined,
  maxItems:
    ({ maxItems: most = 0 }) =>
    (value) =>
      isJsonArray(value) && value.length > most ? quoting(value, "is too long") : undefined,
  minProperties:
    ({ minProperties: least = 0 }) =>
    (value) =>
      isJsonObject(value) && value.size < least ? quoting(value, "does not have enough properties") : undefined,
  minimum:
    ({ minimum: least = 0 }) =>
    (value) =>
      isJsonNumber(value) && Number(value.lexeme) < least
        ? quoting(value, `is less than the minimum of ${least}`)
        : undefined,
  maximum:
    ({ maximum: most = 0 }) =>
    (value) =>
      isJsonNumber(value) && Number(value.lexeme) > most
        ? quoting(value, `is greater than the maximum of ${most}`)
        : undefined,
  pattern: ({ pattern = "" }) => {
    const expression = new RegExp(pattern);
    return (value) =>
      typeof value === "string" && !expression.test(value)
        ? quoting(value, `does not match ${pythonRepr(pattern)}`)
        : undefined;
  },
  enum:
    ({ enum: allowed = [] }) =>
    (value) =>
      typeof value === "string" && allowed.includes(value)
        ? undefined
        : quoting(value, `is not one of ${pythonRepr(allowed)}`),
};

function unexpectedMembers(allowed: ReadonlySet<string>): Complaint {
  return (value) => {
    if (!isJsonObject(value)) return undefined;
    const extras = [...value.keys()].filter((name) => !allowed.has(name));
    if (extras.length === 0) return undefined;
    const shown = extras.sort(byCodePoint).map(pythonRepr).join(", ");
    const verb = extras.length === 1 ? "was" : "were";
    return () => `Additional properties are not allowed (${shown} ${verb} unexpected)`;
  };
}

function isType(value: JsonValue, type: SchemaType): boolean {
  switch (type) {
    case "object":
      return isJsonObject(value);
    case "array":
      return isJsonArray(value);
    case "string":
      return typeof value === "string";
    case "integer":
      return isJsonNumber(value) && isInteger(value);
    case "null":
      return value === null;
  }
}

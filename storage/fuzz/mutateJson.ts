import fc from "fast-check";

/** One change of a JSON text. `at` and `pick` choose where and how; they are taken modulo what there is to choose from. */
export interface JsonMutation {
  readonly kind: (typeof JSON_MUTATIONS)[number];
  readonly at: number;
  readonly pick: number;
}

export const JSON_MUTATIONS = [
  "drop",
  "replace",
  "duplicateKey",
  "addKey",
  "renameKey",
  "repeat",
  "wrap",
  "editText",
  "editNumber",
  "graft",
  "editSource",
] as const;

export const jsonMutation: fc.Arbitrary<JsonMutation> = fc.record({
  kind: fc.constantFrom(...JSON_MUTATIONS),
  at: fc.nat(),
  pick: fc.nat(),
});

/** A value of the text; numbers and texts as they are spelled, so that a value may also be what no JSON.stringify writes. */
type Node =
  | { readonly type: "object"; readonly entries: readonly Entry[] }
  | { readonly type: "array"; readonly entries: readonly Entry[] }
  | { readonly type: "source"; readonly text: string };

/** The key is source text too; of an array's item it is empty. */
interface Entry {
  readonly key: string;
  readonly value: Node;
}

/** What stands in place of a value: other types, numbers at every limit and spelling, texts, depth, what is no JSON at all. */
const SOURCES: readonly string[] = [
  ...[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "1.5",
    "1e3",
    "1E400",
    "-1e400",
    "1e-7",
    "0.1e1",
    "01",
    "+1",
    ".5",
    "NaN",
  ],
  ...["255", "256", "2147483647", "2147483648", "4294967295", "4294967296", "9007199254740991", "9007199254740993"],
  ...["9223372036854775807", "9223372036854775808", "18446744073709551616", "9".repeat(400)],
  ...[
    '""',
    '" "',
    '"0"',
    '"-1"',
    '"01"',
    '"1e3"',
    '"9223372036854775808"',
    '"18446744073709551616"',
    `"${"9".repeat(400)}"`,
  ],
  ...[
    '"\\u0000"',
    '"\\ud800"',
    '"\\u0132"',
    '"\ufeff"',
    '"__proto__"',
    '"constructor"',
    '"toString"',
    `"${"a".repeat(5000)}"`,
  ],
  ...[
    "[]",
    "{}",
    "[[]]",
    '[""]',
    "[0]",
    '{"length":1e9}',
    '{"0":1,"length":1}',
    '{"toString":1}',
    '{"__proto__":{"x":1}}',
  ],
  ..."[{".split("").map((open) => deep(open, 20)),
  ..."[{".split("").map((open) => deep(open, 20_000)),
  ...["", "undefined", "'a'", '"', "[", "}", "// a"],
];

const KEYS = ["__proto__", "constructor", "prototype", "toString", "length", "", "\\u0061", "0", "a".repeat(2000)];
const COPIES = [2, 10, 101, 600, 5000];
const MAX_REPEATED_CHARS = 256 * 1024;

/** `text` with the changes made one after the other; `donor` is another valid text, of which values are grafted in. */
export function mutateJson(text: string, mutations: readonly JsonMutation[], donor: string = text): string {
  const layout = layoutOf(text);
  const foreign = places(parse(donor));
  let root = parse(text);
  let edits: readonly JsonMutation[] = [];
  for (const mutation of mutations) {
    if (mutation.kind === "editSource") edits = [...edits, mutation];
    else root = changedAt(root, mutation, foreign);
  }
  return edits.reduce(editedSource, layout(root));
}

function changedAt(root: Node, mutation: JsonMutation, foreign: readonly Node[]): Node {
  let left = mutation.at % places(root).length;
  const visit = (node: Node, key: string): readonly Entry[] => {
    if (left-- === 0) return changed({ key, value: node }, mutation, foreign);
    if (node.type === "source") return [{ key, value: node }];
    const entries = node.entries.flatMap((entry) => visit(entry.value, entry.key));
    return [{ key, value: { ...node, entries } }];
  };
  return visit(root, "")[0]?.value ?? source("");
}

/** What stands in place of one entry. */
function changed({ key, value }: Entry, { kind, pick }: JsonMutation, foreign: readonly Node[]): readonly Entry[] {
  const one = (other: Node): readonly Entry[] => [{ key, value: other }];
  switch (kind) {
    case "drop":
      return [];
    case "replace":
      return one(source(choose(SOURCES, pick)));
    case "duplicateKey":
      return [
        { key, value: source(choose(SOURCES, pick)) },
        { key, value },
      ];
    case "addKey":
      return [
        { key, value },
        { key: key === "" ? "" : quoted(choose(KEYS, pick)), value: source(choose(SOURCES, pick >> 5)) },
      ];
    case "renameKey":
      return [{ key: key === "" ? "" : quoted(choose(KEYS, pick)), value }];
    case "repeat": {
      const copies = Math.min(
        choose(COPIES, pick),
        Math.ceil(MAX_REPEATED_CHARS / (compact(value).length + key.length + 1)),
      );
      return Array<Entry>(copies).fill({ key, value });
    }
    case "wrap":
      return one({ type: "array", entries: [{ key: "", value }] });
    case "editText":
      return one(value.type === "source" && value.text.startsWith('"') ? source(editedText(value.text, pick)) : value);
    case "editNumber":
      return one(
        value.type === "source" && /^"?-?\d+"?$/.test(value.text) ? source(editedNumber(value.text, pick)) : value,
      );
    case "graft":
      return one(choose(foreign, pick));
    case "editSource":
      return one(value);
  }
}

/** Another spelling of a text, or a text that looks alike. */
function editedText(text: string, pick: number): string {
  const inner = text.slice(1, -1);
  const cut = pick % (inner.length + 1);
  const forms = [
    inner.toUpperCase(),
    inner.toLowerCase(),
    ` ${inner}`,
    `${inner} `,
    `${inner}=`,
    inner.slice(0, cut),
    inner + inner,
    `${inner.slice(0, cut)}\\u0000${inner.slice(cut)}`,
    `${inner.slice(0, -1)}${alias(inner.slice(-1))}`,
    inner.replace(/^./, (first) => `\\u${first.charCodeAt(0).toString(16).padStart(4, "0")}`),
    `${inner.slice(0, cut)}\ufffd${inner.slice(cut)}`,
    `${inner.slice(0, cut)}\\ud800${inner.slice(cut)}`,
    inner.slice(0, cut) + inner.slice(cut + 1),
  ];
  return `"${choose(forms, pick)}"`;
}

/** A character with the same lower byte. */
function alias(char: string): string {
  return char === "" ? "" : String.fromCharCode(0x100 + (char.charCodeAt(0) & 0xff));
}

function editedNumber(text: string, pick: number): string {
  const [, open = "", digits = "", close = ""] = /^("?)(-?\d+)("?)$/.exec(text) ?? [];
  const forms = [`-${digits}`, `0${digits}`, `${digits}.0`, `${digits}e0`, `${digits}0`, `+${digits}`, ` ${digits}`];
  const value = BigInt(digits);
  const near = [value + 1n, value - 1n, value + 2n ** 32n, value + 2n ** 53n, value + 2n ** 63n, value + 2n ** 64n];
  return `${open}${choose([...forms, ...near.map(String)], pick)}${close}`;
}

/** A change of the text that knows nothing of JSON. */
function editedSource(text: string, { at, pick }: JsonMutation): string {
  const cut = at % (text.length + 1);
  const forms = [
    () => text.slice(0, cut),
    () => text.slice(cut),
    () => text.slice(0, cut) + text.slice(cut + 1),
    () => `${text.slice(0, cut)} ${text.slice(cut)}`,
    () => `${text}\n`,
    () => `\ufeff${text}`,
    () => text + text,
    () => `${text.slice(0, cut)}\u0000${text.slice(cut)}`,
    () =>
      text.slice(0, cut) + String.fromCharCode((text.charCodeAt(cut) || 0) ^ (1 << (pick % 7))) + text.slice(cut + 1),
    () => JSON.stringify(text),
    () => "",
  ];
  return choose(forms, pick)();
}

function parse(text: string): Node {
  const build = (value: unknown): Node => {
    if (Array.isArray(value)) return { type: "array", entries: value.map((item) => ({ key: "", value: build(item) })) };
    if (typeof value !== "object" || value === null) return source(JSON.stringify(value));
    const entries = Object.entries(value).map(([key, inner]) => ({ key: JSON.stringify(key), value: build(inner) }));
    return { type: "object", entries };
  };
  return build(JSON.parse(text));
}

/** Writes a tree with the line breaks that `text` has. */
function layoutOf(text: string): (root: Node) => string {
  const root = parse(text);
  const layouts = [compact, indented, (node: Node) => `${indented(node)}\n`, (node: Node) => `${compact(node)}\n`];
  return layouts.find((layout) => layout(root) === text) ?? compact;
}

function compact(node: Node): string {
  if (node.type === "source") return node.text;
  const parts = node.entries.map(({ key, value }) => (key === "" ? compact(value) : `${key}:${compact(value)}`));
  return node.type === "array" ? `[${parts.join()}]` : `{${parts.join()}}`;
}

function indented(node: Node, indent = ""): string {
  if (node.type === "source") return node.text;
  const [open, close] = node.type === "array" ? "[]" : "{}";
  if (node.entries.length === 0) return `${open}${close}`;
  const deeper = `${indent}  `;
  const parts = node.entries.map(
    ({ key, value }) => `${deeper}${key === "" ? "" : `${key}: `}${indented(value, deeper)}`,
  );
  return `${open}\n${parts.join(",\n")}\n${indent}${close}`;
}

/** Every value of the tree, depth first. */
function places(node: Node): readonly Node[] {
  return [node, ...(node.type === "source" ? [] : node.entries.flatMap(({ value }) => places(value)))];
}

function source(text: string): Node {
  return { type: "source", text };
}

/** Keys are spelled here, so that one of them can be spelled with an escape. */
function quoted(key: string): string {
  return `"${key}"`;
}

function deep(open: string, levels: number): string {
  return open === "[" ? "[".repeat(levels) + "]".repeat(levels) : `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
}

function choose<T>(list: readonly T[], pick: number): T {
  return list[pick % list.length] as T;
}

import { type AssetRefusal, refused } from "./assetVerdict.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "./jsonLossless.ts";
import { pythonStr } from "./pythonRepr.ts";

/** Languages of MongoDB's text search. */
const LANGUAGES: ReadonlySet<JsonValue> = new Set(
  (
    "danish dutch english finnish french german hungarian italian norwegian portuguese romanian russian spanish swedish turkish none " +
    "da nl en fi fr de hu it nb pt ro ru es sv tr"
  ).split(" "),
);

/** Names that MongoDB does not store. */
const FORBIDDEN_NAME = /^[$]|\.|\0/;

/** What BigchainDB asks of an asset's data and of the metadata because it keeps them in MongoDB: the first breach, in its order. */
export function checkDocuments(asset: JsonObject, metadata: JsonValue): AssetRefusal | undefined {
  const data = asset.get("data") ?? null;
  return (
    checkNames(data, "asset") ?? checkNames(metadata, "metadata") ?? checkLanguages(data) ?? checkLanguages(metadata)
  );
}

function checkNames(value: JsonValue, document: string): AssetRefusal | undefined {
  if (isJsonArray(value)) return firstOf(value, (item) => checkNames(item, document));
  if (!isJsonObject(value)) return undefined;
  return firstOf(value, ([name, member]) =>
    FORBIDDEN_NAME.test(name)
      ? refused(
          "ValidationError",
          `Invalid key name "${name}" in ${document} object. The key name cannot contain characters ".", "$" or null characters`,
        )
      : checkNames(member, document),
  );
}

function checkLanguages(value: JsonValue): AssetRefusal | undefined {
  if (isJsonArray(value)) return firstOf(value, checkLanguages);
  if (!isJsonObject(value)) return undefined;
  return firstOf(value, ([name, member]) => {
    if (name !== "language") return checkLanguages(member);
    if (LANGUAGES.has(member)) return undefined;
    return refused(
      "ValidationError",
      `MongoDB does not support text search for the language "${pythonStr(member)}". If you do not understand this error message then please rename key/field "language" to something else like "lang".`,
    );
  });
}

function firstOf<T, R>(items: Iterable<T>, check: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = check(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

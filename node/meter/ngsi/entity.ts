import { type ExactJson, isList, isObject, member, textOf } from "../exactJson.ts";
import { isUnit } from "../units.ts";

/** An attribute of an entity, whichever version of NGSI it came in. */
export interface Attribute {
  readonly name: string;
  readonly value: ExactJson;
  /** Named by the message: the type of a v1 attribute, metadata `unit` or `unitCode`, NGSI-LD's unitCode, a type that is a unit. */
  readonly unit: string | undefined;
  /** Metadata by name; of NGSI-LD the properties of the property. */
  readonly metadata: (name: string) => ExactJson | undefined;
  /** A link, a place or the like, which measures nothing. */
  readonly isDescriptive: boolean;
}

export interface Entity {
  readonly id: string;
  readonly attributes: readonly Attribute[];
}

const RESERVED = new Set(["id", "type", "@context", "@id", "@type", "scope"]);
/** Of NGSI-LD, and of NGSIv2's own types, those that are no measured values. */
const DESCRIPTIVE =
  /^(Relationship|GeoProperty|LanguageProperty|VocabProperty|JsonProperty|DateTime|ISO8601|Text|geo:.*|coords)$/i;

/**
 * The entities of a message: NGSIv1 `contextResponses`, NGSIv2 and NGSI-LD notifications (`data`), an entity by itself (the simplified formats), or a list of them (the answer
 * to a query). Undefined when it is none of these, as with the `values` format, which has no names.
 */
export function entitiesOf(message: ExactJson | undefined): readonly Entity[] | undefined {
  const responses = member(message, "contextResponses");
  if (responses !== undefined) return isList(responses) ? responses.flatMap(fromV1) : undefined;
  const data = member(message, "data");
  const list = isList(data) ? data : isList(message) ? message : [message];
  const entities = list.map(fromObject);
  return entities.every((entity) => entity !== undefined) ? entities : undefined;
}

/** D5.1's Figure 16 has the status code beside the element, Orion has it in the same object: what has no element says nothing of a meter. */
function fromV1(response: ExactJson): Entity[] {
  const element = member(response, "contextElement");
  const attributes = member(element, "attributes");
  if (!isObject(element)) return [];
  const list = isList(attributes) ? attributes : [];
  return [{ id: textOf(element, "id") ?? "", attributes: list.map(attributeOfV1) }];
}

function attributeOfV1(json: ExactJson): Attribute {
  const list = member(json, "metadatas");
  const metadata = new Map(isList(list) ? list.map((one) => [textOf(one, "name"), member(one, "value")]) : []);
  return {
    name: textOf(json, "name") ?? "",
    value: member(json, "value") ?? null,
    unit: textOf(json, "type"),
    metadata: (name) => metadata.get(name),
    isDescriptive: false,
  };
}

function fromObject(json: ExactJson | undefined): Entity | undefined {
  const id = textOf(json, "id") ?? textOf(json, "@id");
  if (!isObject(json) || id === undefined) return undefined;
  const names = Object.keys(json).filter((name) => !RESERVED.has(name));
  return { id, attributes: names.map((name) => attributeOf(name, json[name] as ExactJson)) };
}

/** Normalized and concise attributes are objects with a value; in key-values they are the value. */
function attributeOf(fullName: string, json: ExactJson): Attribute {
  // NGSI-LD without the context of its sender has whole URIs for names.
  const name = fullName.split(/[/#]/).at(-1) ?? "";
  const type = textOf(json, "type") ?? "";
  const isDescriptive = DESCRIPTIVE.test(type);
  const value = member(json, "value");
  if (value === undefined) return { name, value: json, unit: undefined, metadata: () => undefined, isDescriptive };
  const bag = member(json, "metadata");
  const metadata = (key: string): ExactJson | undefined =>
    plainValue(isObject(bag) ? member(bag, key) : member(json, key));
  const names = [textOf(json, "unitCode"), metadata("unitCode"), metadata("unit")];
  const named = names.find((one): one is string => typeof one === "string");
  // A meter whose v1 attributes have their unit for a type keeps it so in NGSIv2.
  const unit = named ?? (isUnit(type) ? type : undefined);
  return { name, value, unit, metadata, isDescriptive };
}

/** Metadata are `{type, value}` in NGSIv2, plain values or properties in NGSI-LD; JSON-LD writes a time as `{@type, @value}`. */
export function plainValue(json: ExactJson | undefined): ExactJson | undefined {
  const inner = member(json, "value") ?? member(json, "@value") ?? json;
  return inner === json ? json : plainValue(inner);
}

import type { AbiItem, AbiParameter } from "./abi.ts";
import type { Artifact } from "./compile.ts";

/**
 * The TypeScript module of one contract: an interface with its functions, one with its events, and the value that deploys it or finds it.
 * TypeChain would make ten times the text, with imports that this project's checker refuses; ethers types the calls, so that names and
 * parameters are all that must be generated.
 */
export function typeContract({ name, abi, source }: Artifact): string {
  const structs = new Structs();
  const functions = abi.filter(({ type }) => type === "function");
  const methods = functions.map((item) => `  ${keyOf(item, functions)}: ${methodType(item, structs)};`);
  const events = abi.filter(({ type }) => type === "event").map((item) => eventType(item, structs));
  const constructorInputs = abi.find(({ type }) => type === "constructor")?.inputs ?? [];
  const construct = `[${namedTypes(constructorInputs, "Input", structs)}]`;
  const body = [
    ...structs.declarations(),
    `export interface ${name}Contract extends BaseContract {\n${methods.join("\n")}\n}`,
    `export interface ${name}Events {\n${events.join("\n")}\n}`,
    `export const ${name}: ContractType<${name}Contract, ${construct}, ${name}Events> = contractType("${name}", artifact);`,
  ].join("\n\n");
  const depth = source.startsWith("harness/") ? "../../" : "../";
  const ethersTypes = ETHERS_TYPES.filter((type) => new RegExp(`\\b${type}\\b`).test(body));
  return `// Made from ${source}.sol by \`npm run contracts:build\`; not to be edited.
import type { ${ethersTypes.join(", ")} } from "ethers";
import { type ContractType, contractType } from "${depth}contractType.ts";
import artifact from "./${name}.json" with { type: "json" };

${body}
`;
}

const ETHERS_TYPES = [
  "AddressLike",
  "BaseContract",
  "BigNumberish",
  "BytesLike",
  "ConstantContractMethod",
  "ContractMethod",
  "ContractTransactionResponse",
];

type Direction = "Input" | "Output";

/** Named Solidity structs, each declared once a direction: what is given may be a hex text or a number, what comes back is a bigint. */
class Structs {
  readonly #declared = new Map<string, string>();

  nameOf({ internalType = "", components = [] }: AbiParameter, direction: Direction): string {
    const solidityName = /^struct (?:\w+\.)?(\w+)/.exec(internalType)?.[1] ?? "Tuple";
    const name = `${solidityName}${direction}`;
    if (!this.#declared.has(name)) {
      this.#declared.set(name, "");
      const fields = components.map((field) => `  readonly ${field.name}: ${typeOf(field, direction, this)};`);
      this.#declared.set(name, `export interface ${name} {\n${fields.join("\n")}\n}`);
    }
    return name;
  }

  declarations(): readonly string[] {
    return [...this.#declared.values()];
  }
}

/** Overloaded functions are found by their signature only. */
function keyOf(item: AbiItem, functions: readonly AbiItem[]): string {
  const isOverloaded = functions.filter(({ name }) => name === item.name).length > 1;
  return isOverloaded ? `"${item.name}(${(item.inputs ?? []).map(canonicalType).join(",")})"` : (item.name ?? "");
}

function canonicalType({ type, components = [] }: AbiParameter): string {
  return type.startsWith("tuple") ? `(${components.map(canonicalType).join(",")})${type.slice("tuple".length)}` : type;
}

function methodType({ inputs = [], outputs = [], stateMutability }: AbiItem, structs: Structs): string {
  const args = `[${namedTypes(inputs, "Input", structs)}]`;
  const result = resultType(outputs, structs);
  return stateMutability === "view" || stateMutability === "pure"
    ? `ConstantContractMethod<${args}, ${result}>`
    : `ContractMethod<${args}, ${result}, ContractTransactionResponse>`;
}

function resultType(outputs: readonly AbiParameter[], structs: Structs): string {
  const [only] = outputs;
  if (only === undefined) return "void";
  if (outputs.length === 1) return typeOf(only, "Output", structs);
  const fields = outputs.filter(({ name }) => name !== "");
  const named = fields.map((field) => `readonly ${field.name}: ${typeOf(field, "Output", structs)}`);
  const tuple = `[${namedTypes(outputs, "Output", structs)}]`;
  return fields.length === 0 ? tuple : `${tuple} & { ${named.join("; ")} }`;
}

function eventType({ name, inputs = [] }: AbiItem, structs: Structs): string {
  const fields = inputs.map((field) => `readonly ${field.name}: ${typeOf(field, "Output", structs)}`);
  return `  ${name}: { ${fields.join("; ")} };`;
}

function namedTypes(parameters: readonly AbiParameter[], direction: Direction, structs: Structs): string {
  return parameters
    .map((parameter, index) => `${labelOf(parameter.name, index)}: ${typeOf(parameter, direction, structs)}`)
    .join(", ");
}

function labelOf(name: string, index: number): string {
  return name === "" ? `arg${index}` : name;
}

function typeOf(parameter: AbiParameter, direction: Direction, structs: Structs): string {
  const array = /^(.*)\[\d*\]$/.exec(parameter.type);
  if (array !== null) {
    const element = typeOf({ ...parameter, type: array[1] ?? "" }, direction, structs);
    return `readonly ${element}[]`;
  }
  if (parameter.type === "tuple") return structs.nameOf(parameter, direction);
  return scalarType(parameter.type, direction);
}

function scalarType(type: string, direction: Direction): string {
  if (type === "bool") return "boolean";
  if (type === "string") return "string";
  if (direction === "Output") return /^u?int/.test(type) ? "bigint" : "string";
  if (type === "address") return "AddressLike";
  return type.startsWith("bytes") ? "BytesLike" : "BigNumberish";
}

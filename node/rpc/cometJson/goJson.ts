/** A text that is JSON already, put in as it is: the genesis document may have 16 MB. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The id of a JSON-RPC request: a text, or a whole number of 64 bits. Undefined where the request could not be read. */
export type RpcId = string | bigint | undefined;

/** Id of what is answered to a URI. */
export const URI_ID: RpcId = -1n;

/** JSON as Go writes it: characters that mean something in HTML are escaped, wherever they stand. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export function resultText(id: RpcId, result: object | RawJson): string {
  const json = result instanceof RawJson ? result.text : goJson(result);
  return `{"jsonrpc":"2.0",${idText(id)}"result":${json}}`;
}

export function errorText(id: RpcId, error: { code: number; message: string; data: string }): string {
  const { code, message, data } = error;
  return `{"jsonrpc":"2.0",${idText(id)}"error":${goJson({ code, message, ...(data === "" ? {} : { data }) })}}`;
}

function idText(id: RpcId): string {
  if (id === undefined) return "";
  return `"id":${typeof id === "bigint" ? id.toString() : goJson(id)},`;
}

import type { QueryResponse } from "#consensus/abci.ts";
import { codeNumber } from "#consensus/application/codes.ts";
import { apiError } from "./errors.ts";
import type { ApiPorts } from "./ports.ts";

type StateQuery = NonNullable<ApiPorts["stateQuery"]>;

/** One record of the state as the application answers it: bytes in hex, 64-bit quantities as decimal texts. */
export type RecordJson = Readonly<Record<string, unknown>>;

export interface RecordPage {
  readonly entries: readonly RecordJson[];
  /** `after` of the next page; null on the last. */
  readonly next: string | null;
}

const NOT_FOUND = codeNumber("QUERY_NOT_FOUND");

/** The record that `path` answers for `id`, undefined when there is none. @throws ApiError QUERY_REFUSED */
export async function queryRecord(stateQuery: StateQuery, path: string, id: string): Promise<RecordJson | undefined> {
  const response = await stateQuery({ path, data: Buffer.from(id), height: 0, prove: false });
  if (response.code === NOT_FOUND) return undefined;
  return parseAnswer(response) as RecordJson;
}

/** @throws ApiError QUERY_REFUSED */
export async function queryPage(
  stateQuery: StateQuery,
  path: string,
  options: {
    readonly after?: string | undefined;
    readonly limit: number;
    readonly account?: string;
    readonly meter?: string;
  },
): Promise<RecordPage> {
  const data = Buffer.from(JSON.stringify(options));
  const { entries, next } = parseAnswer(
    await stateQuery({ path, data, height: 0, prove: false }),
  ) as Partial<RecordPage>;
  return { entries: entries ?? [], next: next ?? null };
}

/** @throws ApiError QUERY_REFUSED */
export function checkAnswer(response: QueryResponse): QueryResponse {
  const { code, codespace, log } = response;
  if (code !== 0) throw apiError("QUERY_REFUSED", log, { code, codespace, log });
  return response;
}

/** The record without the id that it was asked for by. */
export function withoutId({ id: _id, ...rest }: RecordJson): RecordJson {
  return rest;
}

function parseAnswer(response: QueryResponse): unknown {
  return JSON.parse(Buffer.from(checkAnswer(response).value).toString("utf8"));
}

import type { FastifyInstance } from "fastify";
import { EvmError } from "#bridge/evm/evmError.ts";
import { LedgerError } from "#storage/error.ts";
import { CliError, cliError } from "../../cli/cliError.ts";
import type { LedgerGet } from "../../ethereum/ethereumPort.ts";
import type { Texts } from "../../ethereum/param.ts";
import { API_PREFIX } from "../apiPrefix.ts";
import { apiError } from "../errors.ts";
import { answer, ERROR_ANSWER } from "../schemas.ts";
import { found, need, type RouteContext } from "./routeContext.ts";

const NAME = { type: "string", pattern: "^[a-z][a-z-]{0,31}$" } as const;
const PLACE = { type: "object", properties: { group: NAME, name: NAME } } as const;

const ACTION_BODY = {
  type: "object",
  additionalProperties: false,
  properties: {
    from: { type: "string", maxLength: 42, description: "Ethereum address that will sign; not with send" },
    send: { type: "boolean", description: "Sign with the node's own Ethereum key, and wait until it is in a block" },
    parameters: { type: "object", description: "By name, as GET /ethereum lists them; files as JSON" },
  },
} as const;

const SUBMIT_BODY = {
  type: "object",
  required: ["signed"],
  additionalProperties: false,
  properties: { signed: { type: "string", pattern: "^0x([0-9a-fA-F]{2})+$", maxLength: 262_146 } },
} as const;

interface Place {
  readonly group: string;
  readonly name: string;
}

interface ActionBody {
  readonly from?: string;
  readonly send?: boolean;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** Requests that ask Ethereum at once: each may read many logs there, and its node is not to be flooded through this one. */
const MAX_AT_ONCE = 8;

/** Routes of contracts on Ethereum, under /ledger/v1/ethereum: what the commands of the same names do. */
export function ethereumRoutes(server: FastifyInstance, { ports, isTokenValid }: RouteContext): void {
  const describe = (summary: string) => ({
    tags: ["ethereum"],
    summary,
    response: { 200: answer(summary), "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
  });
  const ledger: LedgerGet = async (path) => {
    const { statusCode, body } = await server.inject({ method: "GET", url: `${API_PREFIX}${path}` });
    const json = JSON.parse(body) as { readonly code?: string; readonly message?: string; readonly hint?: string };
    if (statusCode === 200) return json as never;
    const exit = statusCode === 404 ? "notFound" : "failure";
    throw cliError(exit, String(json.code), String(json.message), String(json.hint));
  };

  let running = 0;
  const asked = async <T>(ask: () => Promise<T>): Promise<T> => {
    if (running >= MAX_AT_ONCE) throw apiError("NOT_READY", `${MAX_AT_ONCE} others ask Ethereum through this node now`);
    running += 1;
    try {
      return await blamed(ask());
    } finally {
      running -= 1;
    }
  };

  server.get("/ethereum", {
    schema: describe("Actions and queries of the contracts, with their parameters"),
    handler: async () => need(ports, "ethereum").catalogue(),
  });
  server.get<{ Params: Place; Querystring: Readonly<Record<string, unknown>> }>("/ethereum/:group/:name", {
    schema: { ...describe("What contracts and ledger say"), params: PLACE },
    handler: async ({ params: { group, name }, query }) =>
      found(await asked(() => need(ports, "ethereum").ask(group, name, textsOf(query), ledger)), "query of this name"),
  });
  server.post<{ Params: Place; Body: ActionBody }>("/ethereum/:group/:name", {
    schema: {
      ...describe("An action's transaction, tried: unsigned, or sent by the node"),
      params: PLACE,
      body: ACTION_BODY,
    },
    handler: async ({ params: { group, name }, body: { from, send = false, parameters = {} } }) => {
      const port = need(ports, "ethereum");
      const request = { texts: textsOf(parameters), from, ledger };
      if (!send) return found(await asked(() => port.prepare(group, name, request)), "action of this name");
      // Whoever reaches the node could spend its money: on loopback every program, and every page in a browser.
      if (isTokenValid === undefined)
        throw apiError("UNAUTHORIZED", "a node without apiTokenFile sends nothing with its own key");
      if (!port.canSend) throw apiError("BAD_REQUEST", "this node has no ethereumKey: sign with a wallet of your own");
      return found(await asked(() => port.send(group, name, request)), "action of this name");
    },
  });
  server.post<{ Body: { signed: string } }>("/ethereum/transactions", {
    schema: {
      ...describe("Send a signed transaction to one of the contracts, and wait for its block"),
      body: SUBMIT_BODY,
    },
    handler: async ({ body: { signed } }) => asked(() => need(ports, "ethereum").submit(signed)),
  });
}

function textsOf(given: Readonly<Record<string, unknown>>): Texts {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      if (Array.isArray(value) && value.every((each) => typeof each !== "object")) return [name, value.join(",")];
      return [name, typeof value === "object" && value !== null ? JSON.stringify(value) : String(value)];
    }),
  );
}

/** What the caller gave wrongly, what a contract refuses, and what an Ethereum node is to blame for are no faults of this node. */
async function blamed<T>(answered: Promise<T>): Promise<T> {
  try {
    return await answered;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const { code, ...facts } = error.details;
    if (error instanceof CliError) {
      const { exit, message, hint } = error.details;
      if (exit === "usage" && !code.startsWith("CONTRACTS_")) throw apiError("BAD_REQUEST", message, { code, hint });
      if (exit === "notFound") throw apiError("NOT_FOUND", message, { code, hint });
      throw apiError("ETHEREUM_UNAVAILABLE", message, { code, hint });
    }
    if (code === "EVM_REVERTED") throw apiError("CONTRACT_REFUSED", String(error.details.reason), facts);
    if (code === "EVM_FUNDS_TOO_LOW")
      throw apiError("CONTRACT_REFUSED", "the account has less than it takes", textsIn(facts));
    if (error instanceof EvmError)
      throw apiError("ETHEREUM_UNAVAILABLE", String(textsIn(facts).reason ?? code), { code, ...textsIn(facts) });
    throw apiError("BAD_REQUEST", error.message, { code });
  }
}

/** Amounts as decimal text. */
function textsIn(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, typeof value === "bigint" ? `${value}` : value]),
  );
}

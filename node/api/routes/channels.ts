import type { FastifyInstance } from "fastify";
import { LedgerError } from "#storage/error.ts";
import { apiError } from "../errors.ts";
import { answer, ERROR_ANSWER } from "../schemas.ts";
import { found, need, type RouteContext } from "./routeContext.ts";

const CHANNEL_ID = { type: "object", properties: { id: { type: "string", pattern: "^[1-9][0-9]{0,77}$" } } } as const;

const LIST_QUERY = {
  type: "object",
  required: ["account"],
  properties: { account: { type: "string", maxLength: 42 } },
} as const;

const CHECK_BODY = {
  type: "object",
  required: ["voucher"],
  additionalProperties: false,
  properties: {
    voucher: { type: "object", description: "As `channel pay` wrote it" },
    atLeastWei: { type: "string", pattern: "^[0-9]{1,30}$", description: "All that must be owed by now" },
  },
} as const;

/** Routes about payment channels on Ethereum, under /ledger/v1: read and checked only, no key is used. */
export function channelRoutes(server: FastifyInstance, { ports }: RouteContext): void {
  const describe = (summary: string) => ({
    tags: ["bridge"],
    summary,
    response: { 200: answer(summary), "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
  });

  server.get<{ Params: { id: string } }>("/channels/:id", {
    schema: { ...describe("A payment channel as Ethereum has it"), params: CHANNEL_ID },
    handler: async ({ params: { id } }) =>
      found(await asked(need(ports, "channels").show(BigInt(id))), "payment channel"),
  });
  server.get<{ Querystring: { account: string } }>("/channels", {
    schema: { ...describe("The payment channels of an Ethereum account, newest first"), querystring: LIST_QUERY },
    handler: async ({ query: { account } }) => {
      const list = await asked(need(ports, "channels").list(account));
      if (list === undefined) throw apiError("BAD_REQUEST", "account is no Ethereum address");
      return list;
    },
  });
  server.post<{ Body: { voucher: object; atLeastWei?: string } }>("/channels/check", {
    schema: { ...describe("Whether a channel would pay a voucher"), body: CHECK_BODY },
    handler: async ({ body: { voucher, atLeastWei = "0" } }) => {
      const verdict = await asked(need(ports, "channels").check(JSON.stringify(voucher), BigInt(atLeastWei)));
      if (verdict === undefined) throw apiError("BAD_REQUEST", "voucher is none");
      return verdict;
    },
  });
}

/** What an Ethereum node, or the file that names the contracts, is to blame for is no fault of this node. */
async function asked<T>(answered: Promise<T>): Promise<T> {
  try {
    return await answered;
  } catch (error) {
    if (!(error instanceof LedgerError) || !/^(EVM|CONTRACTS)_/.test(error.code)) throw error;
    const { reason = error.code, hint } = error.details;
    throw apiError("ETHEREUM_UNAVAILABLE", String(reason), { code: error.code, hint });
  }
}

import type { FastifyInstance } from "fastify";
import { canonicalAccount } from "#storage/types/transactionAccounts.ts";
import { apiError } from "../errors.ts";
import { base64, hex } from "../json.ts";
import { checkAnswer, queryPage, queryRecord, type RecordJson, withoutId } from "../ledgerQueries.ts";
import { plain } from "../plainJson.ts";
import type { OutputView } from "../ports.ts";
import { traceAsset } from "../provenance.ts";
import { answer, ERROR_ANSWER, nameParams, OUTPUT_PARAMS, PAGE_QUERY, STATE_QUERY } from "../schemas.ts";
import { meterRecordRoutes } from "./meterRecords.ts";
import { bytesOfHex, found, need, type RouteContext } from "./routeContext.ts";

const TAGS = ["state"];

interface PageQuery {
  Querystring: { after?: string; limit: number };
}

interface AccountParams {
  Params: { account: string };
}

interface OutputParams {
  Params: { txId: string; index: number };
}

const ACCOUNT_PARAMS = nameParams("account", "bech32 account or 34-character identity", 64);

/** Routes about the ledger's present state: members, meters, accounts, outputs. */
export function stateRoutes(server: FastifyInstance, context: RouteContext): void {
  const { ports } = context;
  const describe = (summary: string) => ({
    tags: TAGS,
    summary,
    response: { 200: answer(summary), "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
  });

  server.get<PageQuery>("/members", {
    schema: { ...describe("Members and their roles, by account"), querystring: PAGE_QUERY },
    handler: async ({ query }) => {
      const { entries, next } = await queryPage(need(ports, "stateQuery"), "/edream/members", query);
      return { members: entries.map(({ id, role }) => ({ account: id, role })), next };
    },
  });
  server.get<PageQuery>("/meters", {
    schema: { ...describe("Enrolled and revoked meters, by meter id"), querystring: PAGE_QUERY },
    handler: async ({ query }) => {
      const { entries, next } = await queryPage(need(ports, "stateQuery"), "/edream/meters", query);
      return { meters: entries.map(({ id, ...meter }) => ({ meterId: id, ...meter })), next };
    },
  });
  server.get<PageQuery>("/exclusions", {
    schema: { ...describe("Validators that were excluded for misbehaviour, by address"), querystring: PAGE_QUERY },
    handler: async ({ query }) => {
      const { entries, next } = await queryPage(need(ports, "stateQuery"), "/edream/exclusions", query);
      return { exclusions: entries.map(({ id, ...exclusion }) => ({ address: id, ...exclusion })), next };
    },
  });
  server.get<{ Params: { meterId: string } }>("/meters/:meterId", {
    schema: {
      ...describe("One meter: certificate, latest interval, totals"),
      params: nameParams("meterId", "Meter id", 96),
    },
    handler: async ({ params: { meterId } }) => {
      const stateQuery = need(ports, "stateQuery");
      const meter = found(await queryRecord(stateQuery, "/edream/meter", meterId), `meter ${meterId}`);
      const chain = (await queryRecord(stateQuery, "/edream/chain", meterId)) ?? {};
      const counts = (await queryRecord(stateQuery, "/edream/meter-counts", meterId)) ?? {};
      return { meterId, ...withoutId(meter), ...withoutId(chain), ...withoutId(counts) };
    },
  });
  server.get<{ Params: { meterId: string } } & PageQuery>("/meters/:meterId/unopened", {
    schema: {
      ...describe("Intervals and amendments of a meter whose committed sum is not opened yet, by end"),
      params: nameParams("meterId", "Meter id", 96),
      querystring: PAGE_QUERY,
    },
    handler: async ({ params: { meterId }, query }) => {
      const options = { ...query, meter: meterId };
      const { entries, next } = await queryPage(need(ports, "stateQuery"), "/edream/unopened", options);
      return { intervals: entries.map(withoutId), next };
    },
  });
  meterRecordRoutes(server, context);
  server.get<AccountParams>("/accounts/:account", {
    schema: { ...describe("An account: number, next sequence, role"), params: ACCOUNT_PARAMS },
    handler: async (request) => {
      const stateQuery = need(ports, "stateQuery");
      const account = readAccount(request.params.account);
      const { number, sequence, pendingSequence, publicKey } = found(
        await queryRecord(stateQuery, "/edream/account", account),
        `account ${account}`,
      );
      const member = await queryRecord(stateQuery, "/edream/member", account);
      const nextSequence = pendingSequence ?? sequence;
      return {
        account,
        role: member?.role ?? null,
        accountNumber: number,
        sequence,
        nextSequence,
        publicKey: publicKey ?? null,
      };
    },
  });
  server.get<AccountParams & PageQuery>("/accounts/:account/outputs", {
    schema: { ...describe("Energy that an account can spend"), params: ACCOUNT_PARAMS, querystring: PAGE_QUERY },
    handler: async ({ params, query }) => {
      const account = readAccount(params.account);
      const page = await queryPage(need(ports, "stateQuery"), "/edream/outputs", { ...query, account });
      return { outputs: page.entries.map((entry) => ({ output: entry.id, ...lockedAmount(entry) })), next: page.next };
    },
  });
  server.get<OutputParams>("/outputs/:txId/:index", {
    schema: { ...describe("An energy output, spent or not"), params: OUTPUT_PARAMS },
    handler: async ({ params: { txId, index } }) => {
      const unspent = await queryRecord(need(ports, "stateQuery"), "/edream/output", `${txId}:${index}`);
      if (unspent !== undefined)
        return { txId: txId.toLowerCase(), outputIndex: index, ...lockedAmount(unspent), spentBy: null };
      return spentOutput(context, txId, index);
    },
  });
  server.get<OutputParams>("/assets/:txId/:index", {
    schema: {
      ...describe("Where the energy of an output comes from, back to its registrations"),
      params: OUTPUT_PARAMS,
    },
    handler: async ({ params: { txId, index } }) => {
      const asset = await traceAsset(bytesOfHex(txId), index, need(ports, "transaction"));
      const { output, ...trace } = found(asset, `output ${txId}:${index}`);
      return { output: await withSpender(context, output), ...(plain(trace) as object) };
    },
  });
  server.get<{ Querystring: { path: string; data: string; height: number; prove: boolean } }>("/state", {
    schema: {
      ...describe("Any query of the ledger application, with a state proof on request"),
      querystring: STATE_QUERY,
    },
    handler: async (request) => {
      const { path, data, height, prove } = request.query;
      const query = { path, data: bytesOfHex(data), height, prove };
      const response = checkAnswer(await need(ports, "stateQuery")(query));
      const { key, value, proof } = response;
      return { height: response.height, key: hex(key), value: base64(value), proof: base64(proof) };
    },
  });
}

function readAccount(text: string): string {
  const account = canonicalAccount(text);
  if (account === undefined)
    throw apiError("BAD_REQUEST", "this is neither a bech32 account nor a 34-character identity");
  return account;
}

function lockedAmount({ amountMwh, quantity, threshold, accounts }: RecordJson) {
  return { amountMwh, quantity, lock: { threshold, accounts } };
}

/** Spent outputs are no longer in the state: what is left of them is in the transactions that made and spent them. */
async function spentOutput(context: RouteContext, txId: string, index: number): Promise<object> {
  const { transaction } = context.ports;
  const asset = transaction && (await traceAsset(bytesOfHex(txId), index, transaction, 1));
  return withSpender(context, found(asset, `output ${txId}:${index}`).output);
}

async function withSpender({ ports }: RouteContext, output: OutputView): Promise<object> {
  const spender = await ports.spenderOf?.(output.txId, output.outputIndex);
  return { ...(plain(output) as object), spentBy: spender === undefined ? null : hex(spender) };
}

import type { FastifyInstance } from "fastify";
import { deviceOnEthereum } from "../deviceOnEthereum.ts";
import { queryPage, queryRecord, type RecordJson, withoutId } from "../ledgerQueries.ts";
import { answer, CONFIGURATION_PARAMS, ERROR_ANSWER, nameParams, PAGE_QUERY } from "../schemas.ts";
import { found, need, type RouteContext } from "./routeContext.ts";

interface MeterPage {
  Params: { meterId: string };
  Querystring: { after?: string; limit: number };
}

/** Lists of what stands beside a meter's intervals: path and name of the list, the query, and what the id of an entry is called. */
const LISTS: readonly { name: string; path: string; summary: string; fieldsOf: (id: string) => object }[] = [
  {
    name: "amendments",
    path: "/edream/amended-intervals",
    summary: "Sealed intervals of a meter to which readings came late, by end",
    fieldsOf: (id) => ({ endMs: id }),
  },
  {
    name: "erasures",
    path: "/edream/erasures",
    summary: "Receipts of erased readings of a meter, by number",
    fieldsOf: numberOf("number"),
  },
  {
    name: "archives",
    path: "/edream/archives",
    summary: "Files of a meter's readings, by period and version",
    fieldsOf: (id) => {
      const [fromMs, untilMs, version] = id.split("-");
      return { fromMs, untilMs, version: Number(version) };
    },
  },
  {
    name: "flags",
    path: "/edream/flags",
    summary: "Flags about a meter's readings, by number; withdrawn ones name who withdrew them",
    fieldsOf: numberOf("number"),
  },
  {
    name: "configurations",
    path: "/edream/configurations",
    summary: "All configurations of a meter's device, by version, without their ciphertexts",
    fieldsOf: numberOf("version"),
  },
];

/** Routes about late readings, erasures, archives, flags and the configuration of one meter. `next` is what `after` takes. */
export function meterRecordRoutes(server: FastifyInstance, { ports }: RouteContext): void {
  const describe = (summary: string) => ({
    tags: ["state"],
    summary,
    response: { 200: answer(summary), "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
  });
  for (const { name, path, summary, fieldsOf } of LISTS)
    server.get<MeterPage>(`/meters/:meterId/${name}`, {
      schema: { ...describe(summary), params: nameParams("meterId", "Meter id", 96), querystring: PAGE_QUERY },
      handler: async ({ params: { meterId }, query }) => {
        const { entries, next } = await queryPage(need(ports, "stateQuery"), path, { ...query, meter: meterId });
        return { [name]: entries.map(({ id, ...entry }) => ({ ...fieldsOf(String(id)), ...entry })), next };
      },
    });
  server.get<{ Params: { meterId: string } }>("/meters/:meterId/ethereum", {
    schema: {
      ...describe("What Ethereum's registry has told the ledger of a meter's device, and whether it is revoked there"),
      params: nameParams("meterId", "Meter id", 96),
    },
    handler: async ({ params: { meterId } }) =>
      found(await deviceOnEthereum(need(ports, "stateQuery"), meterId), "registry of devices that counts here"),
  });
  server.get<{ Params: { meterId: string; version: string } }>("/meters/:meterId/configurations/:version", {
    schema: {
      ...describe("One configuration of a meter's device; `ciphertext` is null where only its block still has it"),
      params: CONFIGURATION_PARAMS,
    },
    handler: async ({ params: { meterId, version: asked } }) => {
      const stateQuery = need(ports, "stateQuery");
      const version = asked === "latest" ? await latestVersion() : asked;
      const id = `${version} ${meterId}`;
      const what = `configuration ${asked} of meter ${meterId}`;
      const configuration = found(await queryRecord(stateQuery, "/edream/configuration", id), what);
      const payload = await queryRecord(stateQuery, "/edream/configuration-payload", id);
      const ciphertext = payload?.ciphertext ?? null;
      return { meterId, version, ...withoutId(configuration), ciphertext };

      async function latestVersion(): Promise<string> {
        const counts: RecordJson = (await queryRecord(stateQuery, "/edream/meter-counts", meterId)) ?? {};
        return String(counts.configurationVersion ?? 0);
      }
    },
  });
}

/** Ids are padded with zeros, so that their order is that of the numbers. */
function numberOf(name: string): (id: string) => object {
  return (id) => ({ [name]: BigInt(id).toString() });
}

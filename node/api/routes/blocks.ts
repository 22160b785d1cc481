import type { FastifyInstance } from "fastify";
import { blockJson, commitJson, headerJson, validatorSetJson } from "../json.ts";
import { answer, BLOCK_PARAMS, ERROR_ANSWER, HEIGHT_PARAMS } from "../schemas.ts";
import { bytesOfHex, found, need, type RouteContext, txIdOf } from "./routeContext.ts";

const TAGS = ["blocks"];

type AtHeight = { Params: { height: number } };

export function blockRoutes(server: FastifyInstance, { ports }: RouteContext): void {
  const describe = (summary: string) => ({
    tags: TAGS,
    summary,
    params: HEIGHT_PARAMS,
    response: { 200: answer(summary), "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
  });

  server.get<{ Params: { at: string } }>("/blocks/:at", {
    schema: { ...describe("A block by height, by hash, or the latest"), params: BLOCK_PARAMS },
    handler: async (request) => {
      const { at } = request.params;
      const block = need(ports, "block");
      const key = at === "latest" ? (await ports.status()).height : at.length === 64 ? bytesOfHex(at) : Number(at);
      return blockJson(found(await block(key), `block ${at}`), txIdOf);
    },
  });
  server.get<AtHeight>("/headers/:height", {
    schema: describe("The header of a block"),
    handler: async ({ params: { height } }) =>
      headerJson(found(await need(ports, "header")(height), `header of height ${height}`)),
  });
  server.get<AtHeight>("/commits/:height", {
    schema: describe("The precommits that decided a block"),
    handler: async ({ params: { height } }) =>
      commitJson(found(await need(ports, "commit")(height), `commit of height ${height}`)),
  });
  server.get<AtHeight>("/validators/:height", {
    schema: describe("The validator set of a height"),
    handler: async ({ params: { height } }) => ({
      height,
      ...validatorSetJson(found(await need(ports, "validators")(height), `validator set of height ${height}`)),
    }),
  });
  server.get<AtHeight>("/light-blocks/:height", {
    schema: describe("Header, commit and validator set of a height: what a light node verifies"),
    handler: async ({ params: { height } }) => {
      const [header, commit, validators] = await Promise.all([
        need(ports, "header")(height),
        need(ports, "commit")(height),
        need(ports, "validators")(height),
      ]);
      const what = `light block of height ${height}`;
      return {
        signedHeader: { header: headerJson(found(header, what)), commit: commitJson(found(commit, what)) },
        validatorSet: validatorSetJson(found(validators, what)),
      };
    },
  });
}

import { expect, test } from "vitest";
import { openCassandraStore } from "./cassandraStore.ts";

test("a cluster that is not there is named in one line", async () => {
  const opening = openCassandraStore({ contactPoints: ["127.0.0.1:1"] });
  const { details } = await opening.then(
    () => ({ details: undefined }),
    (error: { details: { code: string; reason: string } }) => error,
  );
  expect(details?.code).toBe("READING_STORE_UNREACHABLE");
  expect(details?.reason).toMatch(/^All host.*127\.0\.0\.1:1.*ECONNREFUSED/);
  expect(details?.reason).not.toContain("\n");
});

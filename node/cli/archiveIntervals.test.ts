import { expect, test } from "vitest";
import { sealedRoots } from "./archiveIntervals.ts";
import { CliError } from "./cliError.ts";

const HOUR_MS = 3_600_000;

/** A node with one sealed hour a transaction, newest first, two to a page; the fifth failed. */
function nodeWith(hours: number) {
  const asked: string[] = [];
  const client = {
    async get<T>(path: string): Promise<T> {
      asked.push(path);
      const id = /^\/transactions\/(\d+)$/.exec(path)?.[1];
      if (id === undefined) {
        const from = Number(/cursor=(\d+)/.exec(path)?.[1] ?? hours);
        const transactions = [from, from - 1].filter((each) => each > 0).map((each) => ({ txId: String(each) }));
        return { transactions, next: from > 2 ? String(from - 2) : null } as T;
      }
      const interval = {
        intervalStartMs: String((Number(id) - 1) * HOUR_MS),
        intervalEndMs: String(Number(id) * HOUR_MS),
      };
      const seal = {
        type: "MsgSealInterval",
        meterId: "m",
        readingCount: Number(id),
        readingsRoot: "ab".repeat(32),
        ...interval,
      };
      return {
        result: { code: id === "5" ? 7 : 0 },
        messages: [{ ...seal, meterId: "other" }, { type: "MsgTransferEnergy" }, seal],
      } as T;
    },
  };
  return { client, asked };
}

test("the sealed intervals of a period are read newest first, without failed ones, and nothing older than it", async () => {
  const { client, asked } = nodeWith(12);
  const roots = await sealedRoots(client, "m", { fromMs: 3 * HOUR_MS, untilMs: 8 * HOUR_MS });
  expect(roots.map(({ startMs, endMs, readingCount }) => [startMs / HOUR_MS, endMs / HOUR_MS, readingCount])).toEqual(
    [8, 7, 6, 4].map((hour) => [hour - 1, hour, hour]),
  );
  expect(roots[0]?.readingsRoot).toEqual(new Uint8Array(32).fill(0xab));
  expect(asked).toContain("/transactions/3");
  expect(asked).not.toContain("/transactions/2");
});

test("a node that never comes to an end is given up", async () => {
  const client = {
    get: async <T>(path: string) =>
      (path.includes("?")
        ? { transactions: Array.from({ length: 100 }, () => ({ txId: "1" })), next: "1" }
        : { result: { code: 1 }, messages: [] }) as T,
  };
  await expect(sealedRoots(client, "m", { fromMs: 0, untilMs: 1 })).rejects.toBeInstanceOf(CliError);
});

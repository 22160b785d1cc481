import { expect, test } from "vitest";
import { eventually } from "../testNetwork.ts";
import { oneAtATime } from "./oneAtATime.ts";

test("what is wanted while work is under way is done once more behind it, and never two at a time", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const work = oneAtATime(
    () => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return gate.promise;
    },
    () => undefined,
  );
  for (let i = 0; i < 3; i += 1) work.want();
  expect(gates).toHaveLength(1);
  gates[0]?.resolve();
  await eventually(() => gates.length === 2);
  work.want();
  const stopped = work.stop();
  gates[1]?.resolve();
  await stopped;
  work.want();
  expect(gates).toHaveLength(2);
});

test("work that fails is told of, and done again when it is wanted", async () => {
  const errors: unknown[] = [];
  let calls = 0;
  const work = oneAtATime(
    async () => {
      calls += 1;
      throw new Error(`call ${calls}`);
    },
    (error) => errors.push((error as Error).message),
  );
  for (const call of [1, 2]) {
    work.want();
    await eventually(() => errors.length === call);
  }
  await work.stop();
  expect(errors).toEqual(["call 1", "call 2"]);
});

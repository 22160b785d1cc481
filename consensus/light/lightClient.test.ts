import { expect, test } from "vitest";
import { type Header, hashHeader } from "#storage/types/header.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { createLightClient, type LightClientOptions, type LightProvider } from "./lightClient.ts";
import type { LightError } from "./lightError.ts";
import { createTestChain, type TestChain } from "./testChain.ts";
import { DEFAULT_LIGHT_RULES } from "./verify.ts";

const OPTIONS: LightClientOptions = {
  chainId: "test-chain",
  rules: { ...DEFAULT_LIGHT_RULES, trustingPeriodMs: 3_600_000 },
  mode: "skipping",
  minWitnesses: 0,
  maxSteps: 100,
};

function chainOf(length: number): TestChain {
  const chain = createTestChain();
  while (chain.height < length) chain.append();
  return chain;
}

function providerOf(name: string, chain: { lightBlock(height: number): LightBlock }): LightProvider {
  return { name, fetchLightBlock: async (height) => chain.lightBlock(height) };
}

function setup(
  primary: LightProvider,
  witnesses: readonly LightProvider[] = [],
  options: Partial<LightClientOptions> = {},
) {
  const disk = { trusted: undefined as LightBlock | undefined, headers: new Map<number, Header>() };
  const faults: [string, string][] = [];
  const clock = { nowMs: 1_700_000_100_000 };
  const ports = {
    primary,
    witnesses,
    loadTrusted: async () => disk.trusted,
    saveTrusted: async (block: LightBlock) => {
      disk.trusted = block;
    },
    loadHeader: async (height: number) => disk.headers.get(height),
    saveHeader: async (header: Header) => {
      disk.headers.set(header.height, header);
    },
    nowMs: () => clock.nowMs,
    onFaultyProvider: (provider: string, error: LightError) => faults.push([provider, error.code]),
  };
  const start = () => createLightClient({ ...OPTIONS, ...options }, ports);
  return { client: start(), restart: start, disk, faults, clock };
}

const rootAt = (chain: TestChain, height: number) => {
  return { height, hash: hashHeader(chain.lightBlock(height).signedHeader.header) };
};
const heightOf = (block: LightBlock) => block.signedHeader.header.height;
const detailsOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => "resolved",
    (error: LightError) => error.details,
  );

test("a client starts from (height, hash), follows the chain, and goes on after a restart", async () => {
  for (const mode of ["skipping", "sequential"] as const) {
    const chain = chainOf(10);
    const { client, restart, disk } = setup(providerOf("p", chain), [], { mode });
    expect(() => client.trusted()).toThrow("LIGHT_NOT_INITIALISED");
    await client.initialise(rootAt(chain, 3));
    expect(heightOf(await client.update())).toBe(10);
    expect([...disk.headers.keys()]).toEqual(mode === "skipping" ? [3, 10] : [3, 4, 5, 6, 7, 8, 9, 10]);
    chain.append({ nextPowers: { 0: 10, 1: 10, 2: 10, 5: 10 } });
    chain.append();
    const again = restart();
    expect(heightOf(await again.initialise(undefined))).toBe(10);
    expect(heightOf(await again.update())).toBe(12);
    expect(heightOf(again.trusted())).toBe(12);
  }
});

test("any header is verified: ahead by signatures, behind by hashes, each fetched once", async () => {
  const chain = chainOf(12);
  const asked: number[] = [];
  const provider: LightProvider = {
    name: "p",
    fetchLightBlock: async (height) => {
      asked.push(height);
      return chain.lightBlock(height);
    },
  };
  const { client } = setup(provider);
  await client.initialise(rootAt(chain, 6));
  expect((await client.verifyHeader(9)).height).toBe(9);
  expect((await client.verifyHeader(4)).appHash).toEqual(chain.lightBlock(4).signedHeader.header.appHash);
  expect(asked).toEqual([6, 9, 5, 4]);
  expect((await client.verifyHeader(5)).height).toBe(5);
  expect((await client.verifyHeader(9)).height).toBe(9);
  expect(asked).toEqual([6, 9, 5, 4]);
});

test("a header behind that is not on the trusted chain is refused", async () => {
  const chain = chainOf(8);
  const liar = chain.fork(3);
  while (liar.height < 8) liar.append({ appHash: new Uint8Array(32).fill(9) });
  let source = chain;
  const { client } = setup({ name: "p", fetchLightBlock: async (height) => source.lightBlock(height) });
  await client.initialise(rootAt(chain, 8));
  source = liar;
  expect(await detailsOf(client.verifyHeader(5))).toMatchObject({ check: "LIGHT_LAST_BLOCK_MISMATCH", height: 7 });
});

test("another block at the root's height is refused", async () => {
  const chain = chainOf(5);
  const { client } = setup(providerOf("p", chain));
  const root = { height: 3, hash: new Uint8Array(32) };
  expect(await detailsOf(client.initialise(root))).toMatchObject({ code: "LIGHT_TRUST_ROOT_MISMATCH" });
});

test("expired trust is not built on; a newer root starts anew", async () => {
  const chain = chainOf(5);
  const { client, restart, clock } = setup(providerOf("p", chain));
  await client.initialise(rootAt(chain, 2));
  clock.nowMs += 2 * 3_600_000;
  chain.append({ intervalMs: 2 * 3_600_000 });
  expect(await detailsOf(client.update())).toMatchObject({ check: "LIGHT_TRUSTED_EXPIRED" });
  const again = restart();
  expect(await detailsOf(again.initialise(undefined))).toMatchObject({ check: "LIGHT_TRUSTED_EXPIRED" });
  expect(await detailsOf(again.initialise(rootAt(chain, 1)))).toMatchObject({ check: "LIGHT_TRUSTED_EXPIRED" });
  expect(heightOf(await again.initialise(rootAt(chain, 6)))).toBe(6);
});

test("a commit below 2/3, a forged header and another chain are refused and nothing is trusted", async () => {
  const cases: [string, (chain: TestChain) => void][] = [
    ["COMMIT_POWER_INSUFFICIENT", (chain) => chain.append({ absent: [0, 1] })],
    ["LIGHT_CHAIN_ID_MISMATCH", (chain) => chain.append({ change: { chainId: "other" } })],
    ["LIGHT_VALIDATORS_HASH_MISMATCH", (chain) => chain.append({ change: { validatorsHash: new Uint8Array(32) } })],
    ["LIGHT_TIME_FROM_FUTURE", (chain) => chain.append({ intervalMs: 1_000_000 })],
  ];
  for (const [check, spoil] of cases) {
    const chain = chainOf(5);
    const { client, disk } = setup(providerOf("p", chain));
    await client.initialise(rootAt(chain, 2));
    spoil(chain);
    expect(await detailsOf(client.update())).toMatchObject({ code: "LIGHT_BLOCK_REJECTED", check, height: 6 });
    expect(heightOf(client.trusted())).toBe(2);
    expect(heightOf(disk.trusted as LightBlock)).toBe(2);
    expect([...disk.headers.keys()]).toEqual([2]);
  }
});

/** Two blocks at every height above 3, both signed by everybody. */
function forked(): { readonly honest: TestChain; readonly evil: TestChain } {
  const honest = chainOf(3);
  const evil = honest.fork(3);
  while (honest.height < 6) honest.append();
  while (evil.height < 6) evil.append({ appHash: new Uint8Array(32).fill(9) });
  return { honest, evil };
}

test("when two providers show two signed chains, the client stops and shows both hashes", async () => {
  const { honest, evil } = forked();
  const { client, disk } = setup(providerOf("p", honest), [providerOf("w1", honest), providerOf("w2", evil)]);
  await client.initialise(rootAt(honest, 2));
  const details = (await detailsOf(client.update())) as Record<string, unknown>;
  expect(details).toMatchObject({ code: "LIGHT_PROVIDER_CONFLICT", height: 6, provider: "p", otherProvider: "w2" });
  expect(details.hash).toEqual(rootAt(honest, 6).hash);
  expect(details.otherHash).toEqual(rootAt(evil, 6).hash);
  expect(heightOf(disk.trusted as LightBlock)).toBe(2);
});

test("a witness that cannot prove its other block is reported and does not stop the client", async () => {
  const { honest, evil } = forked();
  const unsigned = (height: number) => {
    const block = evil.lightBlock(height);
    const { header, commit } = block.signedHeader;
    const signatures = commit.signatures.map((sig) => ({ ...sig, signature: new Uint8Array(64) }));
    return { ...block, signedHeader: { header, commit: { ...commit, signatures } } };
  };
  const silent: LightProvider = { name: "silent", fetchLightBlock: () => Promise.reject(new Error("gone")) };
  const witnesses = [providerOf("liar", { lightBlock: unsigned }), silent, providerOf("good", honest)];
  const { client, faults } = setup(providerOf("p", honest), witnesses, { minWitnesses: 1 });
  await client.initialise(rootAt(honest, 2));
  expect(heightOf(await client.update())).toBe(6);
  expect(faults).toEqual([
    ["silent", "LIGHT_PROVIDER_FAILED"],
    ["liar", "LIGHT_BLOCK_REJECTED"],
  ]);
});

test("without enough witnesses nothing new is trusted", async () => {
  const chain = chainOf(5);
  const silent: LightProvider = { name: "silent", fetchLightBlock: () => Promise.reject(new Error("gone")) };
  const { client } = setup(providerOf("p", chain), [silent], { minWitnesses: 1 });
  await client.initialise(rootAt(chain, 2));
  expect(await detailsOf(client.update())).toMatchObject({ code: "LIGHT_NOT_CROSS_CHECKED", agreed: 0, needed: 1 });
  expect(heightOf(client.trusted())).toBe(2);
});

test("another block at the trusted height is a conflict only if the same validators signed it", async () => {
  const { honest, evil } = forked();
  let source: { lightBlock(height: number): LightBlock } = honest;
  const { client } = setup({ name: "p", fetchLightBlock: async (height) => source.lightBlock(height) });
  await client.initialise(rootAt(honest, 6));
  source = evil;
  expect(await detailsOf(client.update())).toMatchObject({ code: "LIGHT_PROVIDER_CONFLICT", provider: "trusted" });
  const strangers = createTestChain({ initialPowers: { 7: 1 } });
  while (strangers.height < 6) strangers.append();
  source = strangers;
  expect(await detailsOf(client.update())).toMatchObject({ check: "LIGHT_TRUSTED_HASH_MISMATCH" });
  source = honest.fork(4);
  expect(heightOf(await client.update())).toBe(6);
});

test("providers that fail or answer another height, long walks and bad options have their codes", async () => {
  const chain = chainOf(30);
  const shifted = { lightBlock: (height: number) => chain.lightBlock(Math.max(1, height - 1)) };
  const root = rootAt(chain, 1);
  const wrong = setup(providerOf("p", shifted)).client;
  expect(await detailsOf(wrong.initialise(rootAt(chain, 3)))).toMatchObject({
    code: "LIGHT_PROVIDER_WRONG_HEIGHT",
    got: 2,
  });
  const short = setup(providerOf("p", chain), [], { maxSteps: 5, mode: "sequential" }).client;
  await short.initialise(root);
  expect(await detailsOf(short.update())).toMatchObject({ code: "LIGHT_STEPS_EXCEEDED", from: 1, to: 30 });
  expect(await detailsOf(short.verifyHeader(40))).toMatchObject({ code: "LIGHT_PROVIDER_FAILED", height: 40 });
  expect(await detailsOf(short.verifyHeader(0))).toMatchObject({ code: "LIGHT_OPTION_OUT_OF_RANGE" });
  const behind = setup(providerOf("p", chain), [], { maxSteps: 5 }).client;
  await behind.initialise(rootAt(chain, 30));
  expect(await detailsOf(behind.verifyHeader(10))).toMatchObject({ code: "LIGHT_STEPS_EXCEEDED", from: 30, to: 10 });
  const refuse = (options: Partial<LightClientOptions>) => () => setup(providerOf("p", chain), [], options);
  const { rules } = OPTIONS;
  expect(refuse({ minWitnesses: 1 })).toThrow("LIGHT_OPTION_OUT_OF_RANGE option=minWitnesses");
  expect(refuse({ maxSteps: 0 })).toThrow("option=maxSteps");
  expect(refuse({ rules: { ...rules, trustingPeriodMs: 0 } })).toThrow("option=trustingPeriodMs");
  expect(refuse({ rules: { ...rules, maxClockDriftMs: -1 } })).toThrow("option=maxClockDriftMs");
  expect(refuse({ rules: { ...rules, trustLevel: { numerator: 1, denominator: 4 } } })).toThrow("option=trustLevel");
});

test("calls made at once are answered one after another", async () => {
  const chain = chainOf(9);
  const { client } = setup(providerOf("p", chain));
  const results = await Promise.all([client.initialise(rootAt(chain, 2)), client.update(), client.verifyHeader(5)]);
  expect(results.map((result) => ("height" in result ? result.height : heightOf(result)))).toEqual([2, 9, 5]);
  expect(timestampToMs(client.trusted().signedHeader.header.time)).toBe(1_700_000_008_000);
});

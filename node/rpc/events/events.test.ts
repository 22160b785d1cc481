import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Input, TendermintState } from "#consensus/tendermint/state.ts";
import { initialState } from "#consensus/tendermint/state.ts";
import { step } from "#consensus/tendermint/step.ts";
import { block, contextOf, precommit, prevote, proposal, start, timeout } from "#consensus/tendermint/testMessages.ts";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { newValidatorSet } from "#storage/types/validatorSet.ts";
import { accountOf } from "../../cli/keyStore.ts";
import { eventually } from "../../testNetwork.ts";
import { type RecordedEvent, recordHeight } from "../testdata/recordHeight.ts";
import { startTestRpc } from "../testRpc.ts";
import { transitionEvents } from "./transitionEvents.ts";

const RECORDED = JSON.parse(readFileSync(new URL("../testdata/recorded.json", import.meta.url), "utf8")) as {
  readonly events: readonly RecordedEvent[];
};

test("one height of one validator with a transaction tells the same events as CometBFT, in the same order", {
  timeout: 60_000,
}, async () => {
  await using rpc = await startTestRpc({ createEmptyBlocks: true });
  let recorded: readonly RecordedEvent[] | undefined;
  const recording = recordHeight(rpc.url).then((events) => {
    recorded = events;
  });
  // The subscription may begin within a height: transactions go on until a whole one had one.
  await eventually(async () => {
    const member = accountOf(publicKeyOf(generatePrivateKey("secp256k1"))).account;
    const message = ledgerMessage("MsgEnrolMember", { authority: rpc.owner.account, member, role: "consumer" });
    const tx = await rpc.sign(rpc.owner, [message]);
    await rpc.get(`broadcast_tx_commit?tx=0x${Buffer.from(tx).toString("hex")}`);
    return recorded;
  });
  await recording;
  expect(recorded).toEqual(RECORDED.events);
});

const VALIDATORS = newValidatorSet(
  Array.from({ length: 4 }, () => ({ publicKey: publicKeyOf(generatePrivateKey("ed25519")), power: 1n })),
);

/** What each input made known, as `name:step`. */
function play(inputs: readonly Input[], from: TendermintState = initialState(contextOf())) {
  let before = from;
  const told = inputs.map((input) => {
    const { state: after } = step(before, input);
    const events = transitionEvents({ before, input, after }, () => VALIDATORS);
    before = after;
    return events.map(({ values, data }) => {
      const { value } = data() as { value: { round?: number; step?: string } };
      const place = value.step === undefined ? "" : ` ${value.round} ${value.step.replace("RoundStep", "")}`;
      return `${values["tm.event"]?.join()}${place}`;
    });
  });
  return { told, state: before };
}

test("a proposal that gets a polka is valid, and locks", () => {
  const { told } = play([
    start,
    proposal(0, "a"),
    block("a"),
    ...[0, 1, 2].map((from) => prevote(0, from, "a")),
    ...[0, 1, 2].map((from) => precommit(0, from, "a")),
  ]);
  expect(told).toEqual([
    ["NewRound 0 NewRound", "NewRoundStep 0 Propose"],
    [],
    ["CompleteProposal 0 Propose", "NewRoundStep 0 Prevote"],
    ["Vote"],
    ["Vote"],
    ["Vote", "ValidBlock 0 Prevote", "Polka 0 Prevote", "Lock 0 Prevote", "NewRoundStep 0 Precommit"],
    ["Vote"],
    ["Vote"],
    ["Vote", "NewRoundStep 0 Commit"],
  ]);
});

test("waits and timeouts are told, and the round after them", () => {
  const { told } = play([
    start,
    timeout("propose", 0),
    prevote(0, 0, "a"),
    prevote(0, 1, null),
    prevote(0, 2, null),
    timeout("prevote", 0),
    precommit(0, 0, null),
    precommit(0, 1, null),
    precommit(0, 2, null),
    timeout("precommit", 0),
    // Of a round that is over.
    timeout("propose", 0),
  ]);
  expect(told).toEqual([
    ["NewRound 0 NewRound", "NewRoundStep 0 Propose"],
    ["TimeoutPropose 0 Propose", "NewRoundStep 0 Prevote"],
    ["Vote"],
    ["Vote"],
    ["Vote", "NewRoundStep 0 PrevoteWait"],
    ["TimeoutWait 0 PrevoteWait", "NewRoundStep 0 Precommit"],
    ["Vote"],
    ["Vote"],
    ["Vote", "NewRoundStep 0 PrecommitWait"],
    ["TimeoutWait 0 PrecommitWait", "NewRound 1 NewRound", "NewRoundStep 1 Propose"],
    [],
  ]);
});

test("a polka for nil is a polka that locks nothing; a later polka for the locked block relocks it", () => {
  const nil = play([start, timeout("propose", 0), ...[0, 1, 2].map((from) => prevote(0, from, null))]);
  expect(nil.told.at(-1)).toEqual(["Vote", "Polka 0 Prevote", "NewRoundStep 0 Precommit"]);

  const locked = play([start, proposal(0, "a"), block("a"), ...[0, 1, 2].map((from) => prevote(0, from, "a"))]);
  const { told } = play(
    [
      ...[0, 1, 2].map((from) => precommit(0, from, null)),
      timeout("precommit", 0),
      proposal(1, "a", 0),
      ...[0, 1, 2].map((from) => prevote(1, from, "a")),
    ],
    locked.state,
  );
  expect(told.slice(-4)).toEqual([
    ["CompleteProposal 1 Propose", "NewRoundStep 1 Prevote"],
    ["Vote"],
    ["Vote"],
    ["Vote", "ValidBlock 1 Prevote", "Polka 1 Prevote", "Relock 1 Prevote", "NewRoundStep 1 Precommit"],
  ]);
});

test("votes of a later round take a node there; a vote that is known already is not told again", () => {
  const { told, state } = play([start, prevote(3, 0, null), prevote(3, 1, null)]);
  expect(told.at(-1)).toEqual(["Vote", "NewRound 3 NewRound", "NewRoundStep 3 Propose"]);
  expect(play([prevote(3, 1, null)], state).told).toEqual([[]]);
});

test("a new round names its proposer by address and index", () => {
  const before = initialState(contextOf());
  const { state: after } = step(before, start);
  const [newRound] = transitionEvents({ before, input: start, after }, () => VALIDATORS);
  const index = after.context.proposerIndex(0);
  const address = Buffer.from(VALIDATORS.validators[index]?.address ?? [])
    .toString("hex")
    .toUpperCase();
  expect(newRound?.data()).toMatchObject({ value: { proposer: { address, index } } });
  const [unknown] = transitionEvents({ before, input: start, after }, () => undefined);
  expect(unknown?.data()).toMatchObject({ value: { proposer: { address: "", index: -1 } } });
});

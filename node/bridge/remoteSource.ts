import type { BridgeState } from "#bridge/evm/bridgeClient.ts";
import { hashOfStep, nextStepAfter, type RelaySource } from "#bridge/relayer.ts";
import { type BridgeStep, stepName } from "#bridge/steps.ts";
import type { BridgeDomain } from "#bridge/typedData.ts";
import type { ValsetMember } from "#bridge/valset.ts";
import { stepFromJson } from "./stepJson.ts";

/** `GET /bridge/steps` of a full node, checked: whoever answers is believed nothing that the contract would not refuse. */
export interface RemoteSteps {
  readonly domain: BridgeDomain;
  readonly steps: readonly BridgeStep[];
  readonly signatures: ReadonlyMap<string, readonly Uint8Array[]>;
}

/** Undefined for what no node of this program answers. */
export async function readRemoteSteps(json: unknown): Promise<RemoteSteps | undefined> {
  if (typeof json !== "object" || json === null) return undefined;
  const { chainId, contract, ledgerId, steps } = json as Partial<Record<string, unknown>>;
  if (typeof chainId !== "string" || !/^[1-9][0-9]{0,18}$/.test(chainId)) return undefined;
  if (typeof contract !== "string" || !/^0x[0-9a-f]{40}$/.test(contract)) return undefined;
  if (typeof ledgerId !== "string" || !/^[0-9a-f]{64}$/.test(ledgerId) || !Array.isArray(steps)) return undefined;
  const read: BridgeStep[] = [];
  const signatures = new Map<string, readonly Uint8Array[]>();
  for (const one of steps as readonly Partial<Record<string, unknown>>[]) {
    const members = membersOf(one?.members);
    const nextMembers = membersOf(one?.nextMembers);
    const step = await stepFromJson(one, async (number) => {
      const own = `${number}` === one.set ? members : nextMembers;
      return own && { number, height: 0, members: own };
    });
    if (step === undefined || !Array.isArray(one.signatures)) return undefined;
    read.push(step);
    const texts = one.signatures.filter((text) => typeof text === "string" && /^[0-9a-f]{128}$/.test(text));
    signatures.set(
      stepName(step),
      texts.map((text: string) => new Uint8Array(Buffer.from(text, "hex"))),
    );
  }
  const domain = { chainId: BigInt(chainId), contract, ledgerId: new Uint8Array(Buffer.from(ledgerId, "hex")) };
  return { domain, steps: read, signatures };
}

/** Asks the node anew at each look, for the step that the contract has last, to be compared, and for those behind it. */
export function remoteSource(load: (head: BridgeState) => Promise<RemoteSteps>): RelaySource {
  let known: RemoteSteps | undefined;
  return {
    async after(state: BridgeState) {
      known = await load(state);
      return nextStepAfter(known.steps, state);
    },
    anchorHash: async (seq) => known && hashOfStep(known.steps, seq),
    signatures: async (step) => known?.signatures.get(stepName(step)) ?? [],
    confirmed: () => undefined,
  };
}

function membersOf(json: unknown): readonly ValsetMember[] | undefined {
  if (!Array.isArray(json) || json.length > 256) return undefined;
  const members: ValsetMember[] = [];
  for (const member of json as readonly { readonly address?: unknown; readonly power?: unknown }[]) {
    const { address, power } = member ?? {};
    if (typeof address !== "string" || !/^0x[0-9a-f]{40}$/.test(address)) return undefined;
    if (typeof power !== "string" || !/^[1-9][0-9]{0,18}$/.test(power)) return undefined;
    members.push({ address, power: BigInt(power) });
  }
  return members;
}

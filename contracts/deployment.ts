import { concat, type Interface } from "ethers";
import { encodeValset, type ValsetMember } from "#bridge/valset.ts";
import { Bridge } from "./abi/Bridge.ts";
import { DataMarketplace } from "./abi/DataMarketplace.ts";
import { DeviceRegistry } from "./abi/DeviceRegistry.ts";
import { EnergyMarket } from "./abi/EnergyMarket.ts";
import { FingerprintRegistry } from "./abi/FingerprintRegistry.ts";
import { Flexibility } from "./abi/Flexibility.ts";
import { LedgerReader } from "./abi/LedgerReader.ts";
import { Outbox } from "./abi/Outbox.ts";
import { PaymentChannel } from "./abi/PaymentChannel.ts";

/** What the contracts of one ledger are made with; it never changes afterwards. */
export interface DeploymentTerms {
  /** `ledgerIdOf` the ledger's genesis, 32 bytes. */
  readonly ledgerId: Uint8Array;
  /** The first height that can be anchored. */
  readonly initialHeight: number;
  /** Seconds between two changes of the validator set; at most a week. */
  readonly minRotationDelay: number;
  /** The validators' second keys at that height. */
  readonly members: readonly ValsetMember[];
  /** Recovers the bridge, gives and takes roles: a multisig. 0x and hex. */
  readonly owner: string;
  /** Gets the energy market's tax, until its owner announces another. 0x and hex. */
  readonly treasury: string;
  /** Address of the ledger account that holds the energy that is offered, 20 bytes. */
  readonly microgrid: Uint8Array;
}

/** Addresses by the contract's name, 0x and hex. */
export type Addresses = Readonly<Record<string, string>>;

/** How one contract is made. */
export interface Deployable {
  readonly name: string;
  readonly interface: Interface;
  /** Those whose addresses its constructor takes. */
  readonly needs: readonly string[];
  /** It tells the ledger something, and so needs the outbox's EMITTER_ROLE. */
  readonly isEmitter: boolean;
  /** Bytecode and arguments, 0x and hex. @throws BridgeError as encodeValset */
  readonly creation: (terms: DeploymentTerms, at: Addresses) => string;
}

/** Every contract of a ledger, each behind those that it needs. */
export const DEPLOYABLES: readonly Deployable[] = [
  deployable(Bridge, [], ({ ledgerId, initialHeight, minRotationDelay, members, owner }) => [
    ledgerId,
    initialHeight,
    minRotationDelay,
    encodeValset(members),
    owner,
  ]),
  deployable(Outbox, [], ({ owner }) => [owner]),
  deployable(PaymentChannel, [], () => []),
  deployable(FingerprintRegistry, ["Bridge"], (_, [bridge]) => [bridge]),
  deployable(LedgerReader, ["Bridge"], (_, [bridge]) => [bridge]),
  deployable(DataMarketplace, ["Bridge"], ({ owner }, [bridge]) => [owner, bridge]),
  emitter(EnergyMarket, ["LedgerReader", "Outbox"], ({ owner, treasury, microgrid }, [reader, outbox]) => [
    owner,
    treasury,
    reader,
    outbox,
    microgrid,
  ]),
  emitter(Flexibility, ["LedgerReader", "Outbox"], ({ owner }, [reader, outbox]) => [reader, outbox, owner]),
  emitter(DeviceRegistry, ["LedgerReader", "Outbox"], ({ owner }, [reader, outbox]) => [reader, outbox, owner]),
];

/** Those that can be made next, side by side: none once all are there. */
export function nextToDeploy(there: Addresses): readonly Deployable[] {
  return DEPLOYABLES.filter(({ name, needs }) => there[name] === undefined && needs.every((each) => there[each]));
}

/** The addresses that it needs, in their order; one that is missing is found out by the encoding. */
type Needed = readonly [first: string, second: string];

/** What the constructor takes: checked against the ABI when it is encoded, and every one of them in deploy.test.ts. */
type Arguments = (terms: DeploymentTerms, needed: Needed) => readonly unknown[];

function deployable(
  type: { readonly name: string; readonly interface: Interface; readonly bytecode: string },
  needs: readonly string[],
  args: Arguments,
  isEmitter = false,
): Deployable {
  const { name, interface: contractInterface, bytecode } = type;
  return {
    ...{ name, interface: contractInterface, needs, isEmitter },
    creation(terms, at) {
      const [first = "", second = ""] = needs.map((each) => at[each]);
      return concat([bytecode, contractInterface.encodeDeploy(args(terms, [first, second]))]);
    },
  };
}

function emitter(type: Parameters<typeof deployable>[0], needs: readonly string[], args: Arguments): Deployable {
  return deployable(type, needs, args, true);
}

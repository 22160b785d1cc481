import type { Plan } from "./plan.ts";
import { type ClientTx, clientTx, doubleSpendOf, powerChange } from "./workload.ts";
import type { World } from "./world.ts";

/** The people outside: they sign transactions and give them to nodes again and again until they see them take effect. */
export interface Clients {
  start(world: World): void;
  /** The regulator wants this power from now on. */
  changePower(validator: number, power: number): void;
  /** What a signed transaction registers; undefined when no client signed it. */
  registeredBy(txId: string): bigint | undefined;
  /** Numbers of transactions that did not take effect yet. */
  waiting(): readonly number[];
  /** Changes of a validator's power that took effect. */
  powerChanges(): number;
}

/** How often clients look, and how many of their waiting transactions they give to a node each time. */
const TICK_MS = 250;
const PER_TICK = 3;

/** A client that spends one output twice gives the two transactions to different nodes. */
const DOUBLE_SPEND_RATE = 0.4;

/** A wish of a client: one of these transactions shall take effect. */
interface Wish {
  readonly dueMs: number;
  readonly ways: readonly ClientTx[];
  /** A change of power may become impossible, when a validator has been excluded meanwhile. */
  readonly isCertain: boolean;
}

export function startClients(plan: Plan): Clients {
  const wishes: Wish[] = [];
  const known = new Map<string, bigint>();
  let world: World | undefined;
  let changes = 0;

  function wish(dueMs: number, ways: readonly ClientTx[], isCertain: boolean): void {
    wishes.push({ dueMs, ways, isCertain });
    for (const { id, registeredMwh } of ways) known.set(id, registeredMwh);
  }

  const isDone = ({ ways }: Wish): boolean => ways.some(({ id }) => world?.invariants.isCommitted(id) === true);

  return {
    start(own) {
      world = own;
      const random = own.randomOf("clients");
      const kind = plan.fatTx ? "fat" : "lean";
      for (let index = 0; index < plan.txs; index++) {
        const other = random.chance(DOUBLE_SPEND_RATE) ? doubleSpendOf(index, kind) : undefined;
        const ways = other === undefined ? [clientTx(index, kind)] : [clientTx(index, kind), other];
        wish((0.9 * plan.healMs * (index + 1)) / plan.txs, ways, true);
      }
      const tick = (): void => {
        own.schedule(TICK_MS, tick);
        const due = wishes.filter((each) => each.dueMs <= own.nowMs() && !isDone(each)).slice(0, PER_TICK);
        for (const { ways } of due)
          for (const { tx } of ways) {
            const node = random.pick(own.nodes);
            if (node.isUp) node.receiveTx(undefined, tx);
          }
      };
      tick();
    },

    changePower(validator, power) {
      wish(world?.nowMs() ?? 0, [powerChange(changes++, validator, power)], false);
    },

    registeredBy: (txId) => known.get(txId),
    powerChanges: () => wishes.filter((each) => !each.isCertain && isDone(each)).length,
    waiting: () => wishes.flatMap((each, index) => (isDone(each) || !each.isCertain ? [] : [index])),
  };
}

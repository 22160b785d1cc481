import { type Client, type QueryOptions, types } from "cassandra-driver";
import { isRaced } from "./cassandraErrors.ts";
import type { LeaseState, LeaseTable } from "./cassandraLease.ts";
import { statementsOf, WRITER } from "./cassandraSchema.ts";

const { consistencies } = types;
/** Sees also what a conditional write that broke off has half done, and ends it. */
const SERIAL: QueryOptions = { prepare: true, consistency: consistencies.localSerial, isIdempotent: true };
const CONDITIONAL: QueryOptions = {
  prepare: true,
  consistency: consistencies.localQuorum,
  serialConsistency: consistencies.localSerial,
};

/** The one row of the table `writer`. */
export function leaseTable(client: Client, keyspace: string): LeaseTable {
  const cql = statementsOf(keyspace);

  async function read(): Promise<LeaseState> {
    const { rows } = await client.execute(cql.writer, [WRITER], SERIAL);
    const row = rows[0];
    const [holder, wanted] = [row?.holder ?? null, row?.wanted ?? null];
    return { version: BigInt(row?.version ?? 0), epoch: BigInt(row?.epoch ?? 0), holder, wanted };
  }

  return {
    read,

    async swap(next) {
      const { version, epoch, holder, wanted } = next;
      try {
        const parameters = [version, epoch, holder, wanted, WRITER, version - 1n];
        return (await client.execute(cql.takeTurn, parameters, CONDITIONAL)).wasApplied();
      } catch (error) {
        if (!isRaced(error)) throw error;
        // Names of writers are in every change but a release, which its holder alone makes: a row like this one is this one.
        const now = await read();
        return now.version === version && now.epoch === epoch && now.holder === holder && now.wanted === wanted;
      }
    },
  };
}

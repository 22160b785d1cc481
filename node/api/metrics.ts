import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/**
 * Every metric of a node, built before the parts that use them and passed to each part as its own group.
 * Names are `ledger_<part>_<noun>_<unit>`, in seconds and bytes; process metrics (resident memory, processor time, event loop lag, open
 * files) come from prom-client under its own names.
 */
export type Metrics = ReturnType<typeof createMetrics>;

const SECONDS_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const seconds = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram({ name, help, labelNames, buckets: SECONDS_BUCKETS, registers });

  return {
    registry,
    consensus: {
      height: gauge("ledger_consensus_height", "Height of the latest committed block"),
      round: gauge("ledger_consensus_round", "Round at the height being decided"),
      validators: gauge("ledger_consensus_validators", "Validators in the current set"),
      missedPrecommits: counter("ledger_consensus_missed_precommits_total", "Absent signatures in commits", [
        "validator",
      ]),
      evidence: counter("ledger_consensus_evidence_total", "Pieces of evidence committed"),
      blockInterval: seconds("ledger_consensus_block_interval_seconds", "Time between the times of two blocks"),
      blockTxs: counter("ledger_consensus_block_txs_total", "Transactions in committed blocks"),
      blockBytes: counter("ledger_consensus_block_bytes_total", "Bytes of committed blocks"),
      rejectedTxs: counter("ledger_consensus_rejected_txs_total", "Transactions in blocks that took no effect"),
      applySeconds: seconds("ledger_consensus_apply_seconds", "Execution and storing of one block"),
    },
    mempool: {
      txs: gauge("ledger_mempool_txs", "Transactions waiting"),
      bytes: gauge("ledger_mempool_bytes", "Bytes of waiting transactions"),
      added: counter("ledger_mempool_added_txs_total", "Transactions taken in"),
      refused: counter("ledger_mempool_refused_txs_total", "Transactions refused", ["code"]),
    },
    network: {
      peers: gauge("ledger_network_peers", "Connected peers"),
      received: counter("ledger_network_received_bytes_total", "Bytes received", ["protocol"]),
      sent: counter("ledger_network_sent_bytes_total", "Bytes sent", ["protocol"]),
      refused: counter("ledger_network_refused_messages_total", "Messages refused before they were forwarded", [
        "code",
      ]),
    },
    verifier: {
      checks: counter("ledger_verifier_checks_total", "Signatures checked"),
      cached: counter("ledger_verifier_cached_total", "Signature checks answered from the cache"),
      batchSeconds: seconds("ledger_verifier_batch_seconds", "One batch, with its way to the worker and back"),
    },
    store: {
      blockBytes: gauge("ledger_store_block_bytes", "Bytes of the blocks this node stored"),
      batchSeconds: seconds("ledger_store_batch_seconds", "One synchronous batch"),
      walSyncSeconds: seconds("ledger_store_wal_sync_seconds", "One synchronisation of the write-ahead log"),
    },
    bridge: {
      planned: gauge("ledger_bridge_anchors", "Anchors that this node has planned"),
      pending: gauge("ledger_bridge_pending_steps", "Anchors and rotations that Ethereum does not have for good"),
      relayState: gauge("ledger_bridge_relay_state", "1 for what the relayer does or why it does nothing", ["state"]),
      observerState: gauge("ledger_bridge_observer_state", "1 for what the observer of the outbox does", ["state"]),
      balanceEther: gauge("ledger_bridge_relayer_ether", "Balance of the relayer's account when it last paid"),
      fault: gauge("ledger_bridge_fault", "1 while this node plans or signs no further"),
    },
    readings: {
      backlog: gauge("ledger_readings_backlog_batches", "Batches of the log that wait for the queue or the store"),
      forwarded: counter("ledger_readings_forwarded_total", "Readings handed over to the queue or the store"),
      away: gauge("ledger_readings_away", "1 while the queue or the store does not answer"),
    },
    api: {
      requestSeconds: seconds("ledger_api_request_seconds", "REST requests", ["method", "route", "status"]),
      eventClients: gauge("ledger_api_event_clients", "Open event streams"),
      eventClientsDropped: gauge(
        "ledger_api_event_clients_dropped_total",
        "Event streams closed because the client read too slowly",
      ),
    },
  };
}

import type { RunningNet } from "./net.ts";
import type { EthereumReport } from "./netEthereum.ts";
import type { LightView, NodeView } from "./observe.ts";
import { type DevnetReport, percentile, sorted } from "./report.ts";
import { formatBytes, formatTable } from "./view.ts";

/** What was last seen of every node, by its name, and of Ethereum. */
export interface Look {
  readonly views: ReadonlyMap<string, NodeView>;
  readonly lights: ReadonlyMap<string, LightView>;
  readonly rss: ReadonlyMap<string, number>;
  readonly ethereum?: EthereumReport;
}

/** The live table. `limit`: seconds after which it ends. */
export function frame(net: RunningNet, look: Look, seconds: number, limit: number | undefined): string {
  const { views, lights, rss, ethereum } = look;
  const rows = net.nodes.map(({ name, apiUrl, rpcUrl = "", process }) => {
    const view = views.get(name);
    const light = lights.get(name);
    return [
      name,
      view === undefined ? "–" : String(view.height),
      view === undefined ? "–" : String(view.round),
      view === undefined ? "–" : String(view.peers),
      light === undefined ? "" : String(light.transactions?.finalised ?? 0),
      light === undefined
        ? ""
        : `${light.proofsVerified}${light.proofsFailed > 0 ? ` (${light.proofsFailed} failed)` : ""}`,
      light === undefined ? "" : `${percentile(sorted(light.finalitySeconds), 0.5).toFixed(2)} s`,
      formatBytes(rss.get(name) ?? 0),
      apiUrl,
      process.restarts() > 0 ? `${rpcUrl}  (restarted ${process.restarts()}×)` : rpcUrl,
    ];
  });
  const head = `${net.chainId}  ${seconds.toFixed(0)} s${limit === undefined ? "  Ctrl-C ends" : ` of ${limit}`}`;
  const [first] = net.nodes;
  const docs = `OpenAPI page: ${first?.apiUrl}/docs  BigchainDB: ${first?.bigchainUrl}`;
  const header = ["NODE", "HEIGHT", "ROUND", "PEERS", "FINAL TXS", "PROOFS", "FINALITY", "MEMORY", "API", "RPC"];
  const table = `${head}\n${formatTable(header, rows)}\n${docs}`;
  return ethereum === undefined ? table : `${table}\n${ethereumLine(ethereum)}`;
}

/** `Ethereum http://127.0.0.1:40123  block 41, anchored to block 88 by 5 anchors, relayer idle` */
function ethereumLine({ state, block, anchors, anchoredHeight, relayer, fault, node }: EthereumReport): string {
  const progress =
    state === "settingUp"
      ? "binding keys, deploying contracts"
      : `anchored to block ${anchoredHeight} by ${anchors} anchors, relayer ${relayer === "" ? "–" : relayer}`;
  return `Ethereum ${node}  block ${block}, ${progress}${fault === "" ? "" : `  FAULT: ${fault}`}`;
}

/** What a run was, in some lines. */
export function summary(report: DevnetReport): string {
  const { transactions, readings, finalitySeconds } = report;
  const lines = [
    `agreement      ${report.agreement ? "every node holds the same chain" : "NODES DIFFER"}, ${report.blocks} blocks`,
    `transactions   ${transactions.sent} sent, ${transactions.finalised} finalised, ${transactions.rejected} rejected`,
    `readings       ${readings.queued} queued, ${readings.durable} durable, ${readings.fingerprinted} fingerprinted, ${readings.finalised} finalised`,
    `finality       p50 ${finalitySeconds.p50} s, p99 ${finalitySeconds.p99} s (sent until verified on the light node)`,
    ...report.light.map(
      (light) =>
        `${light.name.padEnd(14)} ${light.headers} headers, ${light.bytesPerBlock} B each; ${light.proofsVerified} proofs verified, ${light.proofsFailed} failed; ${formatBytes(light.rssBytes)}`,
    ),
    ...report.full.map(
      (full) => `${full.name.padEnd(14)} ${formatBytes(full.blockBytes)} of blocks, ${formatBytes(full.rssBytes)}`,
    ),
  ];
  if (report.ethereum !== undefined) {
    const { anchors, anchoredHeight, gas, contracts, block, fault } = report.ethereum;
    lines.push(
      `Ethereum       ${Object.keys(contracts).length} contracts, ${gas.deployment} gas; ${anchors} anchors up to block ${anchoredHeight}, ${gas.anchors} gas; block ${block}${fault === "" ? "" : `; FAULT: ${fault}`}`,
    );
  }
  if (report.data !== undefined) {
    const { rows, accepted, duplicates, rejected, fileWh, finalisedWh } = report.data;
    const reasons = Object.entries(rejected).filter(([, rejectedRows]) => rejectedRows > 0);
    lines.push(
      `rows           ${rows}: ${accepted} accepted, ${duplicates} duplicates, ${reasons.map(([reason, n]) => `${n} ${reason}`).join(", ") || "none rejected"}`,
      `energy         ${fileWh} Wh in the file, ${finalisedWh} Wh finalised`,
    );
  }
  return lines.join("\n");
}

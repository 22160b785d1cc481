#!/usr/bin/env node
import { Command } from "commander";
import { formatTable } from "../view.ts";
import { type GasReport, measureGas } from "./gasReport.ts";
import { say } from "./say.ts";

const flags = new Command("bench:gas")
  .description("Gas of anchors and proofs against their budgets, and D5.1's own figures by formula and measurement")
  .option("--json", "one JSON object on standard output", false)
  .parse()
  .opts<{ json: boolean }>();

const report = await measureGas({}, say);
say("");
process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : textOf(report));
process.exitCode = report.exceeded.length === 0 ? 0 : 1;

function textOf({ anchors, proofs, intervals, naive, d51, days, contracts, exceeded }: GasReport): string {
  const whole = (value: number) => Math.round(value).toLocaleString("en").replaceAll(",", " ");
  const tables = [
    formatTable(
      ["validators", "signatures", "anchor", "budget", "rotation", "call data B"],
      anchors.map((one) =>
        [one.validators, one.signatures, one.anchor, one.budget, one.rotation, one.calldataBytes].map(whole),
      ),
    ),
    formatTable(
      ["transactions", "path", "walk", "verifyTx", "consumeTx", "call data B"],
      proofs.map((one) => [one.txs, one.depth, one.walk, one.verifyTx, one.consumeTx, one.calldataBytes].map(whole)),
    ),
    formatTable(
      ["intervals in one transaction", "bytes", "verifyInterval", "whole transaction"],
      intervals.map((one) => [one.intervals, one.txBytes, one.verifyInterval, one.wholeTx].map(whole)),
    ),
    formatTable(
      ["naive contract", "register", "1 KB stored", "1 KB hashed"],
      naive.map((one) => [one.hardfork, whole(one.register), whole(one.kilobyteStored), whole(one.kilobyteHashed)]),
    ),
    formatTable(
      ["T_i", "naive gas", "EUR", "anchored gas", "EUR", "ratio"],
      days.map((day) => [
        `${day.intervalMinutes} min`,
        whole(day.naiveGas),
        day.naiveEur.toFixed(2),
        whole(day.anchoredGas),
        day.anchoredEur.toFixed(4),
        whole(day.ratio),
      ]),
    ),
    ...contracts.map(({ contract, calls }) =>
      formatTable(
        [contract, "gas"],
        calls.map(({ call, gas }) => [call, whole(gas)]),
      ),
    ),
  ];
  const d51Lines = [
    `D5.1: ${whole(d51.gasPerKb)} gas/KB, ${d51.eurPerKb.toFixed(4)} EUR/KB, ${whole(d51.eurPerGb)} EUR/GB; measured ${whole(d51.measuredGasPerKb)} gas/KB, ${d51.measuredEurPerKb.toFixed(4)} EUR/KB`,
    `2000 prosumers, shortest T_i in 2019: ${d51.minimumMinutes2019.toFixed(2)} min by formula, ${d51.minimumMinutes2019Measured.toFixed(2)} min with ${d51.perBlock2019} registrations a block as filled (D5.1: 9); today ${d51.minimumMinutesToday.toFixed(2)} min`,
  ];
  const verdict = exceeded.length === 0 ? "all within budget" : exceeded.join("\n");
  return `${[...tables, ...d51Lines, verdict].join("\n")}\n`;
}

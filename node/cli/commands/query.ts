import type { Command } from "commander";
import type { MessageView } from "../../api/transactionJson.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, paint, printable, show, table } from "../output.ts";
import { readAllPages } from "../pages.ts";
import { formatEnergy, parseHex, parseOutputPointer } from "../quantities.ts";
import { queryMeterRecords } from "./queryMeterRecords.ts";

interface TxAnswer {
  readonly txId: string;
  readonly height: number;
  readonly index: number;
  readonly time: string;
  readonly result: { readonly code: number; readonly log: string };
  readonly messages: readonly MessageView[];
  readonly signers: readonly { readonly account: string }[];
  readonly memo: string;
}

interface BlockAnswer {
  readonly blockId: { readonly hash: string };
  readonly sizeBytes: number;
  readonly header: Readonly<Record<string, unknown>> & { readonly height: number; readonly time: string };
  readonly txs: readonly { readonly txId: string; readonly sizeBytes: number }[];
}

interface OutputAnswer {
  readonly txId: string;
  readonly outputIndex: number;
  readonly amountMwh: string;
  readonly lock: { readonly threshold: number; readonly accounts: readonly string[] };
  readonly spentBy: string | null;
}

interface SpendableAnswer {
  readonly output: string;
  readonly amountMwh: string;
  readonly quantity: string;
  readonly lock: { readonly threshold: number; readonly accounts: readonly string[] };
}

interface AssetAnswer {
  readonly output: OutputAnswer;
  readonly complete: boolean;
  readonly steps: readonly {
    readonly txId: string;
    readonly height: number;
    readonly type: string;
    readonly meterId?: string;
    readonly inputs: readonly string[];
    readonly outputs: readonly { readonly amountMwh: string }[];
  }[];
}

export function queryCommand(program: Command, io: CliIo): void {
  const query = program
    .command("query")
    .description("Read what is on the ledger")
    .addHelpText("after", example("query block latest"));

  query
    .command("tx")
    .description("A transaction, its messages and its result")
    .argument("<txid>", "64 hexadecimal digits")
    .addHelpText("after", example(`query tx ${"6f".repeat(32)}`))
    .action(async (txId: string, _flags: object, command: Command) => {
      parseHex(txId, 32, "the transaction id");
      const { json, client } = commandContext(io, command);
      const tx = await client().get<TxAnswer>(`/transactions/${txId}`);
      show(io, json, tx, () => {
        const took = tx.result.code === 0;
        const head = facts([
          ["transaction", tx.txId],
          ["block", `${tx.height}, position ${tx.index}`],
          ["time", tx.time],
          [
            "result",
            took
              ? paint(io, "green", "took effect")
              : paint(io, "red", `code ${tx.result.code}: ${printable(tx.result.log)}`),
          ],
          ["signed by", tx.signers.map((signer) => signer.account).join(", ")],
          ["memo", tx.memo === "" ? undefined : printable(tx.memo)],
        ]);
        return head + tx.messages.map((message) => `\n${message.type}\n${messageFacts(message)}`).join("");
      });
    });

  query
    .command("block")
    .description("A block by height, by hash, or the latest")
    .argument("[at]", "height, hash or latest", "latest")
    .addHelpText("after", example("query block 12"))
    .action(async (at: string, _flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const block = await client().get<BlockAnswer>(`/blocks/${encodeURIComponent(at)}`);
      show(io, json, block, () => {
        const head = facts([
          ["height", block.header.height],
          ["hash", block.blockId.hash],
          ["time", block.header.time],
          ["app hash", String(block.header.appHash)],
          ["proposer", String(block.header.proposerAddress)],
          ["bytes", block.sizeBytes],
        ]);
        return `${head}\n${table(
          ["TRANSACTION", "BYTES"],
          block.txs.map((tx) => [tx.txId, tx.sizeBytes]),
        )}`;
      });
    });

  viewCommand(query, io, {
    name: "meter",
    argument: "meter id",
    description: "A meter: owner, device key, last interval and totals",
    path: (id) => `/meters/${encodeURIComponent(id)}`,
    example: "query meter MAC000002",
  });
  viewCommand(query, io, {
    name: "account",
    argument: "bech32 account or 34-character identity",
    description: "An account: role, number and sequence",
    path: (account) => `/accounts/${encodeURIComponent(account)}`,
    example: "query account edream1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu",
  });
  viewCommand(query, io, {
    name: "output",
    argument: "TXID:INDEX",
    description: "An energy output: amount, lock, and what spent it",
    path: outputPath("outputs"),
    example: `query output ${"6f".repeat(32)}:0`,
  });

  queryMeterRecords(query, io);

  query
    .command("outputs")
    .description("Energy that an account can spend")
    .argument("<account>", "bech32 account or 34-character identity")
    .addHelpText("after", example("query outputs edream1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu"))
    .action(async (account: string, _flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const path = `/accounts/${encodeURIComponent(account)}/outputs`;
      const outputs = await readAllPages<SpendableAnswer>(client(), path, "outputs");
      show(io, json, { outputs }, () => {
        const rows = outputs.map(({ output, amountMwh, quantity, lock }) => [
          output,
          formatEnergy(BigInt(amountMwh)),
          quantity,
          `${lock.threshold} of ${lock.accounts.length}`,
        ]);
        return table(["OUTPUT", "ENERGY", "QUANTITY", "SIGNERS"], rows);
      });
    });

  query
    .command("asset")
    .description("An energy asset's provenance, from an output back to its registrations")
    .argument("<output>", "TXID:INDEX")
    .addHelpText("after", example(`query asset ${"6f".repeat(32)}:0`))
    .action(async (output: string, _flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const asset = await client().get<AssetAnswer>(`${outputPath("assets")(output)}`);
      show(io, json, asset, () => {
        const { amountMwh, lock, spentBy } = asset.output;
        const head = facts([
          ["energy", formatEnergy(BigInt(amountMwh))],
          ["locked to", `${lock.threshold} of ${lock.accounts.join(", ")}`],
          ["spent by", spentBy ?? "nobody yet"],
          ["history", asset.complete ? "complete" : "older steps are not shown"],
        ]);
        const rows = asset.steps.map((step) => [
          step.height,
          step.type === "MsgRegisterEnergy" ? `registered from ${printable(step.meterId ?? "")}` : "transferred",
          formatEnergy(step.outputs.reduce((sum, item) => sum + BigInt(item.amountMwh), 0n)),
          step.txId,
        ]);
        return `${head}\n${table(["BLOCK", "STEP", "ENERGY", "TRANSACTION"], rows)}`;
      });
    });
}

function outputPath(collection: string): (text: string) => string {
  return (text) => {
    const { txId, outputIndex } = parseOutputPointer(text);
    return `/${collection}/${Buffer.from(txId).toString("hex")}/${outputIndex}`;
  };
}

/** A query whose answer is one flat object. */
function viewCommand(
  query: Command,
  io: CliIo,
  view: {
    readonly name: string;
    readonly argument: string;
    readonly description: string;
    readonly path: (argument: string) => string;
    readonly example: string;
  },
): void {
  query
    .command(view.name)
    .description(view.description)
    .argument(`<${view.name}>`, view.argument)
    .addHelpText("after", example(view.example))
    .action(async (argument: string, _flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const answer = await client().get<Record<string, unknown>>(view.path(argument));
      show(io, json, answer, () => messageFacts(answer));
    });
}

function messageFacts(fields: Readonly<Record<string, unknown>>): string {
  return facts(
    Object.entries(fields)
      .filter(([name]) => name !== "type")
      .map(([name, value]) => [name, printable(typeof value === "string" ? value : JSON.stringify(value))]),
  );
}

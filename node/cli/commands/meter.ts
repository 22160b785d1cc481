import { type Command, Option } from "commander";
import { DEFAULT_FUSE_W } from "../../meter/deviceRules.ts";
import { INPUT_TYPES } from "../../meter/inputTypes.ts";
import { type InputEntry, loadMetersFile, saveMetersFile } from "../../meter/metersFile.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import { loadGenesisChainId } from "../genesisChainId.ts";
import type { CliIo } from "../io.ts";
import { type AddFlags, checkFlags, enrol, ledgerMeters, newDevices, newEntry, parseWait } from "../meterAdd.ts";
import { enrolCommand, enrolmentOf, meterKeyOf } from "../meterEnrolment.ts";
import { type Heard, listenTo } from "../meterPairing.ts";
import { readingJson, readingTable } from "../meterReadings.ts";
import { facts, printable, show, table } from "../output.ts";
import { unsealedCommand } from "./meterUnsealed.ts";
import { collect } from "./submitFlags.ts";

export function meterCommand(program: Command, io: CliIo): void {
  const meter = program
    .command("meter")
    .description("Connections to meters of this home (`meters` is about those on the ledger)")
    .addHelpText("after", example("meter add", "meter list"));

  meter
    .command("add")
    .description(
      "Connect a meter: listens until it is heard, writes meters.json, makes its key and says how it is enrolled",
    )
    .addOption(new Option("--type <type>", "how it is connected").choices(Object.keys(INPUT_TYPES)))
    .option("--name <name>", "name of the connection (default: its type)")
    .option("--options <json>", "options of the connection as JSON")
    .option("--set <path=value>", "one of its options, may be given several times", collect, [])
    .option("--device <id>", "device id, or the beginning of ids and * (default: every device that is heard)")
    .option("--zone <zone>", "time zone of the connection, like Europe/Rome (default: that of this computer)")
    .option("--fuse-w <watts>", `power of the connection's fuse, W (default: ${DEFAULT_FUSE_W})`)
    .option("--every <duration>", "keep a reading of each series this often, like 10s (default: all)")
    .option("--wait <duration>", "listen for so long", "60s")
    .option("--no-listen", "write it down without having heard the meter; needs --device")
    .option("--owner <account>", "member who owns the meter (default: the prosumer key of this home)")
    .option("--enrol-with <key>", "enrol the meter now, with this key of a grid operator or regulator")
    .addHelpText(
      "after",
      example(
        "meter add",
        "meter add --type dsmr --set connection.type=tcp --set connection.host=192.168.1.20 --set connection.port=23",
      ),
    )
    .action(async (flags: AddFlags, command: Command) => {
      const context = commandContext(io, command);
      checkFlags(flags);
      loadGenesisChainId(context.paths);
      const file = await loadMetersFile(context.paths.meters);
      const entry = await newEntry(io, flags, file.inputs);
      if (!flags.listen && flags.device === undefined)
        throw cliError(
          "usage",
          "METER_DEVICE_MISSING",
          "which device is it?",
          "name it with --device, or leave out --no-listen",
        );
      const waitMs = parseWait(flags.wait);
      if (flags.listen && !context.json) io.err(`Listening to ${entry.name} …\n`);
      const heard: Heard = flags.listen ? await listenTo(entry, waitMs, io.nowMs) : { readings: [], rejected: {} };
      if (!context.json && flags.listen) io.err(readingTable(heard.readings));

      const devices = await newDevices(io, flags, heard, file.devices);
      const meterIds = ledgerMeters(heard.readings, devices);
      const { key, isNew } = await meterKeyOf(context);
      const enrolments = meterIds.map((meterId) => enrolmentOf(context, key, meterId, flags.owner));
      await saveMetersFile(context.paths.meters, {
        ...file,
        inputs: [...file.inputs, entry],
        devices: [...file.devices.filter(({ device }) => !devices.some((each) => each.device === device)), ...devices],
      });
      const sent = flags.enrolWith === undefined ? undefined : await enrol(context, enrolments, flags.enrolWith);
      const unread = whyUnread(context);
      const view = {
        input: { name: entry.name, type: entry.type },
        devices: devices.map(({ device }) => device),
        readings: heard.readings.map(readingJson),
        meters: enrolments,
        ...(sent === undefined ? { enrol: enrolments.map(enrolCommand) } : { enrolled: sent }),
        keyCreated: isNew,
        file: context.paths.meters,
        ...(unread === undefined ? {} : { note: unread }),
      };
      show(io, context.json, view, () => {
        const nothing = "this meter shows nothing that is counted: its values are kept, and nothing is sealed";
        const next =
          sent === undefined
            ? `\nA grid operator or regulator lets the ledger accept them:\n${enrolments.map((each) => `  ${enrolCommand(each)}\n`).join("")}`
            : "";
        return `${facts([
          ["connection", `${entry.name} (${entry.type})`],
          ...devices.map(({ device }) => ["device", printable(device)] as const),
          ...meterIds.map((meterId) => ["sealed as", printable(meterId)] as const),
          ["note", meterIds.length === 0 && flags.listen ? nothing : undefined],
          ["key", isNew ? `${context.options.meterKey}, made now: keep a copy of ${context.paths.keys}` : undefined],
          ["written to", context.paths.meters],
          ["note", unread],
          ["next", "start the node again, so that it reads this meter"],
        ])}${enrolments.length === 0 ? "" : next}`;
      });
    });

  meter
    .command("list", { isDefault: true })
    .description("Connections and devices of this home")
    .addHelpText("after", example("meter list --json"))
    .action(async (_flags: object, command: Command) => {
      const { json, paths } = commandContext(io, command);
      // A folder that is no home would look like a home without meters.
      loadGenesisChainId(paths);
      const { inputs, devices } = await loadMetersFile(paths.meters);
      const view = { inputs: inputs.map(({ name, type }) => ({ name, type })), devices };
      show(
        io,
        json,
        view,
        () =>
          `${table(
            ["CONNECTION", "TYPE"],
            inputs.map(({ name, type }) => [name, type]),
          )}\n${table(
            ["DEVICE", "FUSE W", "EVERY S", "ZONE", "CHANNELS"],
            devices.map(({ device, fuseW, everyMs, zone = "-", channels }) => [
              printable(device),
              fuseW,
              everyMs / 1000,
              zone,
              Object.entries(channels)
                .map(([suffix, treatment]) => `${suffix} ${treatment}`)
                .join(", "),
            ]),
          )}`,
      );
    });

  meter
    .command("test")
    .description("Listen to a connection until a reading is heard; nothing is kept")
    .argument("<name>", "name of the connection")
    .option("--wait <duration>", "listen for so long", "60s")
    .addHelpText("after", example("meter test dsmr"))
    .action(async (name: string, flags: { wait: string }, command: Command) => {
      const { json, paths } = commandContext(io, command);
      loadGenesisChainId(paths);
      const entry = inputNamed((await loadMetersFile(paths.meters)).inputs, name);
      const { readings, rejected } = await listenTo(entry, parseWait(flags.wait), io.nowMs);
      show(io, json, { input: name, readings: readings.map(readingJson), rejected }, () => readingTable(readings));
    });

  unsealedCommand(meter, io);

  meter
    .command("remove")
    .description("Disconnect; what was read stays, and the meter stays on the ledger until it is revoked")
    .argument("<name>", "name of the connection")
    .option("--device <id>", "remove this device's settings as well, may be given several times", collect, [])
    .addHelpText("after", example("meter remove dsmr --device dsmr:4530303434303037"))
    .action(async (name: string, flags: { device: readonly string[] }, command: Command) => {
      const { json, paths } = commandContext(io, command);
      loadGenesisChainId(paths);
      const file = await loadMetersFile(paths.meters);
      const { name: removed } = inputNamed(file.inputs, name);
      for (const device of flags.device)
        if (!file.devices.some((each) => each.device === device)) {
          const hint = "`energy-ledger meter list` shows them";
          throw cliError("notFound", "METER_DEVICE_UNKNOWN", `meters.json has no device ${device}`, hint);
        }
      await saveMetersFile(paths.meters, {
        ...file,
        inputs: file.inputs.filter((each) => each.name !== removed),
        devices: file.devices.filter(({ device }) => !flags.device.includes(device)),
      });
      show(io, json, { removed, devices: flags.device }, () =>
        facts([
          ["removed", removed],
          ["next", "start the node again; `energy-ledger meters revoke` at the grid operator ends it on the ledger"],
        ]),
      );
    });
}

function inputNamed(inputs: readonly InputEntry[], name: string): InputEntry {
  const found = inputs.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = inputs.map((each) => each.name).join(", ");
  const hint = names === "" ? "add one with `energy-ledger meter add`" : `there are: ${names}`;
  throw cliError("notFound", "METER_INPUT_UNKNOWN", `there is no connection ${name}`, hint);
}

/** What in this home keeps a node from reading meters.json. */
function whyUnread({ options: { meterSource } }: CommandContext): string | undefined {
  if (meterSource === "inputs") return undefined;
  return `config.json says meterSource ${meterSource}: take it out, or this meter is not read`;
}

import type { Command } from "commander";
import { example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { anomaliesCommand, fleetCommand } from "./analyticsAnomalies.ts";
import { costCommand } from "./analyticsCost.ts";
import { profileCommand } from "./analyticsProfile.ts";

export function analyticsCommand(program: Command, io: CliIo): void {
  const analytics = program
    .command("analytics")
    .description("What readings tell: load profiles, costs by time of use, anomalies, the fleet as a whole")
    .addHelpText("after", example("analytics profile readings.csv.gz"));
  profileCommand(analytics, io);
  costCommand(analytics, io);
  anomaliesCommand(analytics, io);
  fleetCommand(analytics, io);
}

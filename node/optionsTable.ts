import { environmentName, flagName, OPTION_NAMES, OPTION_TABLE } from "./options.ts";

/** The options as a Markdown table, as node/README.md shows it. */
export function optionsTable(): string {
  const rows = OPTION_NAMES.map((name) => {
    const { default: value, unit, description } = OPTION_TABLE[name];
    const text = Array.isArray(value) ? value.join(",") : String(value);
    const shown = text === "" ? "" : `\`${text}\``;
    return `| \`${name}\` | \`${flagName(name)}\` | \`${environmentName(name)}\` | ${shown} | ${unit} | ${description} |`;
  });
  const head = "| config.json | flag of `start` | environment | default | unit | meaning |\n|---|---|---|---|---|---|";
  return [head, ...rows].join("\n");
}

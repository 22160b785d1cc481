import { runCli } from "#node/cli/program.ts";

/** One command line in this process, with `--json`, as an operator would run it beside a node. @throws Error for any exit code but 0 */
export async function runOperator(home: string, ...args: readonly string[]): Promise<Record<string, unknown>> {
  let [out, err] = ["", ""];
  const code = await runCli([...args, "--home", home, "--json"], {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    environment: {},
    colour: false,
    fetch,
    nowMs: Date.now,
    askSecret: undefined,
    startNode: () => Promise.reject(new Error("no node is started here")),
    onInterrupt: () => () => undefined,
  });
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}

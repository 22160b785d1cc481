import type { CliIo, Prompts } from "./io.ts";

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const BACKSPACES = ["\u007f", "\b"];

/** Exit code of a process that was interrupted by SIGINT. */
const EXIT_INTERRUPTED = 130;

/** The real world: this process's streams, environment, signals and terminal. */
export function terminalIo(): CliIo {
  const { stdin, stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) stream.on("error", ignoreClosedPipe);
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    environment: env,
    colour: stdout.isTTY === true && (env.NO_COLOR ?? "") === "",
    fetch,
    nowMs: Date.now,
    askSecret: stdin.isTTY && stderr.isTTY ? askSecret : undefined,
    prompts: stdin.isTTY && stderr.isTTY ? prompts : undefined,
    startNode: async (options, parts) => {
      if (options.role === "light") (await import("../light/lightProcess.ts")).becomeLightProcess(options.home);
      // Loaded only here: every other command starts without libp2p and the database.
      const { startNode } = await import("../startNode.ts");
      const running = await startNode(options, parts);
      // A supervisor with an IPC channel may ask a light node to take no further readings.
      process.on("message", (message) => {
        if (message === "stop-metering") running.stopMetering?.();
      });
      process.channel?.unref();
      return running;
    },
    onInterrupt,
  };
}

/** Whoever read the output (`head`, say) has seen enough: no fault of the command, and no reason for a node to stop. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

/** The first signal asks the node to stop; a second one does not wait for it. A parent that started us with a channel and died counts as a signal. */
function onInterrupt(listener: () => void): () => void {
  let signals = 0;
  const interrupt = () => {
    signals++;
    if (signals > 1) process.exit(EXIT_INTERRUPTED);
    listener();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  process.on("disconnect", listener);
  return () => {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    process.off("disconnect", listener);
  };
}

/** Reads one line from the terminal in raw mode, so that nothing typed is echoed. */
async function askSecret(question: string): Promise<string> {
  const { stdin, stderr } = process;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let typed = "";
  const onData = (chunk: string) => {
    for (const character of chunk) {
      if (character === "\r" || character === "\n" || character === CTRL_D) return resolve(typed);
      if (character === CTRL_C) return reject(new Error("interrupted"));
      typed = BACKSPACES.includes(character) ? typed.slice(0, -1) : typed + character;
    }
  };
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.on("data", onData);
  stdin.resume();
  try {
    return await promise;
  } finally {
    stdin.off("data", onData);
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write("\n");
  }
}

/** On standard error, so that standard output has the answer alone. */
const prompts: Prompts = {
  async text(question, fallback) {
    const { default: input } = await import("@inquirer/input");
    const options = { message: question, required: fallback === undefined };
    return input(fallback === undefined ? options : { ...options, default: fallback }, { output: process.stderr });
  },
  async choose(question, choices) {
    const { default: select } = await import("@inquirer/select");
    const shown = choices.map(({ value, about }) => ({
      value,
      name: about === undefined ? value : `${value}: ${about}`,
    }));
    return select({ message: question, choices: shown }, { output: process.stderr });
  },
};

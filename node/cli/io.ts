import type { Logger } from "pino";
import type { NodeOptions } from "../options.ts";
import type { RunningNode } from "../runningNode.ts";

/** What a command needs of the world around it, so that tests run commands in their own process. */
export interface CliIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Colours are used when standard output is a terminal and NO_COLOR is not set. */
  readonly colour: boolean;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  /** Asks on the terminal without showing what is typed; undefined when there is no terminal. */
  readonly askSecret: ((question: string) => Promise<string>) | undefined;
  /** Questions with an answer; undefined when there is no terminal. */
  readonly prompts?: Prompts | undefined;
  readonly startNode: StartNode;
  /** Calls the listener once the process is asked to end (SIGINT, SIGTERM). */
  readonly onInterrupt: (listener: () => void) => () => void;
}

export interface Prompts {
  readonly text: (question: string, fallback?: string) => Promise<string>;
  readonly choose: (question: string, choices: readonly PromptChoice[]) => Promise<string>;
}

export interface PromptChoice {
  readonly value: string;
  readonly about?: string;
}

/** `passphrase` reads the passphrase file, or asks on the terminal. */
export type StartNode = (
  options: NodeOptions,
  parts: { readonly log: Logger; readonly passphrase: () => Promise<string> },
) => Promise<RunningNode>;

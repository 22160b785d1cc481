import { type Interface, isError, type Provider } from "ethers";
import { EvmError } from "./evmError.ts";
import { shownArgument } from "./revertWords/shared.ts";
import { REVERT_WORDS } from "./revertWords.ts";

const MAX_REASON_CHARS = 300;

/** Anybody may write to what a node answers: no more of it is shown than a line. */
const shortened = (text: string) => text.slice(0, MAX_REASON_CHARS);

/**
 * Runs what asks an Ethereum node; errors come out as EvmError, a contract's own ones by name with what they mean. Everything else is a fault of
 * this program, and is passed on.
 * @throws EvmError EVM_REVERTED, EVM_UNREACHABLE, EVM_REFUSED, EVM_ANSWER_MALFORMED, EVM_ANSWER_FALSE
 */
export async function askingEvm<T>(interfaces: readonly Interface[], body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw evmErrorOf(error, interfaces);
  }
}

export function evmErrorOf(error: unknown, interfaces: readonly Interface[]): unknown {
  if (error instanceof EvmError) return error;
  if (isError(error, "CALL_EXCEPTION")) return revertedBy(error, interfaces);
  if (isError(error, "SERVER_ERROR") || isError(error, "TIMEOUT") || isError(error, "NETWORK_ERROR")) {
    const hint = "try again, or ask another Ethereum node";
    return new EvmError({ code: "EVM_UNREACHABLE", node: "", reason: error.shortMessage, hint }, { cause: error });
  }
  // Its constructor's words are the only sign of it that the library gives.
  if (error instanceof Error && error.message.includes("the returned hash did not match"))
    return answerFalse("the node names another transaction than the one that it was given", error);
  const { code, shortMessage, error: inner } = (error ?? {}) as Record<string, unknown>;
  if (typeof code !== "string" || typeof shortMessage !== "string") return error;
  const said = (inner as { readonly message?: unknown } | undefined)?.message;
  if (["UNKNOWN_ERROR", "INSUFFICIENT_FUNDS", "NONCE_EXPIRED", "REPLACEMENT_UNDERPRICED"].includes(code)) {
    const reason = shortened(typeof said === "string" ? said : shortMessage);
    const hint = "this is what the Ethereum node says; if it is no matter of the account, ask another node";
    return new EvmError({ code: "EVM_REFUSED", reason, hint }, { cause: error });
  }
  const hint = "the Ethereum node answers what does not fit the question: ask another one";
  return new EvmError({ code: "EVM_ANSWER_MALFORMED", reason: shortened(shortMessage), hint }, { cause: error });
}

export function answerFalse(reason: string, cause?: unknown): EvmError {
  const hint = "do not trust this Ethereum node: ask another one";
  return new EvmError({ code: "EVM_ANSWER_FALSE", reason, hint }, cause === undefined ? {} : { cause });
}

function revertedBy(
  error: { readonly data: string | null; readonly reason: string | null; readonly shortMessage: string },
  interfaces: readonly Interface[],
): EvmError {
  for (const contract of interfaces) {
    const parsed = error.data === null ? null : parsedError(contract, error.data);
    if (parsed === null) continue;
    const { name, args } = parsed;
    const { reason, hint } = REVERT_WORDS[name] ?? { reason: name, hint: "contracts/README.md explains the error" };
    const inputs = contract.getError(name)?.inputs ?? [];
    const shown = inputs.map((input, i) => `${input.name}=${shownArgument(input.type, args[i])}`);
    return new EvmError({ code: "EVM_REVERTED", error: name, args: shown, reason, hint }, { cause: error });
  }
  const reason = shortened(error.reason ?? error.shortMessage);
  const hint = "check that the contracts file is the one of this chain, and that the contract is the one it names";
  return new EvmError({ code: "EVM_REVERTED", error: "", args: [], reason, hint }, { cause: error });
}

function parsedError(contract: Interface, data: string) {
  try {
    return contract.parseError(data);
  } catch {
    return null;
  }
}

/** That something is deployed at the address. A contract that is not there would take money and do nothing. @throws EvmError EVM_NO_CODE */
export async function requireCode(provider: Provider, contract: string, address: string): Promise<void> {
  const code = await askingEvm([], () => provider.getCode(address));
  if (code !== "0x") return;
  const hint =
    "take the contracts file of this chain; on a chain that was started anew the contracts have to be deployed again";
  throw new EvmError({ code: "EVM_NO_CODE", contract, address, hint });
}

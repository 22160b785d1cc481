import type { SignatureCheck, Transaction, TransactionSigner } from "#storage/types/transaction.ts";
import { signatureCheckOf } from "#storage/types/transaction.ts";

/**
 * Whether a transaction's signatures hold, each asked for once. What was signed includes the account number, which the state supplies: the
 * verdict belongs to a signer of a decoded transaction and that number together. It depends on nothing else, so that remembering it cannot
 * make nodes disagree.
 */
export class SignatureVerdicts {
  readonly #chainId: string;
  readonly #verify: (check: SignatureCheck) => boolean;
  readonly #verdicts = new WeakMap<TransactionSigner, { readonly accountNumber: bigint; readonly holds: boolean }>();

  constructor(chainId: string, verify: (check: SignatureCheck) => boolean) {
    this.#chainId = chainId;
    this.#verify = verify;
  }

  holds(tx: Transaction, signer: TransactionSigner, accountNumber: bigint): boolean {
    const known = this.#verdicts.get(signer);
    if (known?.accountNumber === accountNumber) return known.holds;
    const holds = this.#verify(signatureCheckOf(tx, signer, this.#chainId, accountNumber));
    this.#verdicts.set(signer, { accountNumber, holds });
    return holds;
  }

  /** What `holds` would still have to check. Undefined while an account is unknown: then nothing is checked at all. */
  open(
    tx: Transaction,
    accountNumberOf: (account: string) => bigint | undefined,
  ): readonly SignatureCheck[] | undefined {
    const checks: SignatureCheck[] = [];
    for (const signer of tx.signers) {
      const accountNumber = accountNumberOf(signer.account);
      if (accountNumber === undefined) return undefined;
      if (this.#verdicts.get(signer)?.accountNumber !== accountNumber)
        checks.push(signatureCheckOf(tx, signer, this.#chainId, accountNumber));
    }
    return checks;
  }
}

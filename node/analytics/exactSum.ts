/** A sum of safe integers without a bigint per addend, which would cost more than all the rest of a row. */
export class ExactSum {
  #recent = 0;
  #carried = 0n;

  add(value: number): void {
    const sum = this.#recent + value;
    if (Number.isSafeInteger(sum)) {
      this.#recent = sum;
      return;
    }
    this.#carried += BigInt(this.#recent);
    this.#recent = value;
  }

  get total(): bigint {
    return this.#carried + BigInt(this.#recent);
  }
}

import { appendFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import type { PlanPosition } from "#bridge/anchorPlan.ts";
import type { AnchorStep, BridgeSet, BridgeStep } from "#bridge/steps.ts";
import { hasGoodChecksum, withChecksum } from "../checkedJson.ts";
import { anchorFromJson, anchorToJson, stepFromJson, stepToJson } from "./stepJson.ts";

/** An anchor that more than two thirds of a set have signed, and that was not planned here. */
export type AdoptedAnchor = Pick<AnchorStep, "anchor" | "set">;

/**
 * What was planned, so that a node which starts again need not go through all blocks since the bridge began. It can be made again from the ledger
 * at any time: a line that is torn, whose checksum is wrong or that does not follow ends what is believed, and the rest is planned anew.
 */
export class PlanFile {
  readonly #path: string;
  readonly steps: BridgeStep[] = [];
  /** The first line that was not believed, from 1: what is behind it is planned again. A last line that was never finished is none. */
  damagedLine: number | undefined;
  #position: PlanPosition;

  private constructor(path: string, start: PlanPosition) {
    this.#path = path;
    this.#position = start;
  }

  /** `name`: of the configuration; another one's file is thrown away. */
  static async open(
    path: string,
    name: string,
    start: PlanPosition,
    setOf: (number: bigint) => Promise<BridgeSet | undefined>,
  ): Promise<PlanFile> {
    const file = new PlanFile(path, start);
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    const head = lineOf({ plan: name });
    if (!text.startsWith(head)) {
      // Of another configuration, or damaged: which one cannot be told, and both are planned from the start.
      if (text !== "" && !isHead(text)) file.damagedLine = 1;
      rmSync(path, { force: true });
      writeFileSync(path, head, { mode: 0o600 });
      return file;
    }
    let end = head.length;
    for (const [index, line] of text.slice(end).split("\n").slice(0, -1).entries()) {
      const json = parse(line);
      const adopted = await adoptedFromJson(json, setOf);
      const step = await stepFromJson(json, setOf);
      if (adopted === undefined ? step === undefined || !file.#take(step) : !file.#goOnBehind(adopted)) {
        file.damagedLine = index + 2;
        break;
      }
      end += line.length + 1;
    }
    truncateSync(path, end);
    return file;
  }

  get position(): PlanPosition {
    return this.#position;
  }

  append(step: BridgeStep): void {
    if (!this.#take(step)) throw new Error("a step that does not follow the one before");
    appendFileSync(this.#path, lineOf(stepToJson(step)));
  }

  /** Goes on behind an anchor that others have planned and signed: what is before it is not planned here. */
  adopt(adopted: AdoptedAnchor): void {
    if (!this.#goOnBehind(adopted)) throw new Error("an anchor that is not ahead of the plan");
    const { anchor, set } = adopted;
    appendFileSync(this.#path, lineOf({ kind: "adopted", set: `${set.number}`, anchor: anchorToJson(anchor) }));
  }

  #goOnBehind({ anchor, set }: AdoptedAnchor): boolean {
    const { seq, toHeight } = this.#position;
    if (anchor.seq <= seq || anchor.toHeight <= toHeight) return false;
    const { valsetNonce } = anchor;
    this.#position = { seq: anchor.seq, valsetNonce, toHeight: anchor.toHeight, setNumber: set.number };
    return true;
  }

  #take(step: BridgeStep): boolean {
    const { seq, valsetNonce, toHeight, setNumber } = this.#position;
    if (step.set.number !== setNumber) return false;
    if (step.kind === "anchor") {
      const { anchor } = step;
      if (anchor.seq !== seq + 1n || anchor.fromHeight !== toHeight + 1 || anchor.valsetNonce !== valsetNonce)
        return false;
      this.#position = { seq: anchor.seq, valsetNonce, toHeight: anchor.toHeight, setNumber };
    } else {
      if (step.nonce !== valsetNonce + 1n || step.effectiveHeight !== toHeight + 1) return false;
      this.#position = { seq, valsetNonce: step.nonce, toHeight, setNumber: step.next.number };
    }
    this.steps.push(step);
    return true;
  }
}

/** Undefined for every other line. */
async function adoptedFromJson(
  json: unknown,
  setOf: (number: bigint) => Promise<BridgeSet | undefined>,
): Promise<AdoptedAnchor | undefined> {
  const { kind, set: number, anchor: anchorJson } = (json ?? {}) as Partial<Record<string, unknown>>;
  const anchor = anchorFromJson(anchorJson);
  if (kind !== "adopted" || anchor === undefined || typeof number !== "string" || !/^[0-9]{1,20}$/.test(number))
    return undefined;
  const set = await setOf(BigInt(number));
  return set && { anchor, set };
}

function lineOf(value: object): string {
  return `${JSON.stringify(withChecksum(value))}\n`;
}

/** Whether the file begins as one of these does, of whatever configuration. */
function isHead(text: string): boolean {
  return parse(text.slice(0, Math.max(text.indexOf("\n"), 0))) !== undefined;
}

/** Undefined for what was not written so. */
function parse(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    return hasGoodChecksum(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

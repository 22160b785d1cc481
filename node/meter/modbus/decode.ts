import { sha256 } from "#storage/crypto/hash.ts";
import type { Reading } from "#storage/types/reading.ts";
import { type DecodedFrame, type RejectedPart, rejectedPart } from "../frame.ts";
import type { Block } from "./blocks.ts";
import { type Register, type RegisterMap, wordsOf } from "./registerMap.ts";
import { registerValue } from "./registerValue.ts";

/** A block and what the meter answered. */
export interface BlockAnswer {
  readonly block: Block;
  /** The registers, 2 × block.words bytes; the code of a Modbus exception where the meter has no such registers, or no time. */
  readonly words: Buffer | number;
  /** The whole frame as it came from the wire. */
  readonly raw: Uint8Array;
  readonly sentMs: number;
  readonly receivedMs: number;
}

export interface ModbusFrameOptions {
  readonly meterId: string;
  readonly map: RegisterMap;
  /** Instantaneous powers beyond it are refused, mW. */
  readonly fuseLimitMw: number;
}

/**
 * The readings of one poll. A meter shows no clock of its own on Modbus: all readings of a poll carry the time halfway between its first request and
 * its last answer. Never throws.
 */
export function decodeModbusPoll(answers: readonly BlockAnswer[], options: ModbusFrameOptions): DecodedFrame {
  const readings: Reading[] = [];
  const rejected: RejectedPart[] = [];
  const receivedMs = Math.max(0, ...answers.map((answer) => answer.receivedMs));
  const timestampMs = Math.round((Math.min(receivedMs, ...answers.map(({ sentMs }) => sentMs)) + receivedMs) / 2);
  for (const { block, words, raw } of answers) {
    if (typeof words === "number") {
      rejected.push(rejectedPart("empty-value", `${block.words} registers at ${block.address}: exception ${words}`));
      continue;
    }
    const rawHash = sha256(raw);
    for (const register of block.registers) {
      const from = (register.address - block.address) * 2;
      const bytes = words.subarray(from, from + wordsOf(register.type) * 2);
      if (bytes.length < wordsOf(register.type) * 2) {
        rejected.push(rejectedPart("truncated", describe(register, bytes)));
        continue;
      }
      const result = registerValue(bytes, register, options.map.sentinels);
      const reason = "reason" in result ? result.reason : limitOf(register, result.value, options);
      if ("reason" in result || reason !== undefined) {
        rejected.push(rejectedPart(reason ?? "not-a-number", describe(register, bytes)));
        continue;
      }
      readings.push({
        meterId: options.meterId,
        quantity: register.quantity,
        kind: isCounter(register) ? "register" : "instant",
        phase: register.phase,
        tariff: register.tariff,
        value: result.value,
        timestampMs,
        periodMs: 0,
        receivedMs,
        timeSource: "receiver",
        timeQuality: "synced",
        quality: 0,
        rawHash,
      });
    }
  }
  return { readings, rejected };
}

/** A poll none of whose values is believed. */
export function rejectPoll(frame: DecodedFrame, reason: "implausible" | "wrong-device"): DecodedFrame {
  const parts = frame.readings.map(({ quantity, phase, value }) =>
    rejectedPart(reason, `${quantity} L${phase} ${value}`),
  );
  return { readings: [], rejected: [...frame.rejected, ...parts] };
}

export function isCounter({ quantity }: Pick<Register, "quantity">): boolean {
  return /Energy|Volume|heat/.test(quantity);
}

function limitOf(
  register: Register,
  value: number,
  { fuseLimitMw }: ModbusFrameOptions,
): "negative" | "over-limit" | undefined {
  if (isCounter(register) && value < 0) return "negative";
  return register.quantity === "activePower" && Math.abs(value) > fuseLimitMw * 1.1 ? "over-limit" : undefined;
}

function describe(register: Register, bytes: Buffer): string {
  return `${register.quantity} L${register.phase} at ${register.address}: ${bytes.toString("hex")}`;
}

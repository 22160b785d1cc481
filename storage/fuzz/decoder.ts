import fc from "fast-check";
import { LedgerError } from "../error.ts";
import { byteMutation, mutateBytes } from "./mutateBytes.ts";
import { jsonMutation, mutateJson } from "./mutateJson.ts";
import { mutateWire, wireMutation } from "./mutateWire.ts";
import { fuzz } from "./runs.ts";
import { weightOf } from "./weight.ts";

/** A decoder that strangers reach, and what may be asked of it. */
export interface DecoderUnderTest<T> {
  readonly name: string;
  /** Valid encodings, all of which it must accept. */
  readonly samples: readonly Uint8Array[];
  /** Bytes before the protobuf of a sample, such as a tag; they are changed as bytes only. */
  readonly prefixBytes?: number;
  /** Answers a value or a refusal, or throws one of `errors`. */
  readonly decode: (bytes: Uint8Array) => T | Refusal;
  /** The error classes that its docstring names. Empty for a decoder that never throws. */
  readonly errors: readonly ErrorClass[];
  /** For formats in which every value has one encoding. */
  readonly encode?: (value: T) => Uint8Array;
  /** Bytes that one byte of input may become; the fields of an empty structure come on top. */
  readonly growth?: number;
}

export interface Refusal {
  readonly accepted: false;
  readonly code: string;
}

type ErrorClass = abstract new (...args: never[]) => LedgerError;

/** What an empty structure may weigh: a header has 14 fields, a configuration 60. */
const EMPTY_WEIGHT = 2048;
const GROWTH = 32;

/** Decodes `bytes` and fails on anything that a decoder must not do. */
export function checkDecoder<T>(decoder: DecoderUnderTest<T>, bytes: Uint8Array): "accepted" | "refused" {
  const { name, decode, errors, encode, growth = GROWTH } = decoder;
  let value: T | Refusal;
  try {
    value = decode(bytes);
  } catch (error) {
    if (error instanceof LedgerError && errors.some((known) => error instanceof known) && error.code !== "")
      return "refused";
    throw new Error(`${name} threw ${String(error)} for ${describe(bytes)}`, { cause: error });
  }
  if (isRefusal(value)) return "refused";
  const weight = weightOf(value);
  if (weight > EMPTY_WEIGHT + growth * bytes.length)
    throw new Error(`${name} makes ${weight} bytes of ${bytes.length}: ${describe(bytes)}`);
  if (encode !== undefined && Buffer.compare(encode(value), bytes) !== 0)
    throw new Error(`${name} accepts bytes that its value does not encode to: ${describe(bytes)}`);
  return "accepted";
}

/** Changed samples, and now and then bytes from nowhere. */
export function fuzzDecoder<T>(decoder: DecoderUnderTest<T>, runs: number): void {
  for (const sample of decoder.samples)
    if (checkDecoder(decoder, sample) !== "accepted") throw new Error(`${decoder.name} refuses ${describe(sample)}`);
  let refused = 0;
  fuzz(decoder.name, changedSample(decoder.samples, decoder.prefixBytes), runs, (bytes) => {
    if (checkDecoder(decoder, bytes) === "refused") refused += 1;
  });
  if (refused === 0) throw new Error(`${decoder.name} refused nothing in ${runs} runs`);
}

/** A decoder as a row of a test's table, whatever the type of its value. */
export function fuzzCase<T>(decoder: DecoderUnderTest<T>): {
  readonly name: string;
  readonly fuzz: (runs: number) => void;
} {
  return { name: decoder.name, fuzz: (runs) => fuzzDecoder(decoder, runs) };
}

/** One of the samples with a few changes of its fields, then of its bytes. */
export function changedSample(samples: readonly Uint8Array[], prefixBytes = 0): fc.Arbitrary<Uint8Array> {
  const changed = fc
    .record({
      sample: fc.constantFrom(...samples),
      donor: fc.constantFrom(...samples),
      fields: fc.array(wireMutation, { maxLength: 3 }),
      bytes: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(byteMutation, { maxLength: 2 })),
    })
    .map(({ sample, donor, fields, bytes }) => {
      const body = mutateWire(sample.subarray(prefixBytes), fields, donor.subarray(prefixBytes));
      return mutateBytes(Buffer.concat([sample.subarray(0, prefixBytes), body]), bytes, donor);
    });
  return fc.oneof({ weight: 20, arbitrary: changed }, fc.uint8Array({ maxLength: 100 }));
}

/** One of the texts with a few changes, and now and then a text from nowhere. */
export function changedJson(samples: readonly string[]): fc.Arbitrary<string> {
  const changed = fc
    .record({
      sample: fc.constantFrom(...samples),
      donor: fc.constantFrom(...samples),
      mutations: fc.array(jsonMutation, { minLength: 1, maxLength: 3 }),
    })
    .map(({ sample, donor, mutations }) => mutateJson(sample, mutations, donor));
  return fc.oneof({ weight: 20, arbitrary: changed }, fc.json(), fc.string({ unit: "binary" }));
}

function isRefusal<T>(value: T | Refusal): value is Refusal {
  return typeof value === "object" && value !== null && "accepted" in value && value.accepted === false;
}

/** Bytes of a counterexample that are shown. */
const SHOWN_BYTES = 400;

function describe(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString("hex");
  return `${bytes.length} bytes ${hex}${bytes.length > SHOWN_BYTES ? "…" : ""}`;
}

import { expect, test } from "vitest";
import type { Framed, Framer } from "../stream/framer.ts";
import { MAX_TELEGRAM_BYTES } from "./telegram.ts";
import { createDsmrFramer } from "./telegramFramer.ts";

function shown(found: readonly Framed[]): string[] {
  return found.map((each) =>
    "bytes" in each ? each.bytes.toString("latin1") : `${each.rejected.reason} ${each.rejected.text}`,
  );
}

function pushed(framer: Framer, ...texts: readonly string[]): string[] {
  return shown(texts.flatMap((text) => framer.push(Buffer.from(text, "latin1"))));
}

test("a telegram is whole with the fourth digit of its CRC", () => {
  const framer = createDsmrFramer();
  expect(pushed(framer, "/A\r\n", "1-0:1.7.0()\r\n!", "12", "A")).toEqual([]);
  expect(pushed(framer, "F")).toEqual(["/A\r\n1-0:1.7.0()\r\n!12AF"]);
  expect(pushed(framer, "\r\n/B\r\n!1234")).toEqual(["/B\r\n!1234"]);
  expect(shown(framer.flush())).toEqual([]);
});

test.each([
  ["with its line end, when zeros were left out", ["/A\r\n!B9F", "\r\n"], ["/A\r\n!B9F"]],
  ["with its line end, when it has no CRC", ["/A\r\n!", "\r\n"], ["/A\r\n!"]],
  ["with the next one", ["/A\r\n!B9F", "/"], ["/A\r\n!B9F"]],
])("a telegram is whole %s", (_name, texts, expected) => {
  expect(pushed(createDsmrFramer(), ...texts)).toEqual(expected);
});

test("silence ends a telegram whose last line end is missing", () => {
  const framer = createDsmrFramer();
  expect(pushed(framer, "/A\r\n!B9F")).toEqual([]);
  expect(shown(framer.flush())).toEqual(["/A\r\n!B9F"]);
  expect(shown(framer.flush())).toEqual([]);
});

test("silence in the middle loses what is there, and the next telegram is found", () => {
  const framer = createDsmrFramer();
  expect(pushed(framer, "/A\r\n1-0:1.7.0(")).toEqual([]);
  expect(shown(framer.flush())).toEqual(["truncated /A\r\n1-0:1.7.0("]);
  expect(pushed(framer, "/B\r\n!1234")).toEqual(["/B\r\n!1234"]);
});

test("what a stream begins with in the middle is one loss, in however many pieces it comes", () => {
  const framer = createDsmrFramer();
  expect(pushed(framer, "7.0(1*kW)\r\n", "!12", "34\r\n")).toEqual([]);
  expect(pushed(framer, "/B\r\n!1234")).toEqual(["truncated 7.0(1*kW)\r\n!1234\r\n", "/B\r\n!1234"]);
});

test("a telegram that begins before the one before has ended is kept, the other is not", () => {
  expect(pushed(createDsmrFramer(), "/A\r\n1-0:1.7", "/B\r\n!1234")).toEqual([
    "truncated /A\r\n1-0:1.7",
    "/B\r\n!1234",
  ]);
});

test("each of two broken telegrams is counted", () => {
  expect(pushed(createDsmrFramer(), "/A1/B2/C!1234")).toEqual(["truncated /A1", "truncated /B2", "/C!1234"]);
});

test("a telegram of the most bytes is taken, one of more is not, and nothing more is kept", () => {
  const most = `/${"x".repeat(MAX_TELEGRAM_BYTES - 2)}!`;
  expect(pushed(createDsmrFramer(), most, "1234")).toEqual([`${most}1234`]);
  const framer = createDsmrFramer();
  expect(pushed(framer, `/${"x".repeat(MAX_TELEGRAM_BYTES - 1)}!1234\r\n`, "/B!1234")).toEqual([
    `too-long /${"x".repeat(119)}`,
    "truncated !1234\r\n",
    "/B!1234",
  ]);
});

test("a line that never has a telegram is reported, and again", () => {
  const framer = createDsmrFramer();
  const found = Array.from({ length: 20 }, () => pushed(framer, "x".repeat(1000))).flat();
  expect(found).toEqual([`truncated ${"x".repeat(120)}`, `truncated ${"x".repeat(120)}`]);
});

/** 0xdb, 8, title, 0x82, length, body. */
function cipheredOf(bytes: number): string {
  return `\xdb\x08SAGg4206\x82${String.fromCharCode(bytes >> 8, bytes & 255)}${"!/".repeat(bytes / 2)}`;
}

test("ciphered telegrams are cut by their length, whatever is in them", () => {
  const framer = createDsmrFramer({ isCiphered: true });
  const whole = cipheredOf(700);
  const stream = `\xdb\x07junk${whole}${whole}`;
  const found = [];
  for (let at = 0; at < stream.length; at += 11) found.push(...pushed(framer, stream.slice(at, at + 11)));
  expect(found).toEqual(["truncated \xdb\x07junk", whole, whole]);
});

test("a ciphered telegram beyond the limit is looked for behind its first byte", () => {
  const framer = createDsmrFramer({ isCiphered: true });
  const whole = cipheredOf(20);
  expect(pushed(framer, `${cipheredOf(9000).slice(0, 40)}${whole}`)).toEqual([
    expect.stringMatching(/^too-long /),
    whole,
  ]);
});

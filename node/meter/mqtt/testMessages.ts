import { readFileSync } from "node:fs";
import type { Reading } from "#storage/types/reading.ts";
import { type ExactJson, isList, member, parseExactJson, showJson } from "../exactJson.ts";
import type { MessageContext } from "./messageTime.ts";

/** 2024-06-28T12:12:40Z, six seconds after the time of the HomeWizard v2 sample. */
export const RECEIVED_MS = Date.UTC(2024, 5, 28, 12, 12, 40);

export function testContext(change: Partial<MessageContext> = {}): MessageContext {
  return { topic: "test", receivedMs: RECEIVED_MS, isRetained: false, ...change };
}

export function sample(name: string): ExactJson | undefined {
  return parseExactJson(readFileSync(`${import.meta.dirname}/testdata/${name}`, "utf8"));
}

/** The bytes of a part of a sample, its numbers spelled as they were published. */
export function bytesOf(value: ExactJson | undefined): Buffer {
  return Buffer.from(showJson(value));
}

export function messagesOf(name: string): readonly Buffer[] {
  const messages = member(sample(name), "messages");
  return isList(messages) ? messages.map(bytesOf) : [];
}

export const bodyOf = (name: string): Buffer => bytesOf(member(sample(name), "body"));

/** "activeEnergyImport.t1 13779338000": quantity, phase and tariff where there are any, and the value. */
export function brief({ quantity, phase, tariff, kind, value }: Reading): string {
  const place = `${phase === 0 ? "" : `.L${phase}`}${tariff === 0 ? "" : `.t${tariff}`}`;
  return `${quantity}${place} ${kind} ${value}`;
}

/** What Tasmota sends for a French meter (Teleinfo), as its documentation shows it. */
export function tasmotaTeleinfo(change: { time?: string; total?: string; hchp?: string; start?: string } = {}): Buffer {
  const { time = "2021-10-26T17:28:45", total = "9098.245", hchp = "2275560", start = "2021-10-25T15:22:04" } = change;
  return Buffer.from(
    `{"Time":"${time}","ENERGY":{"TotalStartTime":"${start}","Total":${total},"Yesterday":6822.685,"Today":2275.56,"Period":9,` +
      `"Power":170,"Current":1.0,"Load":6},"TIC":{"ADCO":"021528603314","OPTARIF":"HC..","ISOUSC":15,"HCHC":920750,"HCHP":${hchp},` +
      `"PTEC":"HP..","IINST":1,"IMAX":2,"PAPP":170,"HHPHC":"A","MOTDETAT":0},"ESP32":{"Temperature":36.1},"TempUnit":"C"}`,
  );
}

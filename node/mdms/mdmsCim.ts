import { QUALITY } from "#storage/types/reading.ts";
import { type MdmsItem, seriesOfItem, timeOfItem } from "./mdmsItems.ts";
import { formatScaled, UNITS } from "./mdmsUnits.ts";
import { readingTypeOf } from "./readingType.ts";

export const CIM_MESSAGE_NAMESPACE = "http://iec.ch/TC57/2011/schema/message";
export const CIM_METER_READINGS_NAMESPACE = "http://iec.ch/TC57/2011/MeterReadings#";

export interface CimMessage {
  readonly meterId: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Names the message; a message that is sent again has the same one. */
  readonly messageId: string;
  readonly createdMs: number;
  /** Who says it: the ledger. */
  readonly source: string;
}

/** Reading quality codes of IEC 61968-9 Annex D, `system.category.index`; system 2: the metering system that collects. */
const QUALITY_TYPES = {
  valid: "2.0.0",
  rollover: "2.4.1",
  reset: "2.4.8",
  suspect: "2.5.258",
  missing: "2.5.259",
  substituted: "2.7.0",
  estimated: "2.8.0",
} as const;

/** What an export left out, because the standard has no name for it. */
export interface CimOmissions {
  readonly unnamed: number;
  readonly erased: number;
}

/**
 * An EventMessage `created MeterReadings` of IEC 61968-9: interval values as IntervalBlocks with their ReadingType, everything else as Readings.
 * Times are ends of intervals. Values are exact decimals; the schema calls them float. A missing interval has a quality and no value.
 * Series come one after another; a series whose readings change their period becomes several blocks. The return value says what was left out.
 */
export async function* writeMdmsCim(
  message: CimMessage,
  items: Iterable<MdmsItem> | AsyncIterable<MdmsItem>,
): AsyncGenerator<string, CimOmissions> {
  yield head(message);
  let [unnamed, erased] = [0, 0];
  let blockType: string | undefined;
  // In the schema's sequence the blocks come before the meter, and single readings behind it.
  const single: string[] = [];
  for await (const item of items) {
    if (item.type === "erased") {
      erased += 1;
      continue;
    }
    const periodMs = item.type === "reading" ? item.reading.periodMs : item.periodMs;
    const series = seriesOfItem(item);
    const type = readingTypeOf(series, periodMs);
    if (type === undefined) unnamed += 1;
    else if (series.kind !== "interval") single.push(readingElement("Readings", item, type));
    else {
      if (type !== blockType) {
        if (blockType !== undefined) yield blockEnd(blockType);
        yield "    <m:IntervalBlocks>\n";
        blockType = type;
      }
      yield readingElement("IntervalReadings", item, undefined);
    }
  }
  if (blockType !== undefined) yield blockEnd(blockType);
  yield `    <m:Meter><m:mRID>${escaped(message.meterId)}</m:mRID></m:Meter>\n`;
  yield* single;
  yield foot(message);
  return { unnamed, erased };
}

function head({ messageId, createdMs, source }: CimMessage): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<EventMessage xmlns="${CIM_MESSAGE_NAMESPACE}" xmlns:m="${CIM_METER_READINGS_NAMESPACE}">
 <Header>
  <Verb>created</Verb>
  <Noun>MeterReadings</Noun>
  <Revision>2.0</Revision>
  <Timestamp>${utc(createdMs)}</Timestamp>
  <Source>${escaped(source)}</Source>
  <MessageID>${escaped(messageId)}</MessageID>
  <CorrelationID>${escaped(messageId)}</CorrelationID>
 </Header>
 <Payload>
  <m:MeterReadings>
   <m:MeterReading>
`;
}

function foot({ fromMs, untilMs }: CimMessage): string {
  return `    <m:valuesInterval><m:end>${utc(untilMs)}</m:end><m:start>${utc(fromMs)}</m:start></m:valuesInterval>
   </m:MeterReading>
  </m:MeterReadings>
 </Payload>
</EventMessage>
`;
}

function blockEnd(type: string): string {
  return `     <m:ReadingType ref="${type}"/>\n    </m:IntervalBlocks>\n`;
}

/** With its type behind the qualities, where it is no part of a block: the order of the schema. */
function readingElement(
  name: "IntervalReadings" | "Readings",
  item: Exclude<MdmsItem, { type: "erased" }>,
  type: string | undefined,
): string {
  const parts: string[] = [];
  if (item.type === "reading") parts.push(`<m:reportedDateTime>${utc(item.reading.receivedMs)}</m:reportedDateTime>`);
  parts.push(`<m:timeStamp>${utc(timeOfItem(item))}</m:timeStamp>`);
  if (item.type === "reading") {
    const { value, quantity } = item.reading;
    parts.push(`<m:value>${formatScaled(value, UNITS[quantity].decimals)}</m:value>`);
  }
  for (const each of qualitiesOf(item))
    parts.push(`<m:ReadingQualities><m:ReadingQualityType ref="${each}"/></m:ReadingQualities>`);
  if (type !== undefined) parts.push(`<m:ReadingType ref="${type}"/>`);
  return `     <m:${name}>${parts.join("")}</m:${name}>\n`;
}

function qualitiesOf(item: Exclude<MdmsItem, { type: "erased" }>): readonly string[] {
  if (item.type === "missing") return [QUALITY_TYPES.missing];
  const { quality } = item.reading;
  const qualities: string[] = [];
  if ((quality & QUALITY.ROLLOVER) !== 0) qualities.push(QUALITY_TYPES.rollover);
  if ((quality & QUALITY.RESET) !== 0) qualities.push(QUALITY_TYPES.reset);
  if ((quality & QUALITY.SUSPECT) !== 0) qualities.push(QUALITY_TYPES.suspect);
  if ((quality & QUALITY.REPLACED) !== 0) qualities.push(QUALITY_TYPES.substituted);
  if ((quality & QUALITY.ESTIMATED) !== 0) qualities.push(QUALITY_TYPES.estimated);
  return qualities.length === 0 ? [QUALITY_TYPES.valid] : qualities;
}

/** Meter ids and names are printable ASCII; the rest of XML's characters cannot come here. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function utc(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

import { LedgerError } from "#storage/error.ts";

export type AnalyticsErrorDetails =
  /** A number, name or combination that an analysis cannot work with. */
  | {
      readonly code: "ANALYTICS_OPTION_INVALID";
      readonly option: string;
      readonly value: unknown;
      readonly reason: string;
    }
  /** Not a name of the IANA time zone database of this Node. */
  | { readonly code: "ANALYTICS_ZONE_UNKNOWN"; readonly zone: string }
  /** More series at once than memory is planned for. */
  | { readonly code: "ANALYTICS_TOO_MANY_SERIES"; readonly max: number }
  /** More readings than one request may look at: ask for a shorter range. */
  | { readonly code: "ANALYTICS_TOO_MANY_READINGS"; readonly max: number }
  /** The tariff file cannot be used; row from 1, without the header, 0 for the file as a whole. */
  | { readonly code: "TARIFF_MALFORMED"; readonly file: string; readonly row: number; readonly reason: string }
  /** A band of the schedule has no rate. */
  | { readonly code: "TARIFF_RATE_MISSING"; readonly band: string };

export class AnalyticsError extends LedgerError<AnalyticsErrorDetails> {}

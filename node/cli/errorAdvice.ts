/** What to do next about errors that parts of the program throw with facts and without advice, by code. */
export const ERROR_ADVICE: Readonly<Record<string, string>> = {
  METER_CSV_UNREADABLE:
    "give the path of a file, plain or gzip, that this user can read; a row has at most 4096 characters, and a damaged archive has to be copied again",
  METER_CSV_HEADER_UNKNOWN:
    "the first line of the file has to be one of the accepted headers: export the readings again in one of these forms",
  METER_CSV_EMPTY: "the file has no line: check that it was copied whole",
  METER_FILE_MALFORMED:
    "correct meters.json where the reason says, or put a copy in its place; `energy-ledger meter list` reads it again",
  METER_OPTION_INVALID:
    "correct this option in meters.json, or remove its input and add it again with `energy-ledger meter add`; node/meter/README.md has all options",
  CONFIGURATION_TOO_LARGE:
    "shorten the document: leave out what has its default, or keep texts and tables elsewhere and name them in it; the limit is maxBytes",
};

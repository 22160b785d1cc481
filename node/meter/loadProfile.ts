/**
 * Mean consumption of a household per half hour of the day in Wh, by season and kind of day: computed from the 122 households of 2013
 * in the Low Carbon London sample (UK Power Networks, CC BY 4.0; 2 063 921 rows, UTC, labels moved from the end to the start of the half hour).
 * Winter is November to March. The sums are 12.1, 12.7, 8.3 and 8.7 kWh a day.
 */
export const LOAD_PROFILE_WH = {
  winterWeekday: [
    287, 255, 230, 207, 190, 185, 164, 156, 156, 157, 159, 174, 199, 195, 236, 256, 243, 233, 232, 233, 233, 226, 227,
    228, 236, 233, 225, 224, 226, 224, 232, 252, 271, 290, 326, 348, 371, 385, 381, 368, 352, 344, 335, 318, 295, 263,
    229, 309,
  ],
  winterWeekend: [
    302, 273, 244, 216, 197, 186, 161, 152, 150, 154, 154, 155, 181, 168, 188, 205, 230, 245, 256, 267, 270, 272, 275,
    279, 287, 297, 287, 278, 271, 273, 276, 292, 304, 330, 359, 376, 385, 390, 380, 367, 350, 333, 324, 302, 283, 255,
    227, 313,
  ],
  summerWeekday: [
    175, 148, 126, 119, 111, 115, 104, 100, 106, 121, 134, 151, 172, 186, 179, 172, 168, 166, 166, 163, 160, 161, 171,
    167, 161, 158, 154, 153, 156, 162, 166, 171, 191, 204, 223, 232, 242, 246, 244, 247, 250, 245, 235, 211, 183, 159,
    141, 180,
  ],
  summerWeekend: [
    183, 156, 131, 123, 112, 115, 101, 98, 100, 107, 117, 128, 142, 149, 165, 179, 187, 196, 197, 197, 199, 202, 209,
    214, 203, 192, 189, 182, 186, 187, 187, 193, 202, 215, 233, 239, 242, 240, 242, 239, 240, 240, 230, 206, 185, 163,
    145, 184,
  ],
} as const;

/** Mean power of a household at a time, in W. */
export function meanLoadW(unixMs: number): number {
  const date = new Date(unixMs);
  const month = date.getUTCMonth() + 1;
  const day = date.getUTCDay();
  const season = month >= 11 || month <= 3 ? "winter" : "summer";
  const kind = day === 0 || day === 6 ? "Weekend" : "Weekday";
  const halfHour = date.getUTCHours() * 2 + (date.getUTCMinutes() >= 30 ? 1 : 0);
  return 2 * (LOAD_PROFILE_WH[`${season}${kind}`][halfHour] ?? 0);
}

/** Terni, the pilot of eDREAM (D5.1 §2.2.1). */
const LATITUDE_RAD = (42.56 * Math.PI) / 180;
const LONGITUDE_DEG = 12.64;

/**
 * Share of its peak power that a horizontal PV panel gives under a clear sky: the sine of the sun's height, from declination
 * (Cooper's formula, 23.45° · sin(360° · (284 + day) / 365)) and hour angle.
 */
export function clearSkyShare(unixMs: number): number {
  const date = new Date(unixMs);
  const dayOfYear = Math.floor((unixMs - Date.UTC(date.getUTCFullYear(), 0, 0)) / 86_400_000);
  const declination = ((23.45 * Math.PI) / 180) * Math.sin((2 * Math.PI * (284 + dayOfYear)) / 365);
  const solarHours = (unixMs % 86_400_000) / 3_600_000 + LONGITUDE_DEG / 15;
  const hourAngle = ((solarHours - 12) * 15 * Math.PI) / 180;
  const sine =
    Math.sin(LATITUDE_RAD) * Math.sin(declination) +
    Math.cos(LATITUDE_RAD) * Math.cos(declination) * Math.cos(hourAngle);
  return Math.max(0, sine);
}

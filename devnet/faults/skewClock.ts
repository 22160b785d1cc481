/** Loaded before a node (`--import`): its clock runs ENERGY_CLOCK_SKEW_MS before everybody else's, or behind. */
const skewMs = Number(process.env.ENERGY_CLOCK_SKEW_MS ?? 0);
const now = Date.now;
Date.now = () => now() + skewMs;

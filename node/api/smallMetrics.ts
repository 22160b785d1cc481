/**
 * Prometheus text of a few numbers, for nodes that do without prom-client: names as in node/api/metrics.ts, resident memory always added.
 * `values`: name → [help, value]; names that end in `_total` are counters.
 */
export function formatMetrics(values: Readonly<Record<string, readonly [help: string, value: number]>>): string {
  const all = {
    ...values,
    process_resident_memory_bytes: ["Resident memory size in bytes.", process.memoryUsage.rss()] as const,
    process_uptime_seconds: ["Seconds since the process started", process.uptime()] as const,
  };
  return Object.entries(all)
    .map(([name, [help, value]]) => {
      const type = name.endsWith("_total") ? "counter" : "gauge";
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`;
    })
    .join("");
}

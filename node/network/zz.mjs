import module from "node:module";

if (process.argv[2]) module.enableCompileCache(process.argv[2]);
const rss = () => (process.memoryUsage().rss / 1048576).toFixed(1);
const b = rss();
const t = performance.now();
await import("./network.ts");
console.log(
  process.argv[2],
  b,
  rss(),
  (performance.now() - t).toFixed(0),
  "ms",
  (process.memoryUsage().heapUsed / 1048576).toFixed(1),
);
module.flushCompileCache?.();

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Bytes of the files in a directory; files that vanish while it is read, as LevelDB's do, count nothing. */
export async function directoryBytes(directory: string): Promise<number> {
  const names = await readdir(directory);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        (facts) => (facts.isFile() ? facts.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((total, bytes) => total + bytes, 0);
}

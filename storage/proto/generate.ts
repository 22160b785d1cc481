import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Generates storage/proto/gen from the .proto files beside this one: `npm run proto`, or with a directory as argument into that.
 * buf is fetched by npm for the one run, because its package names a binary for every platform and would break `npm ci`
 * where some of them are missing. The plugin is the devDependency of the same version as the runtime.
 */
const BUF = "@bufbuild/buf@1.75.0";

export function generateProto(outDirectory: string): void {
  const directory = fileURLToPath(new URL(".", import.meta.url));
  const template = {
    version: "v2",
    clean: true,
    plugins: [{ local: "protoc-gen-es", out: outDirectory, opt: ["target=ts", "import_extension=ts"] }],
  };
  execFileSync(
    "npm",
    ["exec", "--yes", `--package=${BUF}`, "--", "buf", "generate", "--template", JSON.stringify(template)],
    { cwd: directory, stdio: ["ignore", "inherit", "pipe"] },
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  generateProto(process.argv[2] ?? fileURLToPath(new URL("./gen", import.meta.url)));

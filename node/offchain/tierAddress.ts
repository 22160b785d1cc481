import { readFileSync } from "node:fs";
import { LedgerError } from "#storage/error.ts";
import { isKeyspaceName } from "./cassandraSchema.ts";

export type TierErrorDetails =
  /** Not what the forms below say; the address is told without a user and a password. */
  | {
      readonly code: "READING_TIER_ADDRESS_MALFORMED";
      readonly address: string;
      readonly reason: string;
      readonly hint: string;
    }
  /** An address is seen in process lists, logs and configuration files. */
  | { readonly code: "READING_TIER_ADDRESS_HAS_CREDENTIALS"; readonly address: string; readonly hint: string }
  | { readonly code: "READING_TIER_CREDENTIALS_UNREADABLE"; readonly file: string; readonly reason: string }
  /** A folder that was to be read has no store or queue in it. */
  | { readonly code: "READING_TIER_MISSING"; readonly folder: string; readonly reason: string; readonly hint: string };

export class TierError extends LedgerError<TierErrorDetails> {}

/** Where readings rest: a LevelDB in a folder, or a Cassandra cluster. */
export type StoreAddress =
  | { readonly type: "level"; readonly folder: string }
  | {
      readonly type: "cassandra";
      /** `host` or `host:port`. */
      readonly contactPoints: readonly string[];
      readonly keyspace: string;
      readonly localDataCenter?: string;
      /** In the local data center, for a keyspace that has to be made. */
      readonly replicas?: number;
    };

/** Where readings wait: a queue in a folder, or one on a RabbitMQ broker. */
export type QueueAddress =
  | { readonly type: "embedded"; readonly folder: string }
  | {
      readonly type: "rabbitmq";
      /** Scheme, host, port and virtual host; no credentials, no parameters. */
      readonly url: string;
      readonly name?: string;
      readonly queueType?: "quorum" | "classic";
      readonly maxBytes?: number;
    };

export interface TierCredentials {
  readonly username: string;
  readonly password: string;
}

const STORE_FORM = "a folder, or cassandra://host[:port][,host…]/keyspace[?dc=NAME&replicas=N]";
const QUEUE_FORM = "a folder, or amqp[s]://host[:port]/vhost[?queue=NAME&type=quorum|classic&maxBytes=N]";
const HINT = "put `user:password` into a file only you can read, and name that with the option for credentials";
const MAX_CREDENTIALS_CHARS = 1024;
const NAME = /^[\w.-]{1,128}$/;
/** A name, an IPv4 address, or an IPv6 address in brackets. */
const HOST = /^(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** @throws TierError READING_TIER_ADDRESS_MALFORMED, READING_TIER_ADDRESS_HAS_CREDENTIALS */
export function parseStoreAddress(text: string): StoreAddress {
  const url = parseUrl(text, ["cassandra"], STORE_FORM);
  if (url === undefined) return { type: "level", folder: text };
  const contactPoints = url.hosts.map((host) => host.replace(/^\[(.*)\]$/, "$1"));
  const keyspace = url.path === "" ? "energy_ledger" : url.path;
  if (!isKeyspaceName(keyspace)) throw url.malformed(`${keyspace} is no name of a keyspace`);
  const { dc, replicas } = url.parameters(["dc", "replicas"]);
  if (dc !== undefined && !NAME.test(dc)) throw url.malformed("dc is no name of a data center");
  return {
    ...{ type: "cassandra", contactPoints, keyspace },
    ...(dc === undefined ? {} : { localDataCenter: dc }),
    ...(replicas === undefined ? {} : { replicas: url.integer("replicas", replicas, 1, 100) }),
  };
}

/** @throws TierError READING_TIER_ADDRESS_MALFORMED, READING_TIER_ADDRESS_HAS_CREDENTIALS */
export function parseQueueAddress(text: string): QueueAddress {
  const url = parseUrl(text, ["amqp", "amqps"], QUEUE_FORM);
  if (url === undefined) return { type: "embedded", folder: text };
  if (url.hosts.length !== 1) throw url.malformed("it names more than one host");
  const { queue, type, maxBytes } = url.parameters(["queue", "type", "maxBytes"]);
  if (queue !== undefined && !NAME.test(queue)) throw url.malformed("queue is no name of a queue");
  if (type !== undefined && type !== "quorum" && type !== "classic") throw url.malformed("type is quorum or classic");
  const path = url.path === "" ? "" : `/${encodeURIComponent(url.path)}`;
  return {
    ...{ type: "rabbitmq", url: `${url.scheme}://${url.hosts[0]}${path}` },
    ...(queue === undefined ? {} : { name: queue }),
    ...(type === undefined ? {} : { queueType: type }),
    ...(maxBytes === undefined ? {} : { maxBytes: url.integer("maxBytes", maxBytes, 1024 * 1024, 2 ** 50) }),
  };
}

/** The first line of a file, `user:password`; none without a file. @throws TierError READING_TIER_CREDENTIALS_UNREADABLE */
export function readTierCredentials(file: string): TierCredentials | undefined {
  if (file === "") return undefined;
  let line: string;
  try {
    [line = ""] = readFileSync(file, "utf8").split(/\r?\n/, 1);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new TierError({ code: "READING_TIER_CREDENTIALS_UNREADABLE", file, reason }, { cause: error });
  }
  const colon = line.indexOf(":");
  if (colon < 1 || line.length > MAX_CREDENTIALS_CHARS) {
    const reason = "its first line is not user:password";
    throw new TierError({ code: "READING_TIER_CREDENTIALS_UNREADABLE", file, reason });
  }
  return { username: line.slice(0, colon), password: line.slice(colon + 1) };
}

interface TierUrl {
  readonly scheme: string;
  readonly hosts: readonly string[];
  /** Decoded, without the slash. */
  readonly path: string;
  parameters<const Name extends string>(names: readonly Name[]): { readonly [N in Name]?: string };
  integer(name: string, text: string, min: number, max: number): number;
  malformed(reason: string): TierError;
}

/** Undefined for a folder. By hand: the URL of the platform knows one host only. */
function parseUrl(text: string, schemes: readonly string[], form: string): TierUrl | undefined {
  const address = text.replace(/\/\/[^/?#]*@/, "//").slice(0, 500);
  const malformed = (reason: string): TierError =>
    new TierError({ code: "READING_TIER_ADDRESS_MALFORMED", address, reason, hint: `it is ${form}` });
  if (text === "") throw malformed("it is empty");
  const [, scheme, authority = "", rawPath = "", query = ""] =
    /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text) ?? [];
  if (scheme === undefined) {
    if (text.includes("://")) throw malformed("it is no address");
    return undefined;
  }
  if (!schemes.includes(scheme)) throw malformed(`${scheme} is not known here`);
  if (authority.includes("@"))
    throw new TierError({ code: "READING_TIER_ADDRESS_HAS_CREDENTIALS", address, hint: HINT });
  const hosts = authority.split(",");
  for (const host of hosts) if (!isHost(host)) throw malformed(`${JSON.stringify(host)} is no host`);
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    throw malformed("its path cannot be decoded");
  }
  return {
    ...{ scheme, hosts, path, malformed },
    parameters<const Name extends string>(names: readonly Name[]) {
      const found: { [N in Name]?: string } = {};
      for (const [name, value] of new URLSearchParams(query)) {
        const known = names.find((each) => each === name);
        if (known === undefined) throw malformed(`${name} is no parameter of it`);
        if (found[known] !== undefined) throw malformed(`${name} is there twice`);
        found[known] = value;
      }
      return found;
    },
    integer(name, digits, min, max) {
      const value = Number(digits);
      if (!/^\d{1,16}$/.test(digits) || value < min || value > max)
        throw malformed(`${name} is a whole number from ${min} to ${max}`);
      return value;
    },
  };
}

function isHost(host: string): boolean {
  const [, port] = /:(\d{1,5})$/.exec(host) ?? [];
  return HOST.test(host) && (port === undefined || (Number(port) >= 1 && Number(port) <= 65_535));
}

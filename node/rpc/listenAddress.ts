export interface ListenAddress {
  /** A name, an IPv4 or an IPv6 address without brackets. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** `127.0.0.1:26657`, `[::1]:26657`, also behind CometBFT's `tcp://`; undefined for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:tcp:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, ipv6, name = "", digits] = match;
  const port = Number(digits);
  return port > 65_535 ? undefined : { host: ipv6 ?? name, port };
}

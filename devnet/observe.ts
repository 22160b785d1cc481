/** What the devnet reads of a node over REST; undefined while the node does not answer. */
export interface NodeView {
  readonly height: number;
  readonly round: number;
  readonly peers: number;
  readonly catchingUp: boolean;
  readonly peerId: string;
  /** Hex; null where no validator runs. */
  readonly validatorAddress: string | null;
}

export interface LightView {
  readonly headers: number;
  readonly headerBytes: number;
  readonly proofsVerified: number;
  readonly proofsFailed: number;
  readonly readings?: {
    readonly queued: number;
    readonly durable: number;
    readonly fingerprinted: number;
    readonly late: number;
    readonly ended: boolean;
  };
  readonly account?: {
    readonly rows: number;
    readonly accepted: number;
    readonly duplicates: number;
    readonly rejected: Readonly<Record<string, number>>;
    readonly acceptedMwh: string;
  };
  readonly intervals: {
    readonly queued: number;
    readonly finalised: number;
    readonly rejected: number;
    readonly finalisedReadings: number;
    readonly finalisedMwh: string;
  };
  readonly transactions?: { readonly sent: number; readonly finalised: number; readonly rejected: number };
  readonly finalitySeconds: readonly number[];
  readonly isDrained: boolean;
}

export interface BridgeView {
  readonly relay?: { readonly state: string; readonly detail: string };
  readonly fault: string;
}

const REQUEST_TIMEOUT_MS = 3_000;

async function ask<T>(url: string): Promise<T | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    return answer.ok ? ((await answer.json()) as T) : undefined;
  } catch {
    return undefined;
  }
}

export function nodeView(apiUrl: string): Promise<NodeView | undefined> {
  return ask(`${apiUrl}/ledger/v1/status`);
}

export function lightView(apiUrl: string): Promise<LightView | undefined> {
  return ask(`${apiUrl}/ledger/v1/light`);
}

/** A node's part in the bridge; undefined where it has none. */
export function bridgeView(apiUrl: string): Promise<BridgeView | undefined> {
  return ask(`${apiUrl}/ledger/v1/bridge`);
}

/** Validators that the application excluded, by address in hex, and why. */
export async function exclusions(
  apiUrl: string,
): Promise<readonly { readonly address: string; readonly reason: string }[]> {
  const answer = await ask<{ exclusions: { address: string; reason: string }[] }>(`${apiUrl}/ledger/v1/exclusions`);
  return answer?.exclusions ?? [];
}

/** Addresses of the validators of a height, in hex; none where they are not known. */
export async function validatorAddresses(apiUrl: string, height: number): Promise<readonly string[]> {
  const answer = await ask<{ validators: { address: string }[] }>(`${apiUrl}/ledger/v1/validators/${height}`);
  return (answer?.validators ?? []).map(({ address }) => address);
}

/** Peer ids of the nodes it is connected to. */
export async function peerIds(apiUrl: string): Promise<readonly string[]> {
  const answer = await ask<{ peers: { peerId: string }[] }>(`${apiUrl}/ledger/v1/peers`);
  return (answer?.peers ?? []).map(({ peerId }) => peerId);
}

/** Hash and app hash of a block as a node holds it: the hash is what the next header names as the block before. */
export interface HeaderView {
  readonly height: number;
  readonly appHash: string;
  readonly lastBlockId: { readonly hash: string };
}

export function headerView(apiUrl: string, height: number): Promise<HeaderView | undefined> {
  return ask(`${apiUrl}/ledger/v1/headers/${height}`);
}

export async function metricValue(apiUrl: string, name: string): Promise<number | undefined> {
  try {
    const text = await (await fetch(`${apiUrl}/metrics`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })).text();
    const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  } catch {
    return undefined;
  }
}

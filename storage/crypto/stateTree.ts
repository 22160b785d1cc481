import { latin1Bytes, sha256Latin1 } from "./hash.ts";

/**
 * The authenticated state: an immutable binary Merkle trie over SHA256(key), each entry at the shortest path that no other entry shares.
 * leaf SHA256(0x00 ‖ SHA256(key) ‖ SHA256(value)), inner SHA256(0x01 ‖ left ‖ right), empty 32 zero bytes. The root depends on the entries
 * only, never on the order they came in. Updates share what they do not touch, so earlier versions stay readable at no cost; hashes are kept
 * as latin1 strings, which take half the memory of a Uint8Array each.
 */
export interface StateTree {
  readonly root: TreeNode | undefined;
  /** Number of entries. */
  readonly size: number;
}

export type TreeNode = TreeLeaf | TreeInner;

export interface TreeLeaf {
  readonly hash: string;
  readonly keyHash: string;
  readonly valueHash: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface TreeInner {
  readonly hash: string;
  readonly left: TreeNode | undefined;
  readonly right: TreeNode | undefined;
}

export interface TreeWrite {
  readonly key: Uint8Array;
  /** undefined deletes. */
  readonly value: Uint8Array | undefined;
}

export const EMPTY_TREE: StateTree = { root: undefined, size: 0 };

export const EMPTY_HASH = "\0".repeat(32);

const scratch = Buffer.alloc(65);

interface HashedWrite {
  readonly keyHash: string;
  readonly leaf: TreeLeaf | undefined;
}

/** The tree after the writes; of two writes to one key the later counts. O(writes · log size) hashes. */
export function treeUpdate(tree: StateTree, writes: readonly TreeWrite[]): StateTree {
  if (writes.length === 0) return tree;
  const latest = new Map<string, HashedWrite>();
  for (const { key, value } of writes) {
    const keyHash = sha256Latin1(key);
    latest.set(keyHash, { keyHash, leaf: value === undefined ? undefined : makeLeaf(key, keyHash, value) });
  }
  const sorted = [...latest.values()].sort((a, b) => (a.keyHash < b.keyHash ? -1 : 1));
  const change = { size: 0 };
  const root = update(tree.root, sorted, 0, sorted.length, 0, change);
  return { root, size: tree.size + change.size };
}

/** Root hash, 32 bytes; 32 zero bytes of an empty tree. */
export function treeRoot(tree: StateTree): Uint8Array {
  return latin1Bytes(tree.root?.hash ?? EMPTY_HASH);
}

export function treeGet(tree: StateTree, key: Uint8Array): Uint8Array | undefined {
  const keyHash = sha256Latin1(key);
  let node = tree.root;
  for (let depth = 0; node !== undefined; depth++) {
    if (isLeaf(node)) return node.keyHash === keyHash ? node.value : undefined;
    node = bitAt(keyHash, depth) === 0 ? node.left : node.right;
  }
  return undefined;
}

/** All entries, in the order of their key hashes. */
export function* treeEntries(tree: StateTree): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
  const open = [tree.root];
  while (open.length > 0) {
    const node = open.pop();
    if (node === undefined) continue;
    if (isLeaf(node)) yield [node.key, node.value];
    else open.push(node.right, node.left);
  }
}

export function isLeaf(node: TreeNode): node is TreeLeaf {
  return "key" in node;
}

/** Bit `depth` of a hash, most significant first. */
export function bitAt(hash: string, depth: number): 0 | 1 {
  return ((hash.charCodeAt(depth >> 3) >> (7 - (depth & 7))) & 1) as 0 | 1;
}

export function leafHashOf(keyHash: string, valueHash: string): string {
  return hashPair(0, keyHash, valueHash);
}

export function innerHashOf(left: string, right: string): string {
  return hashPair(1, left, right);
}

function hashPair(domain: 0 | 1, first: string, second: string): string {
  scratch[0] = domain;
  scratch.write(first, 1, "latin1");
  scratch.write(second, 33, "latin1");
  return sha256Latin1(scratch);
}

function makeLeaf(key: Uint8Array, keyHash: string, value: Uint8Array): TreeLeaf {
  const valueHash = sha256Latin1(value);
  return { hash: leafHashOf(keyHash, valueHash), keyHash, valueHash, key, value };
}

/** Writes `sorted[from..to)` all lie below `node`, whose path has `depth` bits. */
function update(
  node: TreeNode | undefined,
  sorted: readonly HashedWrite[],
  from: number,
  to: number,
  depth: number,
  change: { size: number },
): TreeNode | undefined {
  if (from === to) return node;
  if (node === undefined || isLeaf(node)) return replaceLeaf(node, sorted.slice(from, to), depth, change);
  const middle = firstWithBit(sorted, from, to, depth);
  const left = update(node.left, sorted, from, middle, depth + 1, change);
  const right = update(node.right, sorted, middle, to, depth + 1, change);
  return left === node.left && right === node.right ? node : join(left, right);
}

/** A place that held nothing or one entry: what is there afterwards is built anew. */
function replaceLeaf(
  before: TreeLeaf | undefined,
  writes: readonly HashedWrite[],
  depth: number,
  change: { size: number },
): TreeNode | undefined {
  const leaves: TreeLeaf[] = [];
  let kept = before;
  for (const { keyHash, leaf } of writes) {
    if (kept !== undefined && kept.keyHash <= keyHash) {
      if (kept.keyHash < keyHash) leaves.push(kept);
      kept = undefined;
    }
    if (leaf !== undefined) leaves.push(leaf);
  }
  if (kept !== undefined) leaves.push(kept);
  change.size += leaves.length - (before === undefined ? 0 : 1);
  return build(leaves, 0, leaves.length, depth);
}

function build(leaves: readonly TreeLeaf[], from: number, to: number, depth: number): TreeNode | undefined {
  if (to - from <= 1) return from === to ? undefined : leaves[from];
  const middle = firstWithBit(leaves, from, to, depth);
  return join(build(leaves, from, middle, depth + 1), build(leaves, middle, to, depth + 1));
}

/** First of the sorted items whose bit `depth` is 1; all share the bits before it. */
function firstWithBit(items: readonly { readonly keyHash: string }[], from: number, to: number, depth: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bitAt(items[middle]?.keyHash ?? EMPTY_HASH, depth) === 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A node over two places. One entry alone moves up, so that the tree's shape depends on its entries only. */
function join(left: TreeNode | undefined, right: TreeNode | undefined): TreeNode | undefined {
  if (left === undefined && (right === undefined || isLeaf(right))) return right;
  if (right === undefined && left !== undefined && isLeaf(left)) return left;
  return { hash: innerHashOf(left?.hash ?? EMPTY_HASH, right?.hash ?? EMPTY_HASH), left, right };
}

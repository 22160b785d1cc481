import type { RejectedPart } from "../frame.ts";

/** What a framer found: the exact bytes of one frame, or bytes that belong to none. */
export type Framed = { readonly bytes: Buffer } | { readonly rejected: RejectedPart };

/** Cuts a stream of bytes into the frames of a protocol. Finds the next frame after damage, and never keeps more than one frame's worth of bytes. */
export interface Framer {
  push(bytes: Uint8Array): readonly Framed[];
  /** The line is silent, or broken: what is there ends here. */
  flush(): readonly Framed[];
}

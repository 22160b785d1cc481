import type { FinalizeBlockResponse } from "../abci.ts";

/** Whether a device is to be told at once of what a block did: whether it sets an urgent configuration. */
export function setsUrgentConfiguration({ txResults }: Pick<FinalizeBlockResponse, "txResults">): boolean {
  return txResults.some(
    ({ code, events }) =>
      code === 0 &&
      events.some(({ type, attributes }) => {
        const has = (name: string, wanted: string) =>
          attributes.some(({ key, value }) => key === name && value === wanted);
        return type === "configuration" && has("action", "set") && has("priority", "urgent");
      }),
  );
}

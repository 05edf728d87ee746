import type { ProtocolError } from './packets.js';

/**
 * Makes the value that says what a peer did wrong. `statement5` is the broken statement of MQTT 5,
 * `statement3` that of 3.1.1, which also stands for 3.1; `version` 0 (not known yet) cites MQTT 5.
 */
export function protocolError(
  version: number,
  reasonCode: number,
  reason: string,
  statement5: string | undefined,
  statement3: string | undefined,
): ProtocolError {
  const statement = version === 3 || version === 4 ? statement3 : statement5;
  return { reasonCode, reason, statement };
}

/** Why a data directory was not opened, copied or compacted. Stable: scripts may compare it. */
export type StoreOpenCode =
  | 'STORE_LOCKED'
  | 'STORE_LAYOUT'
  | 'STORE_UNWRITABLE'
  | 'STORE_CORRUPT'
  | 'STORE_ABSENT';

/** The environment's fault, found when a data directory is opened. The message names the remedy. */
export class StoreOpenError extends Error {
  override readonly name = 'StoreOpenError';
  readonly code: StoreOpenCode;

  constructor(code: StoreOpenCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/**
 * The `code` of a system or LMDB error (`ENOSPC`, `28`, `-30795`), as text; '' when there is none.
 */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return String(error.code);
}

/** What the operating system said, in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}

/**
 * True when the file system or the quota is full. lmdb reports the bare number of the system error:
 * 28 is ENOSPC; EDQUOT is 122 on Linux and 69 on macOS and the BSDs.
 */
export function meansFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', '28', '122', '69'].includes(codeOf(error));
}

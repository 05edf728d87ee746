/** Why the admin socket was not opened or did not answer. Stable: scripts may compare it. */
export type AdminErrorCode =
  | 'ADMIN_IN_USE'
  | 'ADMIN_UNWRITABLE'
  | 'ADMIN_FORBIDDEN'
  | 'ADMIN_TIMEOUT'
  | 'ADMIN_BROKEN'
  | 'ADMIN_TOO_LARGE';

/** The environment's fault around the admin socket. The message is one line with the remedy. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly code: AdminErrorCode;

  constructor(code: AdminErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The system's code of an error (`ENOENT`); '' when there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

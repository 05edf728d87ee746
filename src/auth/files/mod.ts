/**
 * auth/files (edge): the two back ends that read files, VerneMQ's vmq_passwd and vmq_acl. Owns
 * reading, watching and hashing. Never decides what a file means: `auth` does.
 *
 *   file ──poll──▶ WatchedFile ──parse (auth)──▶ back end ◀── AuthChain
 *                      │ mistakes: logged once, what was in force stays
 */
export { type FileOptions, type OpenedFile, openAclFile, openPasswordFile } from './open.js';
export { newEntry, usualIterations } from './password-hash.js';
export type { FileLog } from './watched-file.js';
export { replaceFile } from './replace-file.js';

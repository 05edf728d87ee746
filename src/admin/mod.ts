/**
 * admin (EDGE): what an operator tells one node to do. Owns the table of commands, their words,
 * helps and formats, and the local socket that only the owner of the data directory can open.
 * Never decides what a command does to the node: that is an AdminNode's.
 *
 * ```
 * vmq-admin words ─▶ askNode ═ admin.sock ═▶ AdminServer ─▶ table of commands ─▶ AdminNode
 *           text  ◀─                      ◀─                                  ◀─
 * ```
 */
export { AdminError } from './admin-error.js';
export type {
  ActionResult,
  AdminNode,
  ClusterView,
  JsonRow,
  LeaveOptions,
  OptionEntry,
  StatusRow,
} from './admin-node.js';
export { AdminServer } from './admin-server.js';
export { askNode } from './client.js';
export { commands } from './commands.js';
export { parseArguments } from './request.js';
export { type AdminResponse, isSwitchOf, resolveRequest } from './run-command.js';

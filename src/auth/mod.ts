/**
 * auth: who may do what. Owns the questions, the answers, the chain of back ends, and what the two
 * file back ends' files mean. Never reads a file or hashes: `files/` does, at the edge. Never
 * says yes by accident: no answer, a wrong answer and a failing back end all deny.
 *
 *   session ──▶ AuthChain ──▶ back end 1 ─next─▶ back end 2 ─next─▶ … ─▶ denied
 *      ▲                          │ allow, deny        │
 *      └──────────────────────────┴────────────────────┘  now, or later by `reply`
 */
export type { BackendFailure } from './ask.js';
export { AuthChain } from './chain.js';
export * from './decisions.js';
export type { ListenerFacts, PeerFacts } from './facts.js';
export { AclBackend } from './acl-backend.js';
export { type Acl, parseAcl } from './acl-file.js';
export { describeProblem, type FileProblem, linesOf, type Parsed } from './file-problem.js';
export {
  formatUser,
  type HashParameters,
  hashBytes,
  iterationsMax,
  noPasswords,
  type PasswordEntry,
  type PasswordFile,
  parseHash,
  parsePasswords,
  userNameProblem,
} from './password-file.js';
export { withoutUser, withUser } from './password-edit.js';

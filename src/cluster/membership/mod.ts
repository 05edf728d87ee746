/**
 * cluster/membership: who belongs to the cluster and who of them is there. Owns failure detection,
 * what members say of each other, the list of members with its majorities, the rules of joining and
 * leaving, the start of a node, and the text of `cluster show`; never opens a connection, never
 * writes a row itself, never decides what clients are answered (netsplit does).
 *
 * ```
 *  bytes, closes ──▶ FailureDetector ─ up | suspect | down ─┐
 *                        │ what it hears                    ├─▶ who is there ─▶ cluster show
 *  heartbeats ─────▶ Views ─ dead | cut off, whose clock ───┤
 *  Member rows ────▶ Members ─ who counts ──────────────────┘
 * ```
 */
export {
  type DetectedLane,
  type DetectorSettings,
  FailureDetector,
  type FailureDetectorOut,
  type PeerState,
  type PeerStatus,
  tickIntervalMs,
} from './failure-detector.js';
export { ClockCheck, type ClockCheckOut } from './clock-check.js';
export { type HeartbeatBody, readHeartbeatBody, writeHeartbeatBody } from './heartbeat-body.js';
export { type Classification, type MatrixRow, type OwnJudgement, Views } from './views.js';
export {
  type ChangeContext,
  type ChangeRequest,
  type Plan,
  type Step,
} from './change-plan.js';
export {
  Change,
  type ChangeOptions,
  type ChangeOut,
  type RowToWrite,
  type Verdict,
} from './change.js';
export {
  isNodeName,
  type MemberRow,
  type MemberState,
  readMemberRow,
  writeMemberRow,
} from './member-row.js';
export {
  type Admission,
  admissionOf,
  isMajority,
  majorityOf,
  type Member,
  Members,
  type PendingChange,
  sitesMax,
} from './members.js';
export { type Proposal, readProposal, writeProposal } from './proposal.js';
export {
  recentStarts,
  StartGate,
  type StartGateOptions,
  type StartGateOut,
  type StartMember,
  type StartState,
} from './start-gate.js';

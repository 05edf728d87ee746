/**
 * cluster/membership: who belongs to the cluster and who of them is there. Owns failure detection,
 * what members say of each other and of the time, the list of members with its majorities, the
 * rules of joining and leaving, and when a starting node may serve; never opens a connection, never
 * writes a row itself, never decides what clients are answered (netsplit does).
 *
 * ```
 *  bytes, closes ──▶ FailureDetector ─ up | suspect | down ─┐
 *                        │ what it hears                    ├─▶ who is there ─▶ StartGate
 *  heartbeats ─────▶ Views ─ dead | cut off, whose clock ───┤
 *  Member rows ────▶ Members ─ who counts ─▶ Change ────────┘
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
export { type ChangeContext, type ChangeRequest, underWay } from './change-plan.js';
export {
  Change,
  type ChangeOptions,
  type ChangeOut,
  type RowToWrite,
  type Verdict,
} from './change.js';
export { type MemberRow, readMemberRow, writeMemberRow } from './member-row.js';
export {
  admissionOf,
  isMajority,
  majorityOf,
  type Member,
  Members,
  type PendingChange,
  type WrittenRow,
} from './members.js';
export {
  type JoinWish,
  type LeaveOptions,
  type ListedMember,
  type MembershipAnswer,
  type MembershipRequest,
  type Proposal,
  readAnswer,
  readRequest,
  writeAnswer,
  writeRequest,
} from './requests.js';
export {
  recentStarts,
  StartGate,
  type StartGateOut,
  type StartMember,
} from './start-gate.js';

/**
 * cluster/membership: who of the members is there. Owns failure detection and what members say of
 * each other and of the time; never opens a connection, never writes a row, never decides what
 * clients are answered (netsplit does).
 *
 * ```
 *  bytes, closes ──▶ FailureDetector ─ up | suspect | down ─┐
 *                        │ what it hears                    ├─▶ who is there
 *  heartbeats ─────▶ Views ─ dead | cut off, whose clock ───┘
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

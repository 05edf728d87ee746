/**
 * cluster/flow: messages on their way from one member to another. Owns what is promised for each:
 * that it is confirmed once it is owned there, and taken once however often it is sent. Never
 * decides where a message goes, never reads a topic.
 *
 * ```
 *  publish ─▶ PeerFlow.send ─▶ (numbers, data lane) ─▶ PeerFlow.onFrame ─▶ out.opened ─▶ sessions
 *     ack ◀─ Confirmation ◀── Confirm ◀── durable there ◀─ batch of the message and its number
 * ```
 */
export {
  type Arrived,
  type Arriving,
  type Awaited,
  PeerFlow,
  type PeerFlowOut,
  RefusedBecause,
} from './peer-flow.js';

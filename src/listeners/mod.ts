/**
 * listeners (EDGE): how clients reach the broker. TCP, TLS, WebSocket and unix sockets, PROXY
 * protocol and X-Forwarded-For, limits per address, and the turn that writes each connection once.
 * Never looks into MQTT: bytes go to a LinkHandler, bytes come from its writer.
 *
 *   net.Server ─▶ (PROXY) ─▶ (TLS) ─▶ (HTTP upgrade) ─▶ LinkBase ⇄ LinkHandler (core)
 *                                                           └▶ Turn: settle, flush once
 */
export { type ListenerRow, Listeners } from './listeners.js';
export {
  type ListenerCounters,
  type ListenerLog,
  type ListenerOptions,
  type TlsOptions,
} from './options.js';
export { Turn } from './turn.js';

/**
 * peers (EDGE): how nodes reach each other. TCP and mutual TLS for cluster/link: dialling, the
 * listeners vmq and vmqs, certificates, and the rules of who may be listened for and under which
 * address. Never reads a frame, never decides who is a member, never retries: that is cluster/link.
 *
 *   TcpTransport ─ dial ─▶ PeerSocket ⇄ Lane         PeerListener ─ accept ─▶ PeerSocket ⇄ Acceptor
 *                              └▶ Turn: flush once, in one corked write
 */
export { linkCrypto } from './crypto.js';
export {
  type PeerCounters,
  type PeerEnvironment,
  PeerError,
  type PeerLog,
} from './environment.js';
export {
  type Advertised,
  type AdvertisedFacts,
  advertisedAddress,
  type ListenFacts,
  listenProblem,
} from './listen-rules.js';
export { type PeerAddress, parsePeerAddress, peerAddressText } from './peer-address.js';
export {
  type AcceptPeer,
  PeerListener,
  type PeerListenerOptions,
  type PeerListenerRow,
} from './peer-listener.js';
export { PeerTls, type PeerTlsOptions } from './peer-tls.js';
export { TcpTransport, type TcpTransportOptions } from './tcp-transport.js';

/**
 * cluster/routing: how one member tells another what its subscribers want, and how a message goes
 * there. Owns the bytes of both; never decides where a message goes (broker does), nor whether it
 * arrives (link does).
 *
 * ```
 *  Route row   (mountpoint, group, filter) ──▶ has persistent ones, online, total
 *  Publish     envelope (mountpoint, publisher, flags …) ── the MQTT 5 PUBLISH as it is sent anyway
 * ```
 */
export { type Envelope, readEnvelope, writeEnvelope } from './envelope.js';
export {
  readRouteKey,
  readRouteValue,
  type RouteName,
  routeKey,
  type RouteValue,
  routeValueBytes,
} from './route-row.js';
